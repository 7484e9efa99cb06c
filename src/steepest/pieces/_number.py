"""Numbers of a walk: concrete values, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.pieces import _smooth as smooth
from steepest.pieces._host import is_host, to_host


@dataclass
class Number:
    """An array of the program at the point.

    Attributes:
        worlds: its values, one array for each world (one world: the usual case).
        ref: its variable on the tape, or None for a constant.
        labels: for each element the switch that it differs by, −1 for none; None: all −1.
        size: Σ|terms| of each element, for the tolerance of ties.
        bad: elements at which something was not defined (log 0); None: none.
        eps: rounding unit of the user's precision.
        upstream: choosing nodes with ties that it depends on.
        flat: constant on each piece.
    """

    worlds: list[Any]
    ref: int | None
    size: Any
    eps: float
    labels: np.ndarray | None = None
    bad: np.ndarray | None = None
    upstream: frozenset[int] = frozenset()
    flat: bool = False

    @property
    def value(self) -> Any:
        return self.worlds[0]

    @property
    def operand(self) -> Any:
        return self.worlds[0] if self.ref is None else self.ref

    def world(self, k: int) -> Any:
        return self.worlds[min(k, len(self.worlds) - 1)]


def constant(value: Any, dtype: Any = None) -> Number:
    """A number that does not depend on x."""
    array = to_host(value)
    if not is_host(array):
        return Number([array], None, np.zeros(np.shape(array)), dtype_eps(dtype))
    if smooth.is_float(array):
        array = array.astype(np.float64)
        return Number([array], None, np.abs(array), dtype_eps(dtype))
    return Number([array], None, np.zeros(array.shape), dtype_eps(dtype))


def dtype_eps(dtype: Any) -> float:
    if dtype is None or not is_float_type(dtype):
        return float(np.finfo(np.float64).eps)
    return float(jnp.finfo(dtype).eps)


def is_float_type(dtype: Any) -> bool:
    return bool(jnp.issubdtype(dtype, np.floating))
