"""What a trial gave: its metrics after each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from steepest.study.configuration import Configuration


@dataclass(frozen=True)
class Result:
    """A trial's metrics, an entry an epoch.

    Attributes:
        configuration: what was run.
        metrics: name → values after epochs 1, 2, …, in double precision; "train loss",
            "dev error", "test error" and so on. All of one length, which is the number of epochs
            unless the trial diverged.
        step_sizes: the step size of each of these epochs.
        diverged: the epoch in which the run left the finite numbers, which is then the last of
            `metrics`; None where it did not. A result like any other: the method fails there.
        seconds: how long it took on the machine that ran it: no part of the result's identity.
    """

    configuration: Configuration
    metrics: Mapping[str, Float[np.ndarray, " epochs"]]
    step_sizes: Float[np.ndarray, " epochs"]
    diverged: int | None = None
    seconds: float = field(default=math.nan, compare=False)

    def final(self, metric: str) -> float:
        """The metric after the last epoch; infinite where the trial diverged.

        Raises:
            KeyError: there is no such metric.
        """
        values = self.metrics[metric]
        return math.inf if self.diverged is not None else float(values[-1])
