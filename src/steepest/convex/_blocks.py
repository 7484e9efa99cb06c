"""The simple sets that parametrise the others: box, simplex, ball, each of a given size.

A hull is a matrix times a simplex, a zonotope a matrix times a box, a ball image a matrix times a
ball. Each set here knows its projection, and at one of its points the face in which a Newton step
may move.
"""

import abc
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ._arrays import Matrix


class Part(NamedTuple):
    """matrix · block, one term of the sum; `matrix` has shape (d, m)."""

    matrix: Matrix
    block: "Block"


class Block(abc.ABC):
    """A simple convex set of parameters t ∈ R^m."""

    @abc.abstractmethod
    def start(self) -> Float[np.ndarray, " m"]:
        """The middle of the set."""

    @abc.abstractmethod
    def project(self, t: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """The nearest parameters in the set; on its boundary exactly where t is outside."""

    @abc.abstractmethod
    def free(self, t: Float[np.ndarray, " m"], slope: Float[np.ndarray, " m"]) -> np.ndarray:
        """Which coordinates are not held at a bound by the gradient `slope` (bool, shape (m,))."""

    @abc.abstractmethod
    def normal(
        self, t: Float[np.ndarray, " m"], free: np.ndarray, held: bool
    ) -> Float[np.ndarray, " m"]:
        """A unit vector, on the free coordinates, to which steps are orthogonal; 0 for none.

        `held` says whether there is a multiplier: whether the gradient keeps t on its boundary.
        """

    @abc.abstractmethod
    def multiplier(self, t: Float[np.ndarray, " m"], slope: Float[np.ndarray, " m"]) -> float:
        """The multiplier of the curved boundary: what it adds to the Hessian; 0 where flat."""

    @abc.abstractmethod
    def reach(self, t: Float[np.ndarray, " m"], step: Float[np.ndarray, " m"]) -> float:
        """The largest α ≤ 1 for which t + α·step has crossed no bound of a coordinate."""

    @abc.abstractmethod
    def interior(self, t: Float[np.ndarray, " m"], step: Float[np.ndarray, " m"]) -> np.ndarray:
        """Which coordinates are not at a bound against which `step` pushes (bool, shape (m,))."""

    @abc.abstractmethod
    def snap(self, t: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """t, with coordinates within 1e-7 of a bound (relative to its size) put on it."""


@dataclass(frozen=True)
class Box(Block):
    """{t : |t_i| ≤ half_widths_i}."""

    half_widths: Float[np.ndarray, " m"]

    def start(self):
        return np.zeros_like(self.half_widths)

    def project(self, t):
        return np.clip(t, -self.half_widths, self.half_widths)

    def free(self, t, slope):
        return ~((t >= self.half_widths) & (slope <= 0) | (t <= -self.half_widths) & (slope >= 0))

    def normal(self, t, free, held):
        return np.zeros_like(t)

    def multiplier(self, t, slope):
        return 0.0

    def reach(self, t, step):
        room = np.where(step > 0, self.half_widths - t, self.half_widths + t)
        return _shortest(room, np.abs(step))

    def interior(self, t, step):
        return ~((t >= self.half_widths) & (step > 0) | (t <= -self.half_widths) & (step < 0))

    def snap(self, t):
        near = np.abs(t) >= (1 - 1e-7) * self.half_widths
        return np.where(near, np.copysign(self.half_widths, t), t)


@dataclass(frozen=True)
class Simplex(Block):
    """{t ≥ 0 : Σ t_i = size} in R^m."""

    m: int
    size: float

    def start(self):
        return np.full(self.m, self.size / self.m)

    def project(self, t):
        # Held, Wolfe, Crowder 1974: t − θ, cut at zero, with θ from the sorted coordinates.
        falling = np.sort(t)[::-1]
        excess = (np.cumsum(falling) - self.size) / np.arange(1, self.m + 1)
        last = np.flatnonzero(falling > excess)
        return np.maximum(t - excess[last[-1] if last.size else 0], 0.0)

    def free(self, t, slope):
        inside = t > 0
        level = float(t[inside] @ slope[inside]) / float(t[inside].sum())
        return inside | (slope < level)

    def normal(self, t, free, held):
        return free / np.sqrt(max(np.sum(free), 1))

    def multiplier(self, t, slope):
        return 0.0

    def reach(self, t, step):
        return _shortest(np.where(step < 0, t, np.inf), np.abs(step))

    def interior(self, t, step):
        return (t > 0) | (step >= 0)

    def snap(self, t):
        kept = np.where(t > 1e-7 * self.size, t, 0.0)
        return kept * (self.size / kept.sum())


@dataclass(frozen=True)
class Ball(Block):
    """{t : |t| ≤ radius} in R^m."""

    m: int
    radius: float

    def start(self):
        return np.zeros(self.m)

    def project(self, t):
        length = float(np.linalg.norm(t))
        return t * (self.radius / length) if length > self.radius else t

    def free(self, t, slope):
        return np.ones(self.m, dtype=bool)

    def normal(self, t, free, held):
        return t / self.radius if held else np.zeros(self.m)

    def multiplier(self, t, slope):
        held = -float(t @ slope) / (self.radius * self.radius)
        return held if held > 0 and self._on_sphere(t) else 0.0

    def reach(self, t, step):
        return 1.0  # curved: a step is brought back by projection, not cut

    def interior(self, t, step):
        return np.ones(self.m, dtype=bool)

    def snap(self, t):
        length = float(np.linalg.norm(t))
        return t * (self.radius / length) if length >= (1 - 1e-7) * self.radius else t

    def _on_sphere(self, t: np.ndarray) -> bool:
        return float(np.linalg.norm(t)) >= self.radius * (1 - 1e-12)


def _shortest(room: np.ndarray, speed: np.ndarray) -> float:
    moving = speed > 0
    return float(min(1.0, np.min(room[moving] / speed[moving], initial=1.0)))
