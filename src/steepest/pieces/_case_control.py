"""Branches and loops over numbers that have cases; see `steepest.pieces._cases`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from steepest.errors import UnsupportedPrimitiveError
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
from steepest.pieces._interpret import scan_inputs
from steepest.pieces._source import user_line

_LONGEST_SCAN = 1000


class Control(Run, Protocol):
    """An interpretation that runs the programs within an equation."""

    def jaxpr(self, closed: Any, args: Sequence[tuple[Any, bool]]) -> list[tuple[Any, bool]]:
        """Their results, each with whether it depends on x."""
        ...


def written_out(run: Control, eqn: Any, inputs: list[tuple[Any, bool]]) -> list[tuple[Any, bool]]:
    """A scan, written out, since each step has choices of its own."""
    p = eqn.params
    length = p["length"]
    if length > _LONGEST_SCAN:
        raise UnsupportedPrimitiveError(
            f"a scan of {length} steps at {user_line(eqn)} is too long to follow a flow "
            f"through; at most {_LONGEST_SCAN}."
        )
    consts, carry, xs = scan_inputs(p, inputs)
    n_carry = len(carry)
    outs = []
    for t in reversed(range(length)) if p["reverse"] else range(length):
        row = [(_row_of(run, x, t), varies) for x, varies in xs]
        results = run.jaxpr(p["jaxpr"], [*consts, *carry, *row])
        carry = results[:n_carry]
        outs.append(results[n_carry:])
    if p["reverse"]:
        outs.reverse()
    columns = [
        (_stacked(run, eqn, [v for v, _ in column]), any(varies for _, varies in column))
        for column in zip(*outs, strict=True)
    ]
    return [*carry, *columns]


def branch_taken(run: Control, eqn: Any, inputs: list[tuple[Any, bool]]) -> list[tuple[Any, bool]]:
    """The branch of a number that does not depend on x, or all of them by one with cases."""
    (which, varies), *operands = inputs
    branches = eqn.params["branches"]
    if not varies:
        index = jnp.clip(which, 0, len(branches) - 1)
        if isinstance(index, Tracer):
            run.refuse(eqn)
        return run.jaxpr(branches[int(index)], operands)
    if not isinstance(which, Cases):
        run.refuse(eqn)
    outs = [run.jaxpr(branch, operands) for branch in branches]
    return [(_branched(which, column), True) for column in zip(*outs, strict=True)]


def _branched(which: Cases, column: Sequence[tuple[Any, bool]]) -> Cases:
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


def _row_of(run: Run, value: Any, t: int) -> Any:
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


def _stacked(run: Run, eqn: Any, column: Sequence[Any]) -> Any:
    """The rows of a result."""
    mine = [value for value in column if isinstance(value, Cases)]
    if not mine or mine[0].is_float:
        return jnp.stack([run.plain(value) for value in column])
    if mine[0].dtype != np.bool_:
        run.refuse(eqn, mine[0])
    weight = lambda v: v.share(True) if isinstance(v, Cases) else jnp.asarray(v, jnp.float64)
    return truth(object(), jnp.stack([weight(value) for value in column]))
