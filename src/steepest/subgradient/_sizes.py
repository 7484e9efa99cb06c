"""Σ|terms|: how large the numbers were that each number was summed from.

A tie is a margin within 8·eps·Σ|terms|. The rounding errors of many terms average out, and that
much would take one margin in ten thousand of a generic network for a tie; the margin of a product
with many terms is less. (A bound by norms would be cheaper by a product, and worthless where large
numbers meet small weights.)
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces import _smooth as smooth
from steepest.subgradient._flat import Apply
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
        return [product_size(name, params, magnitude(inputs[0]), magnitude(inputs[1]), apply)]
    if name == "square":
        return [jnp.maximum(outs[0], jnp.abs(inputs[0].array) * sizes[0])]
    found = smooth.size(name, [v.array for v in inputs], sizes, outs, params, apply)
    return [s if is_float(o) else None for s, o in zip(found, outs, strict=True)]


def magnitude(v: Value) -> Any:
    return v.array if v.varies and v.nonnegative else lax.abs(jnp.asarray(v.array))


def product_size(name: str, params: dict[str, Any], a: Any, b: Any, apply: Apply) -> Any:
    """Of |a| and |b|: Σ|terms|, and less for many terms, down to an eighth (eps·Σ|terms|)."""
    if name == "conv_general_dilated":
        count = b.size / max(1, b.shape[params["dimension_numbers"].rhs_spec[0]])
    else:
        count = math.prod(a.shape[i] for i in params["dimension_numbers"][0][0])
    (total,) = apply([a, b])
    return total * max(1 / 8, max(count, 1) ** -0.25)
