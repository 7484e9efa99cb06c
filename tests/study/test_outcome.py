"""What a study's results say, whole and half done."""

import math
from functools import cache

import numpy as np
import pytest

from planted_study import HERE, bowl, method, plan, result, run
from steepest.study.outcome import read_outcome
from steepest.study.tuning import fresh_trials

METHODS = (
    method("gradient_descent", (1.0, 2.0, 4.0, 8.0)),
    method("heavy_ball", tune={"momentum": (0.0, 0.9)}),
    method("adam", (0.5, 1.0, 2.0)),
)
STUDY = plan(*METHODS, seeds=3)


@cache
def whole():
    return run(STUDY, bowl)


def without(results, drop):
    return {key: r for key, r in results.items() if not drop(r.configuration)}


def is_fresh(trial):
    return trial.seed >= 10_000


def test_a_whole_study():
    outcome = read_outcome(STUDY, HERE, whole())
    assert outcome.complete
    assert [m.label for m in outcome.finished] == ["gradient_descent", "heavy_ball", "adam"]
    assert outcome.metrics == ("train error", "dev error", "test error")
    for m in outcome.methods:
        assert (m.missing, m.missing_in_words) == (0, "")
        assert m.tuned.step == 1.0
        trials = fresh_trials(STUDY, HERE, m.plan, m.tuned.chosen)
        assert [run.configuration for run in m.fresh] == list(trials)
        finals = [run.metrics["test error"][-1] for run in m.fresh]
        assert m.summary("test error").mean == pytest.approx(np.mean(finals))
        curve = m.curve("test error", STUDY.epochs)
        values = np.array([run.metrics["test error"] for run in m.fresh])
        np.testing.assert_allclose(curve.mean, values.mean(axis=0))
        np.testing.assert_allclose(curve.sd, values.std(axis=0, ddof=1))
        assert curve.epochs.tolist() == list(range(1, STUDY.epochs + 1))
        assert outcome.expected_best(m, "dev error")[-1] == m.tuned.chosen.score
        reached = [outcome.time_to_target(m, target).reached for target in (1.0, 0.0)]
        assert reached == [3, 0]
        at_target = [run.metrics["dev error"] <= outcome.target for run in m.fresh]
        epochs = tuple(int(np.argmax(at)) + 1 if at.any() else None for at in at_target)
        assert outcome.time_to_target(m).epochs == epochs
        assert curve.best == int(np.argmin(values.mean(axis=0)))
    assert set(outcome.comparisons) == set(outcome.metrics)
    assert len(outcome.comparisons["test error"]) == 3
    worst = max(m.summary("dev error").mean for m in outcome.methods)
    assert outcome.target == worst
    applies = {(c.general, c.special): c.applies for c in outcome.inclusions}
    assert applies == {
        ("heavy_ball", "gradient_descent"): True,
        ("adam", "gradient_descent"): False,
        ("adam", "heavy_ball"): False,
    }


def test_other_studies_results_in_the_store_change_nothing():
    more = run(plan(method("rmsprop"), seeds=2, seed=7), bowl)
    assert read_outcome(STUDY, HERE, {**more, **whole()}) == read_outcome(STUDY, HERE, whole())


def test_nothing_run_yet():
    outcome = read_outcome(STUDY, HERE, {})
    assert (outcome.complete, outcome.finished, outcome.target) == (False, (), None)
    assert [m.missing for m in outcome.methods] == [8, 20, 6]
    assert outcome.comparisons == {"dev error": ()}
    assert outcome.inclusions == ()
    first = outcome.methods[0]
    assert first.missing_in_words == (
        "its tuning goes on: 8 trials to come, and more if its grid grows"
    )
    assert (first.tuned, first.points, first.fresh) == (None, (), ())
    assert outcome.sensitivity(first) is None
    assert outcome.time_to_target(first).epochs == ()
    assert len(outcome.expected_best(first, "dev error")) == 0
    assert np.isnan(first.curve("dev error", 4).mean).all()
    assert first.curve("dev error", 4).best is None


def test_a_method_that_is_half_tuned_or_lacks_a_fresh_seed_is_not_compared():
    lacks = lambda t: (t.method, t.seed) in {("adam", 10_001), ("gradient_descent", 1)}
    outcome = read_outcome(STUDY, HERE, without(whole(), lacks))
    tuning, done, running = outcome.methods
    assert [m.label for m in outcome.finished] == ["heavy_ball"]
    assert (tuning.tuned, tuning.fresh) == (None, ())
    assert done.complete
    assert running.tuned.step == 1.0
    assert [run.configuration.seed for run in running.fresh] == [10_000, 10_002]
    assert running.missing_in_words == (
        "1 trial of the chosen configuration on fresh seeds to come"
    )
    assert outcome.comparisons["test error"] == ()
    assert outcome.target == done.summary("dev error").mean
    assert len(outcome.expected_best(tuning, "dev error")) == 0
    half = read_outcome(STUDY, HERE, without(whole(), lambda t: t.step_size == 1.0))
    assert [point.step for point in half.methods[0].points] == [2.0, 4.0, 8.0]


def test_a_fresh_run_that_diverges_makes_the_mean_unknown():
    def fails(trial):
        return result(trial, {"dev error": 0.1, "test error": 0.2}, diverged=3)

    results = whole()
    results = {
        key: fails(r.configuration)
        if (r.configuration.method, r.configuration.seed) == ("adam", 10_001)
        else r
        for key, r in results.items()
    }
    outcome = read_outcome(STUDY, HERE, results)
    adam = outcome.methods[2]
    assert adam.complete
    found = adam.summary("test error")
    assert (found.mean, found.sd, found.diverged) == (None, None, 1)
    assert math.isinf(found.values[1])
    curve = adam.curve("test error", STUDY.epochs)
    assert np.isfinite(curve.mean).tolist() == [True, True] + [False] * 8
    kinds = {c.kind for c in outcome.comparisons["test error"] if "adam" in (c.first, c.second)}
    assert kinds == {"not known"}
    assert outcome.target == max(m.summary("dev error").mean for m in outcome.methods[:2])


def test_a_problem_with_a_metric_of_its_own():
    study = plan(method(), method("sgd"), tuning={"select": "score"}, seeds=2)
    make = lambda t: result(t, {"score": -1.0 + (t.step_size - 1) ** 2, "train loss": 0.5})
    outcome = read_outcome(study, HERE, run(study, make))
    assert (outcome.reported, outcome.trained) == ("score", "train loss")
    assert outcome.metrics == ("train loss", "score")
    assert outcome.comparisons["score"][0].kind == "tied"
    assert len(outcome.panels) == 4


def test_one_seed_gives_no_spread():
    study = plan(method(), method("sgd"), seeds=1, tuning={"seeds": 1})
    outcome = read_outcome(study, HERE, run(study, bowl))
    found = outcome.methods[0].summary("test error")
    assert found.mean is not None
    assert (found.sd, found.interval) == (None, None)
    assert outcome.comparisons["test error"][0].kind == "not known"
    assert np.isnan(outcome.methods[0].curve("test error", 10).sd).all()
