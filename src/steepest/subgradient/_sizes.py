"""Σ|terms|: how large the numbers were that each number was summed from.

A tie is a margin within 8·eps·Σ|terms|. For long products the sum over terms is replaced by a
bound of its root-mean-square: rounding errors of n terms add up like √n, and Σ|terms| would take
one margin in ten thousand of a generic network for a tie.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces import _smooth as smooth
from steepest.subgradient._value import Value, is_float


def size_of(
    name: str, params: dict[str, Any], inputs: list[Value], outs: list[Any], apply: Any
) -> list[Any]:
    """The size of each number of the outputs; None for an output that is no float."""
    if not any(is_float(o) for o in outs):
        return [None for _ in outs]
    sizes = [v.array if v.size is None else v.size for v in inputs]
    if name in ("add", "sub", "add_any"):
        return [jnp.broadcast_to(sizes[0] + sizes[1], jnp.shape(outs[0]))]
    if name in ("dot_general", "conv_general_dilated"):
        return [product_size(name, params, inputs[0].array, inputs[1].array, outs[0].shape)]
    if name == "square":
        return [jnp.maximum(outs[0], jnp.abs(inputs[0].array) * sizes[0])]
    found = smooth.size(name, [v.array for v in inputs], sizes, outs, params, apply)
    return [s if is_float(o) else None for s, o in zip(found, outs, strict=True)]


def product_size(name: str, params: dict[str, Any], a: Any, b: Any, shape: tuple[int, ...]) -> Any:
    """A bound of the root of Σ(terms²), by the largest |a| times the norm of b's slice."""
    if name == "conv_general_dilated":
        axis = params["dimension_numbers"].rhs_spec[0]
        other = tuple(i for i in range(b.ndim) if i != axis)
        norms = jnp.sqrt(jnp.sum(b * b, axis=other))
        place = params["dimension_numbers"].out_spec[1]
        along = [1] * len(shape)
        along[place] = -1
        return jnp.broadcast_to(jnp.max(jnp.abs(a)) * norms.reshape(along), shape)
    (over_a, over_b), batch = params["dimension_numbers"]
    largest = jnp.max(jnp.abs(a), axis=tuple(over_a), initial=0.0)
    norms = jnp.sqrt(jnp.sum(b * b, axis=tuple(over_b)))
    left = [_after(i, over_a) for i in batch[0]]
    right = [_after(i, over_b) for i in batch[1]]
    return lax.dot_general(largest, norms, (((), ()), (tuple(left), tuple(right))))


def _after(axis: int, removed: Any) -> int:
    """Where an axis stands once others are summed away."""
    return axis - sum(1 for r in removed if r < axis)
