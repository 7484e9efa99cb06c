"""Two methods on the same fresh seeds: by how much, how surely, and what may be said of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from steepest.study.statistics import (
    LEVEL,
    Interval,
    Summary,
    chance_below,
    holm,
    paired_p,
    summary,
)
from steepest.study.words import span_of

ROUNDING = 1e-7
"""Means that differ by less than this part of them are equal."""

Kind = Literal["first is better", "second is better", "within the noise", "tied", "not known"]


@dataclass(frozen=True)
class Comparison:
    """Two methods in one metric, of which less is better, paired by seed.

    Attributes:
        metric: which.
        first, second: the methods' labels.
        difference: second − first, seed by seed.
        chance: that the first is below the second on a seed; ties count half.
        chance_interval: of that.
        p: Student's, two-sided, adjusted by Holm over all pairs of methods in this metric; None
            where there is none.
        kind: the verdict.
        diverged: how many runs of each diverged.
    """

    metric: str
    first: str
    second: str
    difference: Summary
    chance: float
    chance_interval: Interval
    p: float | None
    kind: Kind
    diverged: tuple[int, int] = (0, 0)

    @property
    def verdict(self) -> str:
        """The verdict in words, with what it rests on."""
        n = len(self.difference.values)
        if self.kind == "tied":
            return f"tied: equal on {_seeds(n)}"
        if self.kind == "not known":
            return f"not known: {self._why_not()}"
        mean, interval = self.difference.mean, self.difference.interval
        assert mean is not None
        assert interval is not None
        if mean < 0:
            mean, interval = -mean, Interval(-interval.high, -interval.low)
            lower = self.second
        else:
            lower = self.first
        by = span_of(self.metric, mean, interval.low, interval.high)
        if self.kind != "within the noise":
            return f"{lower} is better by {by}"
        return f"within the noise: {f'{lower} is lower by' if mean else 'equal means,'} {by}"

    def worse(self, label: str) -> bool:
        """Whether this method is worse by more than the noise."""
        return self.kind == ("second is better" if label == self.first else "first is better")

    def _why_not(self) -> str:
        pairs = zip((self.first, self.second), self.diverged, strict=True)
        of = _seeds(len(self.difference.values))
        failed = [f"{label} diverged on {times} of {of}" for label, times in pairs if times]
        return " and ".join(failed) or "one seed has no spread"


def compare_all(metric: str, finals: Mapping[str, Sequence[float]]) -> tuple[Comparison, ...]:
    """Every pair of methods.

    "Better" is said where the bootstrap interval of the mean difference excludes 0 and Student's
    paired t, adjusted by Holm over the pairs, is below 0.05; equal on every seed is "tied"; all
    else is "within the noise". Where a run diverged the means are infinite and nothing is said of
    their difference; the chance to win still is.

    Args:
        metric: its name.
        finals: method's label → the final values, seed by seed, of one length and at least one.
    """
    pairs = list(combinations(finals, 2))
    differences = [_difference(finals[a], finals[b]) for a, b in pairs]
    tests = [None if d.mean is None else paired_p(d.values) for d in differences]
    tested = [k for k, p in enumerate(tests) if p is not None]
    adjusted = dict(zip(tested, holm([p for p in tests if p is not None]), strict=True))
    made = []
    for k, ((a, b), difference) in enumerate(zip(pairs, differences, strict=True)):
        chance, interval = chance_below(finals[a], finals[b])
        diverged = tuple(sum(map(math.isinf, finals[label])) for label in (a, b))
        p = adjusted.get(k)
        kind = _kind(difference, p)
        made.append(
            Comparison(
                metric, a, b, difference, chance, interval, p, kind, (diverged[0], diverged[1])
            )
        )
    return tuple(made)


def equal(mean: float, other: float) -> bool:
    """Whether two means are equal but for the rounding of metrics in single precision."""
    return math.isclose(mean, other, rel_tol=ROUNDING)


def _difference(first: Sequence[float], second: Sequence[float]) -> Summary:
    """second − first, infinite as soon as one of them is; a mean within rounding of 0 is 0."""
    pairs = zip(first, second, strict=True)
    found = summary(
        [y - x if math.isfinite(x) and math.isfinite(y) else math.inf for x, y in pairs]
    )
    largest = max(map(abs, (*first, *second)), default=0.0)
    if found.mean is not None and abs(found.mean) <= ROUNDING * largest:
        return replace(found, mean=0.0)
    return found


def _kind(difference: Summary, p: float | None) -> Kind:
    if difference.mean is None:
        return "not known"
    if not any(difference.values):
        return "tied"
    if difference.interval is None or p is None:
        return "not known"
    if not difference.interval.excludes_zero or p >= 1 - LEVEL:
        return "within the noise"
    return "first is better" if difference.mean > 0 else "second is better"


def _seeds(n: int) -> str:
    return "the one seed" if n == 1 else f"{n} seeds"
