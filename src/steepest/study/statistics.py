"""What a few seeds can tell: means with intervals, paired differences, the chance to win.

With five seeds an interval is shorter than what it promises: the percentile bootstrap of five
normal values covers their mean in about 83 % of cases where it says 95 % (the tests measure it).
So no difference is called one on its interval alone: `comparison` asks for Student's t as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import stats

LEVEL = 0.95
"""How much an interval is meant to cover."""

_MOST_ENUMERATED = 8  # 6,435 multisets; of more values resamples are drawn
_RESAMPLES = 9_999
_EQUAL = 1e-9  # differences this close to each other, relative to their mean, are one number


@dataclass(frozen=True)
class Interval:
    """From low to high."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 is outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Summary:
    """A sample in a few numbers, each None where it is not known.

    Attributes:
        values: the sample, infinite where a run diverged.
        mean: None where the sample is empty or a run diverged.
        sd: the standard deviation with n − 1 below; None of fewer than two values, too.
        interval: percentile bootstrap of the mean; None of fewer than two values, too.
    """

    values: tuple[float, ...]
    mean: float | None
    sd: float | None
    interval: Interval | None

    @property
    def diverged(self) -> int:
        """How many of the values are infinite."""
        return sum(map(math.isinf, self.values))


def summary(values: Sequence[float | int]) -> Summary:
    """A sample in a few numbers.

    Example:
        >>> summary([0.25, 0.5, 0.75]).sd
        0.25
        >>> summary([0.5]).sd is None
        True
    """
    values = tuple(float(value) for value in values)
    if not values or not all(map(math.isfinite, values)):
        return Summary(values, None, None, None)
    sd = _sd(values) if len(values) > 1 else None
    return Summary(values, _mean(values), sd, bootstrap_of_mean(values))


def bootstrap_of_mean(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """The percentile bootstrap interval of a mean (Efron 1979); None of fewer than two values.

    Of up to eight values all nⁿ resamples are counted, so that the interval is exact: outside it,
    on either side, lie at most (1 − level)/2 of them. Of more values 9,999 resamples are drawn, the
    same each time. Equal values have an interval of length 0.

    Args:
        values: finite numbers.
        level: the part of the resampled means that lies inside.
    """
    n = len(values)
    if n < 2:
        return None
    if n > _MOST_ENUMERATED:
        drawn = np.random.default_rng(0).integers(0, n, (_RESAMPLES, n))
        tail = 50 * (1 - level)
        low, high = np.percentile(np.asarray(values)[drawn].mean(axis=1), [tail, 100 - tail])
        return Interval(float(low), float(high))
    # A multiset of k₁, k₂, … of the values is drawn in n!/(k₁! k₂! …) of the nⁿ ways.
    ways: Counter[float] = Counter()
    for drawn in combinations_with_replacement(range(n), n):
        repeats = math.prod(math.factorial(k) for k in Counter(drawn).values())
        ways[_mean([values[i] for i in drawn])] += math.factorial(n) // repeats
    outside = (1 - level) / 2 * n**n
    means = sorted(ways)
    return Interval(_first_inside(means, ways, outside), _first_inside(means[::-1], ways, outside))


def paired_p(differences: Sequence[float]) -> float | None:
    """Student's two-sided p of a mean difference by pairs (Student 1908).

    Differences that are all equal have no spread to divide by: they are taken to be rounded to a
    grid as coarse as they are themselves, the coarsest that they allow, whose rounding has the
    standard deviation of one difference over √12. All of them zero give 1.

    Args:
        differences: finite numbers, one a pair.

    Returns:
        p, or None of fewer than two pairs.

    Example:
        >>> round(paired_p([1.0, 2.0, 3.0]), 4)
        0.0742
    """
    n = len(differences)
    if n < 2:
        return None
    mean = abs(_mean(differences))
    if not any(differences):
        return 1.0
    sd = _sd(differences)
    if sd <= _EQUAL * mean:
        sd = mean / math.sqrt(12)
    return float(2 * stats.t.sf(mean / (sd / math.sqrt(n)), n - 1))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """The p of several tests, adjusted so that the chance of any false find is kept (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        (0.03, 0.06, 0.06)
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, least = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = least
    return tuple(adjusted)


def chance_below(a: Sequence[float | int], b: Sequence[float | int]) -> tuple[float, Interval]:
    """The chance that a value of A is below B's of the same pair; ties count half.

    With the interval of Clopper and Pearson (1934) for that many wins of n, a tie being half a win:
    a tie varies less than a win or a loss, so the interval covers as it says (the tests count it).
    Two infinite values tie: both runs failed.

    Args:
        a, b: as many values, at least one, pair by pair; infinite ones are allowed.

    Example:
        >>> chance_below([1.0, 2.0, 3.0], [2.0, 2.0, 4.0])[0]
        0.8333333333333334
    """
    n = len(a)
    wins = sum(1.0 if x < y else 0.5 * (x == y) for x, y in zip(a, b, strict=True))
    tail = (1 - LEVEL) / 2
    low = float(stats.beta.ppf(tail, wins, n - wins + 1)) if wins > 0 else 0.0
    high = float(stats.beta.ppf(1 - tail, wins + 1, n - wins)) if wins < n else 1.0
    return wins / n, Interval(low, high)


def _first_inside(means: Sequence[float], ways: Counter[float], outside: float) -> float:
    """The first mean, in this order, up to which more than `outside` of the ways lead."""
    so_far = 0
    for mean in means:
        so_far += ways[mean]
        if so_far > outside:
            return mean
    return means[-1]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _sd(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
