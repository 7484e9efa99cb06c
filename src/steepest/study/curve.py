"""A learning curve: a metric after each epoch, over the fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from steepest.study.result import Result


@dataclass(frozen=True)
class LearningCurve:
    """Mean and spread of a metric over runs, NaN where they are not known.

    Attributes:
        epochs: 1, 2, …
        mean: NaN from the epoch on in which a run diverged.
        sd: with n − 1 below; NaN of fewer than two runs, too.
        runs: how many.
    """

    epochs: Float[np.ndarray, " epochs"]
    mean: Float[np.ndarray, " epochs"]
    sd: Float[np.ndarray, " epochs"]
    runs: int

    @property
    def best(self) -> int | None:
        """Index of the epoch with the lowest mean, the first of equal ones; None without any."""
        return int(np.nanargmin(self.mean)) if np.isfinite(self.mean).any() else None


def learning_curve(runs: Sequence[Result], metric: str, epochs: int) -> LearningCurve:
    """The curve of these runs; of none of them all is NaN."""
    values = np.full((len(runs), epochs), np.nan)
    for row, run in zip(values, runs, strict=True):
        recorded = np.asarray(run.metrics.get(metric, ()), np.float64)
        known = recorded if run.diverged is None else recorded[: run.diverged - 1]
        row[: len(known)] = np.where(np.isfinite(known), known, np.nan)
    nothing = np.full(epochs, np.nan)
    mean = values.mean(axis=0) if len(runs) else nothing
    sd = values.std(axis=0, ddof=1) if len(runs) > 1 else nothing
    return LearningCurve(np.arange(1.0, epochs + 1), mean, sd, len(runs))
