"""Functions of one number: what other numbers are functions of.

Where a number turns from one side of its value to the other as the direction is reversed, a
function of it that agrees on both sides does not jump there.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._flat import Apply
from steepest.subgradient._value import Value, eps_of


class Root:
    """What other numbers are functions of: elementwise, or altogether where it is a *single* one.

    `turns`: where d and −d, two of the three `sides` that are read at once, lead to both sides of
    its value.
    """

    def __init__(self, value: Value):
        self.value = value
        self.single = math.prod(value.shape) == 1

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
        usable = self.turns(sides) if jumped is None else self.turns(sides) & ~jumped
        return usable.reshape(()) if self.single else usable


def _on_some(mask: Any, sides: str) -> Any:
    return lax.pmax(mask.astype(jnp.int32), sides) > 0


class MovedRoot(Root):
    """A root whose numbers were moved about; `shape`: that of what came of it."""

    def __init__(self, root: Root, apply: Apply, shape: tuple[int, ...]):
        super().__init__(root.value)
        self.root, self.apply = root, apply
        self.single = math.prod(shape) == 1

    def usable(self, sides: str) -> Any:
        usable = self.apply([self.root.usable(sides).astype(jnp.float32)])[0] > 0
        return usable.reshape(()) if self.single else usable


def rooted(v: Value) -> Value:
    v.root = Root(v)
    return v


def single_root(values: list[Value]) -> Root | None:
    """The one number that all of these are functions of; None: there is none."""
    roots = {v.root for v in values if v.varies}
    root = roots.pop() if len(roots) == 1 else None
    return root if root is not None and root.single else None
