"""What is known of an array of the program while it is run."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_names = itertools.count()


@dataclass(eq=False)
class Value:
    """An array, and what the run in hand knows of it.

    Attributes:
        array: the numbers at the point (run "along": just beside it, along the direction).
        varies: whether they depend on x.
        size: Σ|terms| of each number, for the tolerance of ties; None where not a float.
        series: Taylor coefficients 1, 2, … along the direction, shape (n, *shape); those beyond n
            are zero; NaN where not known. None where the array is locally constant.
        spans: Σ|terms| of each coefficient, of the shape of `series`.
        tangent: derivative along the direction that can itself be differentiated (frozen run).
        unproved: numbers that rest on something not proved; None: none.
        jumped: numbers that may differ across a tied jump; None: none.
        root: the value that this one is an elementwise function of.
        source: of an index, the value whose numbers were compared to find it.
        nonnegative, positive, squares: by its structure; `squares`: a sum of squares.
        doubtful: whether NaN may stand for numbers that are not proved (reading in one pass).
    """

    array: Any
    varies: bool = False
    size: Any = None
    series: Any = None
    spans: Any = None
    tangent: Any = None
    unproved: Any = None
    jumped: Any = None
    root: Any = None
    source: Any = None
    nonnegative: bool = False
    positive: bool = False
    doubtful: bool = False
    squares: bool = False
    name: int = field(default_factory=lambda: next(_names))

    @property
    def is_float(self) -> bool:
        return is_float(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        return jnp.shape(self.array)


def is_float(array: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(array), np.floating))


def eps_of(values: list[Value]) -> float:
    """The largest rounding unit among the floats."""
    return max(float(jnp.finfo(v.array.dtype).eps) for v in values if v.is_float)


def either(*masks: Any) -> Any:
    """The union of masks of which some may be None (nowhere)."""
    present = [m for m in masks if m is not None]
    if not present:
        return None
    joint = present[0]
    for m in present[1:]:
        joint = joint | m
    return joint


def constant(array: Any) -> Value:
    if not hasattr(array, "dtype"):
        array = jnp.asarray(array)
    if jnp.issubdtype(array.dtype, jax.dtypes.extended) or not is_float(array):
        return Value(array)
    return Value(array, size=abs(array))
