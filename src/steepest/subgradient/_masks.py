"""How a mark on some numbers spreads through a step."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from steepest.pieces import _smooth as smooth
from steepest.subgradient._value import Value, either


def spread(
    name: str,
    params: dict[str, Any],
    inputs: list[Value],
    masks: list[Any],
    outs: list[Any],
    apply: Any,
) -> list[Any]:
    """The marked numbers of each output, given those of each input; None: none."""
    if all(m is None for m in masks):
        return [None for _ in outs]
    if name in smooth.ELEMENTWISE and name != "select_n":
        return [jnp.broadcast_to(either(*masks), jnp.shape(outs[0]))]
    full = [
        jnp.zeros(v.shape, bool) if m is None else jnp.broadcast_to(m, v.shape)
        for m, v in zip(masks, inputs, strict=True)
    ]
    if name == "select_n":
        return [full[0] | apply([inputs[0].array, *_as_data(full[1:], inputs[1:])])[0].astype(bool)]
    indices_clean = all(
        m is None for m, v in zip(masks[1:], inputs[1:], strict=True) if not v.is_float
    )
    if name in smooth.MOVES or (name in smooth.STRUCTURAL and inputs[0].is_float and indices_clean):
        everything = name in smooth.MOVES
        moved = [
            m.astype(v.array.dtype) if everything or v.is_float else v.array
            for m, v in zip(full, inputs, strict=True)
        ]
        return [o != 0 for o in apply(moved)]
    if name in ("reduce_sum", "reduce_and", "reduce_or", "reduce_prod"):
        return [jnp.any(full[0], axis=tuple(params["axes"]))]
    touched = jnp.any(jnp.stack([jnp.any(m) for m in full]))
    return [jnp.broadcast_to(touched, jnp.shape(o)) for o in outs]


def _as_data(masks: list[Any], cases: list[Value]) -> list[Any]:
    return [m.astype(v.array.dtype) for m, v in zip(masks, cases, strict=True)]
