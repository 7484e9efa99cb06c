import math

import pytest

from planted_study import HERE, method, plan, result, run
from steepest.study.sensitivity import sensitivity
from steepest.study.tuning import tuned


def of(errors, select="dev error", **more):
    errors = {3 * step: value for step, value in errors.items()}  # no step has the logarithm 0
    study = plan(
        method(steps=tuple(sorted(errors)), extend=False, **more), tuning={"select": select}
    )

    def make(trial):
        value = errors[trial.step_size]
        bad = math.isinf(value)
        return result(trial, {select: 0.5 if bad else value}, diverged=2 if bad else None)

    return sensitivity(tuned(study, HERE, study.methods[0], run(study, make)), select)


def test_an_error_may_cost_a_point_linearly_in_the_logarithm():
    found = of({0.5: 0.12, 1.0: 0.10, 2.0: 0.14})
    assert found.below.factor == pytest.approx(math.sqrt(2))
    assert found.above.factor == pytest.approx(2**0.25)
    assert not any(side.at_least for side in (found.below, found.above))
    assert str(found.above) == "×1.19"


def test_a_loss_may_cost_a_hundredth_of_itself():
    found = of({0.5: 2.04, 1.0: 2.0, 2.0: 2.01, 4.0: 2.03}, "dev loss")
    assert found.below.factor == pytest.approx(math.sqrt(2))
    assert found.above.factor == pytest.approx(2 * math.sqrt(2))


def test_where_the_grid_ends_first_it_is_at_least_so_much():
    found = of({0.25: 0.102, 0.5: 0.101, 1.0: 0.10, 2.0: 0.11})
    assert (str(found.below), str(found.above)) == ("at least ×4", "at least ×2")
    assert str(of({1.0: 0.1}).below) == "at least ×1"


def test_a_diverged_neighbour_is_crossed_at_its_near_edge():
    found = of({0.25: math.inf, 0.5: 0.105, 1.0: 0.10, 2.0: math.inf})
    assert str(found.above) == "×1, beyond it diverges"
    assert str(found.below) == "×2, beyond it diverges"


def test_the_first_crossing_counts():
    assert of({1.0: 0.1, 2.0: 0.12, 4.0: 0.1, 8.0: 0.3}).above.factor == pytest.approx(math.sqrt(2))


def test_where_all_diverged_nothing_is_known():
    assert of({1.0: math.inf, 2.0: math.inf}) is None
