"""The equations of a program that choose or take a norm, and where their weights stand."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.pieces._compound import FEW


@dataclass(frozen=True)
class Site:
    """One choosing equation.

    Attributes:
        name, line: the primitive and the user's line.
        candidates: m.
        shape: of the places that choose, each for itself.
        start: where its weights begin in the flat vector of all weights, (m, *shape).
    """

    name: str
    line: str
    candidates: int
    shape: tuple[int, ...]
    start: int

    @property
    def places(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        return self.candidates * self.places

    @property
    def cuts(self) -> list[range]:
        """Of each array of its keys, the axes on which places differ."""
        return [range(1, 1 + len(self.shape))]

    def parts(self, array: Any) -> list[Any]:
        """A flat array over all candidates, those of this site in parts of shape (some, places).

        Each candidate by itself where there are few: XLA passes over memory once for what is done
        with them one by one, and several times to reduce along a short leading axis.
        """
        step = 1 if self.candidates <= FEW else self.candidates
        ends = self.start + self.places * np.arange(0, self.candidates + 1, step)
        mine = jnp.asarray(array)
        return [
            jnp.reshape(mine[a:b], (step, self.places))
            for a, b in itertools.pairwise(ends.tolist())
        ]


@dataclass(frozen=True)
class NormSite(Site):
    """One equation that takes norms: `candidates` entries under each, whose keys they are.

    After their weights come those of the gates, 1 where open, one a place, with keys 0.
    """

    @property
    def cuts(self) -> list[range]:
        return [*super().cuts, range(len(self.shape))]

    @property
    def gates(self) -> slice:
        """Where the gates stand in the flat vector of all weights."""
        return slice(self.start + self.candidates * self.places, self.start + self.size)

    @property
    def size(self) -> int:
        return (self.candidates + 1) * self.places
