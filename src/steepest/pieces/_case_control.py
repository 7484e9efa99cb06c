"""Branches and loops over numbers that have cases; see `steepest.pieces._cases`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.pieces._cases import (
    Atom,
    Cases,
    Run,
    combined,
    full_weights,
    is_number,
    shape_of,
    truth,
)


def branched(which: Cases, column: Sequence[tuple[Any, bool]]) -> Cases:
    """One of several results, by a number that has cases."""
    results = [result for result, _ in column]
    shape = shape_of(results[0])
    last = len(results) - 1
    flat = all(v.flat if isinstance(v, Cases) else not varies for v, varies in column)

    def each(taken: list[Any]) -> Any:
        index, *rest = taken
        if is_number(index):
            return rest[min(max(int(index), 0), last)]
        whole = [jnp.broadcast_to(value, shape) for value in rest]
        return lax.select_n(jnp.clip(jnp.asarray(index, int), 0, last), *whole)

    return combined([which, *results], shape, flat, each)


def row_of(run: Run, value: Any, t: int) -> Any:
    """value[t]."""
    if not isinstance(value, Cases):
        return value[t]
    if value.is_float:
        return run.plain(value)[t]
    atoms = tuple(
        Atom((atom.key, "row", t), full_weights(atom, value.shape)[:, t]) for atom in value.atoms
    )
    values = tuple(v if is_number(v) else v[t] for v in value.values)
    return Cases(atoms, values, value.shape[1:], value.flat)


def stacked(run: Run, eqn: Any, column: Sequence[Any]) -> Any:
    """The rows of a result."""
    mine = [value for value in column if isinstance(value, Cases)]
    if not mine or mine[0].is_float:
        return jnp.stack([run.plain(value) for value in column])
    if mine[0].dtype != np.bool_:
        run.refuse(eqn, mine[0])
    weight = lambda v: v.share(True) if isinstance(v, Cases) else jnp.asarray(v, jnp.float64)
    return truth(object(), jnp.stack([weight(value) for value in column]))
