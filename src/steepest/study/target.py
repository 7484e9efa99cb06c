"""Time to a target: after how many epochs a run first reaches a value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from steepest.study.comparison import ROUNDING
from steepest.study.point import final
from steepest.study.result import Result
from steepest.study.statistics import summary


@dataclass(frozen=True)
class TimeToTarget:
    """The runs of a method against a target.

    Attributes:
        epochs: of each run the first epoch that ends at or below the target; None where none does.
    """

    epochs: tuple[int | None, ...]

    @property
    def reached(self) -> int:
        """How many runs reach it."""
        return sum(epoch is not None for epoch in self.epochs)

    @property
    def median(self) -> float | None:
        """Over all runs; None where it falls on runs that do not reach the target."""
        if not self.epochs:
            return None
        middle = median([math.inf if epoch is None else float(epoch) for epoch in self.epochs])
        return middle if math.isfinite(middle) else None


def default_target(runs: Mapping[str, Sequence[Result]], metric: str) -> float | None:
    """The worst of the methods' mean final values, of those that are finite; None without any."""
    means = [summary([final(run, metric) for run in own]).mean for own in runs.values()]
    return max((mean for mean in means if mean is not None), default=None)


def time_to_target(runs: Sequence[Result], metric: str, target: float) -> TimeToTarget:
    """When each run first ends an epoch at or below the target; one that diverges later counts."""
    epochs: list[int | None] = []
    reached = target + ROUNDING * abs(target)  # a mean of equal values may be below them
    for run in runs:
        values = run.metrics.get(metric, ())
        finite = values if run.diverged is None else values[: run.diverged - 1]
        epochs.append(next((k for k, value in enumerate(finite, 1) if value <= reached), None))
    return TimeToTarget(tuple(epochs))
