"""By what factor a step size may be off before it costs one per cent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from steepest.study.point import Point
from steepest.study.tuning import Tuned
from steepest.study.words import is_error

COST = 0.01
"""Of an error, one percentage point; of anything else, one per cent of its best value."""


@dataclass(frozen=True)
class Tolerance:
    """On one side of the tuned step.

    Attributes:
        factor: ≥ 1, by which the step may be smaller (or larger).
        at_least: whether the grid ended before the cost was reached.
        diverges: whether the next step of the grid diverged: the factor is then that of the last
            step that did not.
    """

    factor: float
    at_least: bool = False
    diverges: bool = False

    def __str__(self) -> str:
        note = ", beyond it diverges" if self.diverges else ""
        return f"{'at least ' if self.at_least else ''}×{self.factor:.3g}{note}"


@dataclass(frozen=True)
class Sensitivity:
    """How far the step may be off; the metric is taken to be linear in the logarithm of the step
    between the steps that were run."""

    below: Tolerance
    above: Tolerance


def sensitivity(tuned: Tuned, select: str) -> Sensitivity | None:
    """The factors for a method; None where it diverged at every step."""
    if tuned.diverged:
        return None
    at = next(k for k, point in enumerate(tuned.along) if point is tuned.chosen)
    least = tuned.chosen.score
    most = least + (COST if is_error(select) else COST * abs(least))
    below, above = tuned.along[at::-1], tuned.along[at:]
    return Sensitivity(_tolerance(below, most), _tolerance(above, most))


def _tolerance(outwards: Sequence[Point], most: float) -> Tolerance:
    """How far from the first point the score stays at or below `most`."""
    start = math.log(outwards[0].step)
    for near, far in pairwise(outwards):
        if far.score <= most:
            continue
        left, right = math.log(near.step), math.log(far.step)
        if math.isinf(far.score):
            return Tolerance(math.exp(abs(left - start)), diverges=True)
        share = (most - near.score) / (far.score - near.score)
        return Tolerance(math.exp(abs(left + share * (right - left) - start)))
    return Tolerance(math.exp(abs(math.log(outwards[-1].step) - start)), at_least=True)
