"""A trial under way: its metrics so far, and the step size of its next epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from steepest.study.configuration import Configuration
from steepest.study.decay import scale
from steepest.study.result import Result


@dataclass
class History:
    """What a trial gave so far.

    Attributes:
        configuration: the trial.
        metrics: name → values after the epochs so far.
        step_sizes: of these epochs.
        diverged: the epoch in which it left the finite numbers, if it did.
    """

    configuration: Configuration
    metrics: dict[str, list[float]] = field(default_factory=dict)
    step_sizes: list[float] = field(default_factory=list)
    diverged: int | None = None

    @property
    def done(self) -> int:
        """How many epochs are over."""
        return len(self.step_sizes)

    @property
    def is_over(self) -> bool:
        """Whether no epoch is left to run."""
        return self.diverged is not None or self.done >= self.configuration.epochs

    @property
    def scale(self) -> float:
        """The next epoch's step size over the first one's."""
        trial = self.configuration
        return scale(trial.decay, self.metrics.get(trial.select, []), trial.epochs)

    @property
    def step_size(self) -> float:
        """The step size of the next epoch."""
        return self.configuration.step_size * self.scale

    def add(self, metrics: Mapping[str, float], *, finite: bool = True) -> None:
        """An epoch's metrics; `finite` is False where a loss or a parameter was not finite."""
        step_size = self.step_size
        for name, value in metrics.items():
            self.metrics.setdefault(name, []).append(float(value))
        self.step_sizes.append(step_size)
        if not finite or not all(map(math.isfinite, metrics.values())):
            self.diverged = self.done

    def fail(self, names: tuple[str, ...]) -> None:
        """An epoch that did not come to its end: the method could not go on."""
        self.add(dict.fromkeys(names, math.nan), finite=False)

    def result(self, seconds: float) -> Result:
        """The trial's result."""
        return Result(
            self.configuration,
            {name: np.array(values) for name, values in self.metrics.items()},
            np.array(self.step_sizes),
            self.diverged,
            seconds,
        )
