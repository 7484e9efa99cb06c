import math

import numpy as np

from planted_study import HERE, method, plan, result
from steepest.study.configuration import configuration
from steepest.study.target import default_target, time_to_target

STUDY = plan(method())
TRIAL = configuration(STUDY, HERE, STUDY.methods[0], 1.0, {}, 0)


def falling(*values, diverged=None):
    made = result(TRIAL, {"dev error": 1.0}, diverged)
    made.metrics["dev error"][: len(values)] = values
    return made


def test_the_first_epoch_at_or_below_the_target_counts():
    runs = [falling(0.9, 0.5, 0.7), falling(0.9, 0.8, 0.6, 0.5), falling(0.6, 0.51)]
    time = time_to_target(runs, "dev error", 0.5)
    assert time.epochs == (2, 4, None)
    assert (time.reached, time.median) == (2, 4.0)


def test_the_median_is_not_known_where_it_falls_on_runs_that_fail():
    runs = [falling(0.9, 0.5), falling(), falling(), falling(0.4)]
    assert time_to_target(runs, "dev error", 0.5).median is None
    assert time_to_target(runs[:1] + runs[3:], "dev error", 0.5).median == 1.5
    assert time_to_target([], "dev error", 0.5).median is None


def test_a_run_that_diverges_later_has_reached_it_and_its_last_epoch_does_not_count():
    for diverged, reached in ((4, 2), (3, 2), (2, None)):
        run = falling(0.9, 0.5, diverged=diverged)
        assert time_to_target([run], "dev error", 0.5).epochs == (reached,)
    assert time_to_target([falling(0.9, 0.9, 0.1, diverged=3)], "dev error", 0.5).epochs == (None,)


def test_the_default_target_is_the_worst_finite_mean():
    good, bad = result(TRIAL, {"dev error": 0.1}), result(TRIAL, {"dev error": 0.3})
    failed = result(TRIAL, {"dev error": 0.9}, diverged=2)
    assert default_target({"a": [good, bad], "b": [good]}, "dev error") == np.mean([0.1, 0.3])
    assert default_target({"a": [good], "b": [bad, failed]}, "dev error") == 0.1
    assert default_target({"a": [failed], "b": []}, "dev error") is None
    assert math.isinf(failed.final("dev error"))


def test_equal_runs_reach_their_own_mean():
    """It is rounded below them: fsum of five times 0.235, over 5."""
    runs = [result(TRIAL, {"dev error": 0.235})] * 5
    target = default_target({"a": runs}, "dev error")
    assert target is not None
    assert target < 0.235
    assert time_to_target(runs, "dev error", target).reached == 5
