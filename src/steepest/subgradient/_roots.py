"""Functions of one number: what other numbers are elementwise functions of.

Where a number turns from one side of its value to the other as the direction is reversed, a
function of it that agrees on both sides does not jump there.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._flat import Apply
from steepest.subgradient._value import Value, eps_of


class Root:
    """What other numbers are elementwise functions of; `turns`: where it passes from one side of
    its value to the other as the direction is reversed."""

    def __init__(self, value: Value):
        self.value = value

    @property
    def turns(self) -> Any:
        v = self.value
        if v.nonnegative:
            return jnp.ones(v.shape, bool)
        if v.series is None or not v.is_float:
            return jnp.zeros(v.shape, bool)
        return jnp.abs(v.series[0]) > TIE_FACTOR * eps_of([v]) * v.spans[0]

    @property
    def usable(self) -> Any:
        """Where a mark may end: it turns, and does not jump itself."""
        jumped = self.value.jumped
        return self.turns if jumped is None else self.turns & ~jumped


class MovedRoot(Root):
    """A root whose numbers were moved about."""

    def __init__(self, root: Root, apply: Apply):
        super().__init__(root.value)
        self.root, self.apply = root, apply

    @property
    def usable(self) -> Any:
        return self.apply([self.root.usable.astype(jnp.float32)])[0] > 0


def rooted(v: Value) -> Value:
    v.root = Root(v)
    return v
