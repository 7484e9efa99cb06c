"""Functions of one number: what other numbers are functions of.

Where a number turns from one side of its value to the other as the direction is reversed, a
function of it that agrees on both sides does not jump there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._axes import Axes, identity
from steepest.subgradient._flat import Apply
from steepest.subgradient._value import Value, eps_of


class Root:
    """What other numbers are functions of.

    `turns`: where d and −d, two of the three `sides` that are read at once, lead to both sides of
    its value.
    """

    def __init__(self, value: Value):
        self.value, self.shape = value, value.shape

    def turns(self, sides: str) -> Any:
        v = self.value
        nowhere = jnp.zeros(v.shape, bool)
        if not v.is_float:
            return nowhere
        eps = TIE_FACTOR * eps_of([v])
        if v.series is None:
            crosses = nowhere
        else:  # 2|u| + v may grow both ways and fall elsewhere
            steep = jnp.abs(v.series[0]) > eps * v.spans[0]
            grows, falls = steep & (v.series[0] > 0), steep & (v.series[0] < 0)
            crosses = _on_some(grows, sides) & _on_some(falls, sides)
        # Of zero a number that is never negative has one side, which is seen both ways.
        return crosses | (jnp.abs(v.array) <= eps * v.size) if v.nonnegative else crosses

    def usable(self, sides: str) -> Any:
        """Where a mark may end: it turns, and does not jump itself."""
        jumped = self.value.jumped
        return self.turns(sides) if jumped is None else self.turns(sides) & ~jumped


def _on_some(mask: Any, sides: str) -> Any:
    return lax.pmax(mask.astype(jnp.int32), sides) > 0


@dataclass(frozen=True)
class Of:
    """That each number of an array is a function of one number of a root.

    `axes`: the root's axis that each axis of the array runs along; see `_axes`.
    """

    root: Root
    axes: Axes

    @property
    def single(self) -> bool:
        """Whether all are functions of the same number."""
        return math.prod(self.root.shape) == 1

    def along(self, axes: Axes) -> Of:
        return Of(self.root, axes)

    def everywhere(self, ndim: int) -> Of:
        """Of a single number: what holds of any array that comes of it."""
        return Of(self.root, (None,) * ndim)

    def usable(self, sides: str) -> Any:
        """The root's, as a mask that broadcasts against the array."""
        shape = self.root.shape
        wide = [i for i, n in enumerate(shape) if n > 1]
        mask = self.root.usable(sides).reshape([shape[i] for i in wide])
        mask = mask.transpose([wide.index(a) for a in self.axes if a is not None])
        return mask.reshape([1 if a is None else shape[a] for a in self.axes])


class MovedRoot(Root):
    """A root whose numbers were moved about by a step on an array of shape `before`."""

    def __init__(self, of: Of, apply: Apply, before: tuple[int, ...], shape: tuple[int, ...]):
        super().__init__(of.root.value)
        self.of, self.apply, self.before, self.shape = of, apply, before, shape

    def usable(self, sides: str) -> Any:
        mask = jnp.broadcast_to(self.of.usable(sides), self.before)
        return self.apply([mask.astype(jnp.float32)])[0] > 0


def rooted(v: Value) -> Value:
    v.root = Of(Root(v), identity(v.shape))
    return v


def common(values: list[Value]) -> Of | None:
    """What all of these are functions of, in one way; None: there is no such root."""
    found = {v.root for v in values if v.varies}
    return found.pop() if len(found) == 1 else None


def single(values: list[Value]) -> Of | None:
    """The same where it is one number."""
    of = common(values)
    return of if of is not None and of.single else None
