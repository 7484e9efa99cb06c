"""A configuration of a method, run on every tuning seed, and how two of them are ordered."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from steepest.errors import PlanError
from steepest.study.plan import Number
from steepest.study.result import Result

LOSS = "dev loss"
"""The metric that breaks ties of the one that the plan selects by."""


@dataclass(frozen=True)
class Point:
    """A configuration that has been run on every tuning seed.

    Attributes:
        step: the step size.
        tuned: the other tuned hyperparameters, in the plan's order.
        results: one a tuning seed, in their order.
        score: the mean of the plan's `select` after the last epoch; infinite where a run diverged.
        loss: the same of "dev loss"; None where the problem records none.
        place: of `tuned` among its combinations, in the plan's order.
    """

    step: float
    tuned: tuple[tuple[str, Number], ...]
    results: tuple[Result, ...] = field(repr=False)
    score: float
    loss: float | None
    place: int = 0

    @property
    def order(self) -> tuple[float, float, float, int]:
        """Of two configurations the one with the lesser order is chosen."""
        return (*self.value, self.step, self.place)

    @property
    def value(self) -> tuple[float, float]:
        """What is minimised: the score, and where that is equal the loss. All that diverged tie.

        To seven digits, about those of single precision: means of the same errors in another order
        of the seeds differ in the last place, and are equal.
        """
        loss = 0.0 if self.loss is None or math.isinf(self.score) else self.loss
        return _to_seven_digits(self.score), _to_seven_digits(loss)

    def mean(self, metric: str) -> float:
        """The mean over the seeds of a metric after the last epoch; infinite if one diverged.

        Raises:
            PlanError: the results do not record such a metric.
        """
        return _mean(final(result, metric) for result in self.results)

    def __str__(self) -> str:
        others = "".join(f", {name} {value:g}" for name, value in self.tuned)
        return f"step {self.step:g}{others}"


def point_of(
    select: str, step: float, others: dict[str, Number], runs: tuple[Result, ...], place: int
) -> Point:
    """The point of these runs, one a tuning seed."""
    score = _mean(final(run, select) for run in runs)
    recorded = any(LOSS in run.metrics for run in runs)
    loss = _mean(final(run, LOSS) for run in runs) if recorded else None
    return Point(step, tuple(others.items()), runs, score, loss, place)


def final(result: Result, metric: str) -> float:
    """A metric after a trial's last epoch; infinite where it diverged or is not a number.

    Raises:
        PlanError: the result does not record such a metric.
    """
    if result.diverged is not None:
        return math.inf
    if metric not in result.metrics:
        raise PlanError(
            f"{result.configuration.problem} records no {metric!r}: "
            f"it records {', '.join(sorted(result.metrics))}."
        )
    value = result.final(metric)
    return value if math.isfinite(value) else math.inf


def _to_seven_digits(value: float) -> float:
    return float(f"{value:.7g}")


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return math.inf if math.inf in values else math.fsum(values) / len(values)
