"""First coefficients along a direction, from numbers that are constants to derivatives."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.pieces import _smooth as smooth
from steepest.subgradient._directions import RankOne
from steepest.subgradient._flat import Apply
from steepest.subgradient._value import Value, is_float

# Linear in all their numbers together (a select: in its cases).
_LINEAR = smooth.LINEAR | {"select_n", "scatter-add", "scatter", "scatter-sub"}


def slopes(
    name: str, params: dict[str, Any], inputs: list[Value], outs: list[Value], apply: Apply
) -> list[Any]:
    """The slope of each output; None for what does not move."""
    moving = [i for i, v in enumerate(inputs) if v.tangent is not None]
    if not moving or not any(out.is_float for out in outs):
        return [None for _ in outs]
    arrays = [lax.stop_gradient(v.array) if v.is_float and v.varies else v.array for v in inputs]
    if name in smooth.BILINEAR:
        terms = [
            _in_one(name, inputs[i].tangent, i, arrays, params, outs[0].shape, apply)
            for i in moving
        ]
        return [sum(terms[1:], terms[0])]
    tangents = [slope_of(v) for v in inputs]
    if name in ("add", "add_any", "sub") and len(moving) == 1:
        (i,) = moving
        slope = tangents[i] if i == 0 or name != "sub" else lax.neg(tangents[i])
        return [jnp.broadcast_to(slope, outs[0].shape)]
    if name in _LINEAR:
        found = apply(
            [
                a if not v.is_float else jnp.zeros_like(a) if t is None else t
                for v, a, t in zip(inputs, arrays, tangents, strict=True)
            ]
        )
    else:
        found = _jvp(arrays, tangents, moving, apply)
    return [s if is_float(out.array) else None for s, out in zip(found, outs, strict=True)]


def slope_of(v: Value) -> Any:
    return v.tangent.array if isinstance(v.tangent, RankOne) else v.tangent


def _in_one(
    name: str,
    slope: Any,
    place: int,
    arrays: list[Any],
    params: dict[str, Any],
    shape: tuple[int, ...],
    apply: Apply,
) -> Any:
    """The slope of a product by one of its factors."""

    def alone() -> Any:
        dense = slope.array if isinstance(slope, RankOne) else slope
        return apply([dense if j == place else a for j, a in enumerate(arrays)])[0]

    if not isinstance(slope, RankOne) or name != "dot_general":
        return alone()
    over, batch = (sides[place] for sides in params["dimension_numbers"])
    if batch or not over:
        return alone()
    # Contracted with the vectors of the axes it is summed over, spread by those of the others.
    other = arrays[1 - place]
    axes = params["dimension_numbers"][0][1 - place]
    summed = lax.dot_general(
        other,
        slope.part(over),
        ((tuple(axes), tuple(range(len(over)))), ((), ())),
        preferred_element_type=params["preferred_element_type"],
    )
    free = [i for i in range(len(slope.shape)) if i not in over]
    ours = len(free), summed.ndim
    first = 0 if place == 0 else ours[1]
    spread = lax.broadcast_in_dim(slope.part(free), shape, range(first, first + ours[0]))
    start = ours[0] if place == 0 else 0
    return lax.broadcast_in_dim(summed, shape, range(start, start + ours[1])) * spread


def _jvp(arrays: list[Any], tangents: list[Any], moving: list[int], apply: Apply) -> list[Any]:
    def of_moving(*some: Any) -> list[Any]:
        filled = list(arrays)
        for i, value in zip(moving, some, strict=True):
            filled[i] = value
        return apply(filled)

    _, slopes = jax.jvp(of_moving, [arrays[i] for i in moving], [tangents[i] for i in moving])
    return slopes
