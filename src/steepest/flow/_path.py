"""A polygon in R^d as the changes of its entries' velocities."""

from __future__ import annotations

import numpy as np


class Path:
    """The states of a polygonal solution at any time.

    Each event changes some entries only, so that what is kept is their sum over the events, not
    events times d.

    Attributes:
        times: of the changes, in order; the first is 0.
    """

    def __init__(self) -> None:
        self.times: list[float] = []
        self._changes: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._sorted: tuple[np.ndarray, ...] | None = None

    def append(
        self, time: float, variables: np.ndarray, state: np.ndarray, velocity: np.ndarray
    ) -> None:
        """From `time` on these variables go on from `state` with `velocity`."""
        self.times.append(time)
        self._changes.append((variables, state.copy(), velocity.copy()))
        self._sorted = None

    @property
    def breakpoints(self) -> np.ndarray:
        """The times at which some velocity changes, each once."""
        return np.unique(self.times)

    def __call__(self, time: float) -> np.ndarray:
        """The state at one time ≥ 0."""
        return self._at(time)[0]

    def velocity(self, time: float) -> np.ndarray:
        """The velocity from `time` on."""
        return self._at(time)[1]

    def _at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        if self._sorted is None:
            self._sorted = self._sort()
        keys, times, states, velocities = self._sorted
        dimension = len(self._changes[0][0])
        change = int(np.searchsorted(self.times, time, side="right")) - 1
        if change < 0:
            raise ValueError(f"the path begins at time {self.times[0]:g}, after {time:g}")
        wanted = np.arange(dimension) * len(self.times) + change
        last = np.searchsorted(keys, wanted, side="right") - 1
        return states[last] + velocities[last] * (time - times[last]), velocities[last]

    def _sort(self) -> tuple[np.ndarray, ...]:
        count = len(self.times)
        sizes = [len(variables) for variables, _, _ in self._changes]
        variables, states, velocities = (
            np.concatenate(x) for x in zip(*self._changes, strict=True)
        )
        change = np.repeat(np.arange(count), sizes)
        keys = variables * count + change
        order = np.argsort(keys, kind="stable")
        times = np.asarray(self.times)[change]
        return keys[order], times[order], states[order], velocities[order]
