"""First coefficients along a direction, from numbers that are constants to derivatives."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.pieces import _smooth as smooth
from steepest.subgradient._flat import Apply
from steepest.subgradient._value import Value, is_float

# Linear in all their numbers together (a select: in its cases).
_LINEAR = smooth.LINEAR | {"select_n", "scatter-add", "scatter", "scatter-sub"}


def slopes(name: str, inputs: list[Value], outs: list[Value], apply: Apply) -> list[Any]:
    """The slope of each output; None for what does not move."""
    moving = [i for i, v in enumerate(inputs) if v.tangent is not None]
    if not moving or not any(out.is_float for out in outs):
        return [None for _ in outs]
    arrays = [lax.stop_gradient(v.array) if v.is_float and v.varies else v.array for v in inputs]
    if name in ("add", "add_any", "sub") and len(moving) == 1:
        (i,) = moving
        slope = inputs[i].tangent if i == 0 or name != "sub" else lax.neg(inputs[i].tangent)
        return [jnp.broadcast_to(slope, outs[0].shape)]
    if name in _LINEAR:
        found = apply([_or_zeros(v, a) for v, a in zip(inputs, arrays, strict=True)])
    elif name in smooth.BILINEAR:
        terms = []
        for i in moving:
            terms += apply([inputs[j].tangent if j == i else a for j, a in enumerate(arrays)])
        found = [sum(terms[1:], terms[0])]
    else:
        found = _jvp(inputs, arrays, moving, apply)
    return [s if is_float(out.array) else None for s, out in zip(found, outs, strict=True)]


def _or_zeros(v: Value, array: Any) -> Any:
    if not v.is_float:
        return array
    return jnp.zeros_like(array) if v.tangent is None else v.tangent


def _jvp(inputs: list[Value], arrays: list[Any], moving: list[int], apply: Apply) -> list[Any]:
    def of_moving(*some: Any) -> list[Any]:
        filled = list(arrays)
        for i, value in zip(moving, some, strict=True):
            filled[i] = value
        return apply(filled)

    _, tangents = jax.jvp(
        of_moving, [arrays[i] for i in moving], [inputs[i].tangent for i in moving]
    )
    return tangents
