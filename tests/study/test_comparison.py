"""The verdict between two methods, and the guard against finding what is not there."""

import math

import numpy as np
import pytest

from steepest.study.comparison import compare_all
from steepest.study.statistics import bootstrap_of_mean, holm, paired_p

BASE = (0.10, 0.12, 0.11, 0.13, 0.10)


def one(a, b, metric="test error"):
    (only,) = compare_all(metric, {"adam": a, "sgd": b})
    return only


def test_a_clear_difference_is_one_and_says_for_whom():
    worse = [x + d for x, d in zip(BASE, (0.020, 0.021, 0.019, 0.020, 0.022), strict=True)]
    c = one(BASE, worse)
    assert c.kind == "first is better"
    assert c.verdict == "adam is better by 2.04 percentage points (1.96 to 2.14)"
    assert (c.worse("sgd"), c.worse("adam"), c.chance) == (True, False, 1.0)
    c = one(worse, BASE, "test loss")
    assert c.verdict == "sgd is better by 0.0204 (0.0196 to 0.0214)"
    assert (c.worse("sgd"), c.worse("adam"), c.chance) == (False, True, 0.0)


def test_an_interval_that_excludes_zero_is_not_enough():
    differences = (0.001, 0.006, 0.030, 0.002, 0.017)
    assert bootstrap_of_mean(differences).excludes_zero
    assert paired_p(differences) > 0.05
    c = one(BASE, [x + d for x, d in zip(BASE, differences, strict=True)])
    assert c.kind == "within the noise"
    assert c.verdict.startswith("within the noise: adam is lower by 1.12 percentage points (")


def test_p_is_adjusted_for_all_pairs():
    shifted = [x + d for x, d in zip(BASE, (0.01, 0.02, 0.03, 0.02, 0.01), strict=True)]
    alone = one(BASE, shifted)
    assert alone.kind == "first is better"
    others = {
        f"m{k}": [x + 1 + 0.1 * k * s for x, s in zip(BASE, (1, -1, 0, 1, -1), strict=True)]
        for k in range(6)
    }
    among = compare_all("test error", {"adam": BASE, "sgd": shifted, **others})
    assert len(among) == 28
    raw = [paired_p(c.difference.values) for c in among]
    assert [c.p for c in among] == list(holm(raw))
    assert among[0].p > alone.p
    assert among[0].kind == "within the noise"


def test_ties_are_called_ties_and_equal_means_are_not():
    assert one(BASE, BASE).verdict == "tied: equal on 5 seeds"
    assert one((0.1,), (0.1,)).kind == "tied"
    c = one((0.1, 0.2), (0.2, 0.1))
    assert c.verdict == "within the noise: equal means, 0.00 percentage points (−10.00 to 10.00)"


def test_a_difference_that_is_the_same_on_every_seed():
    assert one(BASE, [1.0 + x for x in BASE]).kind == "first is better"
    assert one(BASE[:2], [1.0 + x for x in BASE[:2]]).kind == "within the noise"


def test_with_one_seed_or_a_diverged_run_it_is_not_known():
    assert one((0.1,), (0.2,)).verdict == "not known: one seed has no spread"
    failed = (0.2, math.inf, 0.3, math.inf, 0.2)
    c = one(BASE, failed)
    assert c.verdict == "not known: sgd diverged on 2 of 5 seeds"
    assert (c.p, c.difference.mean, c.chance) == (None, None, 1.0)
    both = one([math.inf] * 5, failed)
    assert (
        both.verdict == "not known: adam diverged on 5 of 5 seeds and sgd diverged on 2 of 5 seeds"
    )
    assert both.chance == pytest.approx(0.2)
    # A pair without a p takes no part in the adjustment of the others.
    far = [x + d for x, d in zip(BASE, (0.020, 0.021, 0.019, 0.020, 0.022), strict=True)]
    among = compare_all("test error", {"adam": BASE, "sgd": far, "failed": failed})
    assert among[0].p == paired_p(among[0].difference.values)


def test_equal_methods_are_seldom_told_apart():
    """At five seeds and ten pairs: some pair is called different in at most 5 % of studies."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(120):
        values = {f"m{k}": (0.1 + 0.01 * rng.standard_normal(5)).tolist() for k in range(5)}
        found += any(c.kind.endswith("better") for c in compare_all("test error", values))
    assert found <= 11  # 5 % of 120, and two standard deviations of the count


def test_means_that_differ_by_rounding_are_equal():
    single = lambda values: [float(np.float32(k / 360)) for k in values]
    c = one(single((6, 7, 8, 9, 10)), single((10, 6, 7, 8, 9)))
    assert c.difference.mean == 0
    assert c.verdict.startswith("within the noise: equal means, 0.00 percentage points (")
    small = one([1e-3] * 5, [1e-3 + 1e-8] * 5)
    assert small.kind == "first is better"
