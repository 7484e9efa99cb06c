"""The gradients of what is held, a few at a time: whatever there is room for, few are real."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.flow._mode import Arguments
from steepest.pieces._gated import Gated

_CHUNK = 2  # rows that are computed together


def held_rows(gated: Gated, y: Any, mode: Arguments) -> tuple[Any, Any, Any]:
    """(∇(key_base − key_other) of each held pair as a unit vector, (pairs, d), their lengths, these
    differences); 0 for padding, and where a gradient is 0."""
    rows, leaves = gated.rows, gated.program.leaves
    if rows is None:
        keys, pull = jax.vjp(lambda y: gated(leaves(y), mode.weights)[1], y)
        by_key = lambda base: (keys, pull, jnp.arange(gated.size))
    else:

        def by_key(base: Any) -> tuple[Any, Any, Any]:
            row = jnp.asarray(rows.row)[base]
            keys = lambda y: rows(leaves(y), mode.weights, row)
            return *jax.vjp(keys, y), jnp.asarray(rows.place)

    def one(base: Any, other: Any) -> Any:
        keys, pull, place = by_key(base)
        base, other = place[base], place[other]
        along = jnp.zeros_like(keys).at[base].add(1.0).at[other].add(-1.0)
        return *pull(along), keys[base] - keys[other]

    def some(i: Any, found: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        start = i * _CHUNK
        part = lambda a: lax.dynamic_slice_in_dim(jnp.asarray(a), start, _CHUNK)
        put = lambda a, new: lax.dynamic_update_slice_in_dim(a, new, start, 0)
        new, gaps = jax.vmap(one)(part(mode.base), part(mode.other))
        length = jnp.where(part(mode.held), jnp.linalg.norm(new, axis=1), 0.0)
        unit = jnp.where(length > 0, new.T / jnp.where(length > 0, length, 1.0), 0.0).T
        gaps = jnp.where(part(mode.held), gaps, 0.0)
        return tuple(map(put, found, (unit, length, gaps)))

    chunks = (jnp.sum(mode.held) + _CHUNK - 1) // _CHUNK
    none = jnp.zeros(len(mode.base))
    return lax.fori_loop(0, chunks, some, (jnp.zeros((len(none), y.size)), none, none))
