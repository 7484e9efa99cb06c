from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from planted_study import HERE, bowl, method, plan, run
from steepest.study.best_of import expected_best, expected_best_of
from steepest.study.tuning import tuned

VALUES = st.lists(st.sampled_from([0.0, 0.25, 0.25, 0.5, 1.0, np.inf]), min_size=1, max_size=7)


@given(values=VALUES)
def test_it_is_the_mean_over_all_subsets(values):
    values = sorted(values)
    for k, got in enumerate(expected_best(values), 1):
        assert got == pytest.approx(np.mean([min(s) for s in combinations(values, k)]))


@given(picked_by=VALUES, data=st.data())
def test_another_metric_is_that_of_what_is_picked(picked_by, data):
    n = len(picked_by)
    other = data.draw(st.lists(st.integers(0, 5).map(float), min_size=n, max_size=n))
    order = sorted(range(n), key=lambda i: (picked_by[i], i))
    rank = {i: place for place, i in enumerate(order)}
    for k, got in enumerate(expected_best([other[i] for i in order]), 1):
        picks = [min(subset, key=rank.__getitem__) for subset in combinations(range(n), k)]
        assert got == pytest.approx(np.mean([other[i] for i in picks]))


def test_of_a_tuned_method_the_picks_are_those_of_the_study():
    study = plan(method(steps=(0.5, 1.0, 2.0, 4.0)))
    choice = tuned(study, HERE, study.methods[0], run(study, bowl))
    dev, test = (expected_best_of(choice.points, name) for name in ("dev error", "test error"))
    assert dev[-1] == choice.chosen.score
    assert test[-1] == choice.chosen.mean("test error")
    assert dev[0] == pytest.approx(np.mean([point.score for point in choice.points]))
    assert np.all(np.diff(dev) <= 0)
    assert len(expected_best_of((), "dev error")) == 0
