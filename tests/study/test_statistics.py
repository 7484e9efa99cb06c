"""Against enumeration, SciPy, and the coverage that five values really give."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from steepest.study.statistics import (
    Interval,
    bootstrap_of_mean,
    chance_below,
    holm,
    paired_p,
    summary,
)

NUMBERS = st.lists(st.integers(-8, 8).map(lambda k: k / 8), min_size=2, max_size=5)


@given(values=NUMBERS, level=st.sampled_from([0.5, 0.9, 0.95]))
def test_the_bootstrap_counts_every_resample(values, level):
    means = sorted(math.fsum(drawn) / len(values) for drawn in product(values, repeat=len(values)))
    interval = bootstrap_of_mean(values, level)
    most = (1 - level) / 2 * len(means)
    for end, beyond, at in (
        (interval.low, [m for m in means if m < interval.low], lambda m: m <= interval.low),
        (interval.high, [m for m in means if m > interval.high], lambda m: m >= interval.high),
    ):
        assert end in means
        assert len(beyond) <= most < sum(map(at, means))


def test_what_lies_outside_is_at_most_its_share():
    assert bootstrap_of_mean([0.0, 1.0], 0.5) == Interval(0.5, 0.5)
    assert bootstrap_of_mean([0.0, 1.0], 0.51) == Interval(0.0, 1.0)


def test_many_values_are_resampled_the_same_way_each_time():
    values = np.random.default_rng(1).standard_normal(40).tolist()
    interval = bootstrap_of_mean(values)
    assert interval == bootstrap_of_mean(values)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", random_state=3)
    low, high = theirs.confidence_interval
    width = high - low
    assert abs(interval.low - low) < 0.06 * width
    assert abs(interval.high - high) < 0.06 * width


@pytest.mark.parametrize("n", [2, 5, 8, 9])
def test_equal_values_have_an_interval_of_length_0_and_no_warning(n):
    interval = bootstrap_of_mean([0.1] * n)
    assert interval.high - interval.low < 1e-15
    assert interval.excludes_zero
    assert not bootstrap_of_mean([0.0] * n).excludes_zero


def test_of_one_value_nothing_is_known_but_its_mean_and_of_infinite_ones_nothing():
    one = summary([0.5])
    assert (one.mean, one.sd, one.interval) == (0.5, None, None)
    failed = summary([0.5, math.inf, 0.25])
    assert (failed.mean, failed.sd, failed.interval, failed.diverged) == (None, None, None, 1)
    assert summary([]).mean is None
    three = summary([1, 2, 4])
    assert three.sd == pytest.approx(np.std([1, 2, 4], ddof=1))


@given(values=NUMBERS.filter(lambda values: len(set(values)) > 1))
def test_p_is_that_of_students_paired_t(values):
    assert paired_p(values) == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)


def test_p_of_equal_differences_is_that_of_a_coarse_rounding():
    assert paired_p([0.0, 0.0]) == 1.0
    assert paired_p([1.0]) is None
    # Two equal differences say little, five a good deal, whatever their unit and their rounding.
    assert paired_p([0.3, 0.3]) > 0.1
    five = paired_p([1.0] * 5)
    assert five == pytest.approx(2 * stats.t.sf(math.sqrt(12 * 5), 4))
    assert paired_p([0.3 - 0.2, 0.1, 0.1, 0.1, 0.1]) == pytest.approx(five)
    assert paired_p([-1e-3] * 5) == pytest.approx(five)


def test_holm_multiplies_the_least_by_the_number_of_tests_and_keeps_the_order():
    assert holm([0.02, 0.01, 0.9]) == pytest.approx((0.04, 0.03, 0.9))
    assert holm([0.2, 0.01, 0.19]) == pytest.approx((0.38, 0.03, 0.38))
    assert holm([0.6, 0.7]) == (1.0, 1.0)
    assert holm([]) == ()


def test_a_bootstrap_of_five_values_covers_less_than_it_says_and_students_t_what_it_says():
    """What the report says of itself: the test fails if either turned out otherwise."""
    draws = np.random.default_rng(0).standard_normal((600, 5)).tolist()
    covers = np.mean([not bootstrap_of_mean(draw).excludes_zero for draw in draws])
    assert 0.80 < covers < 0.87
    kept = np.mean([paired_p(draw) > 0.05 for draw in draws])
    assert 0.93 < kept < 0.97


def test_the_interval_of_the_chance_covers_with_ties_as_half_wins():
    """Exactly, by summing over all outcomes of five pairs, for many chances to win and to tie."""
    n, worst = 5, 1.0
    outcomes = [(w, t, n - w - t) for w in range(n + 1) for t in range(n + 1 - w)]
    intervals = {
        (w, t): chance_below([0] * w + [1] * t + [2] * loss, [1] * n)[1] for w, t, loss in outcomes
    }
    for win in np.linspace(0, 1, 21):
        for tie in np.linspace(0, 1 - win, 11):
            covered = sum(
                math.comb(n, w)
                * math.comb(n - w, t)
                * (win**w * tie**t * max(0.0, 1 - win - tie) ** loss)
                for w, t, loss in outcomes
                if intervals[w, t].low <= win + tie / 2 <= intervals[w, t].high
            )
            worst = min(worst, covered)
    assert worst >= 0.95


def test_the_chance_to_win_counts_what_diverged():
    inf = math.inf
    assert chance_below([1.0, inf, inf, 2.0], [inf, 1.0, inf, 2.0])[0] == 0.5
    chance, interval = chance_below([1.0] * 5, [2.0, inf, 2.0, inf, 2.0])
    assert (chance, interval.high) == (1.0, 1.0)
    assert interval.low == pytest.approx(0.025 ** (1 / 5))
    assert chance_below([2.0], [1.0])[1].low == 0.0
