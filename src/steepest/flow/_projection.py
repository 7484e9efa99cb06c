"""The part of a vector in the span of some unit rows, and the rest of it.

Few of the rows that there is room for are real, the first ones: the algebra is done on the first 4,
16, 64, … of them, whichever hold them all, within one compiled function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import cho_solve

_RIDGE = 1e-13  # on the Gram matrix of unit rows; passes of refinement take its effect back
_PASSES = 3


def tangential(slope: Any, rows: Any, count: Any) -> Any:
    """The slope without its part in the span of the first `count` rows; the rows beyond are 0."""
    return _on_first(lambda rows: _rest(slope, rows, _factor(rows)), rows, count)


def projected(slope: Any, rows: Any, count: Any) -> tuple[Any, Any, Any]:
    """(`tangential`, the rest of the slope as least weights of the rows, the least square of a
    distance of one of these rows from the span of those before it)."""

    def project(rows: Any) -> tuple[Any, Any, Any]:
        lower = _factor(rows)
        rest = _rest(slope, rows, lower)
        # From what is in the span alone: where rows all but depend on each other, rounding in the
        # tangential part, which is the larger one, would be the weights of their difference.
        normal = slope - rest
        forces = _repeated(
            lambda forces: forces + cho_solve((lower, True), rows @ (normal - rows.T @ forces)),
            _PASSES,
            jnp.zeros(len(rows)),
        )
        # What the ridge makes large, the weights of what is no row, is taken away: the least stay.
        without = lambda forces: forces - _ridge(rows) * cho_solve((lower, True), forces)
        forces = _repeated(without, 2, forces)
        pivots = jnp.where(jnp.arange(len(rows)) < count, jnp.diagonal(lower) ** 2, 1.0)
        return rest, _filled(forces, room), jnp.min(pivots)

    room = len(rows)
    return _on_first(project, rows, count)


def nearest(y: Any, gaps: Any, rows: Any, count: Any) -> Any:
    """The point nearest to y at which each of the first `count` rows is less by its gap."""

    def step(rows: Any) -> Any:
        lower, right = _factor(rows), gaps[: len(rows)]
        x = cho_solve((lower, True), right)
        x = x + cho_solve((lower, True), right - rows @ (rows.T @ x))
        return y - rows.T @ x

    return _on_first(step, rows, count)


def _on_first(f: Callable[[Any], Any], rows: Any, count: Any) -> Any:
    """f(the first so many rows)."""
    room = len(rows)
    sizes = [size for size in (4, 16, 64, 256, 1024, 4096) if size < room] + [room]
    level = jnp.sum(jnp.asarray(count) > jnp.asarray(sizes[:-1], int))
    return lax.switch(level, [lambda size=size: f(rows[:size]) for size in sizes])


def _rest(slope: Any, rows: Any, lower: Any) -> Any:
    # Again and again, for what the ridge and rounding left.
    rest = lambda slope: slope - rows.T @ cho_solve((lower, True), rows @ slope)
    return _repeated(rest, _PASSES, slope)


def _repeated(f: Callable[[Any], Any], times: int, x: Any) -> Any:
    """f(f(… x)), compiled once."""
    return lax.fori_loop(0, times, lambda _, x: f(x), x)


def _filled(v: Any, room: int) -> Any:
    """With zeros up to a length."""
    return jnp.zeros(room).at[: len(v)].set(v)


def _factor(rows: Any) -> Any:
    """Cholesky's, of the rows' Gram matrix with a ridge."""
    return jnp.linalg.cholesky(rows @ rows.T + _ridge(rows) * jnp.eye(len(rows)))


def _ridge(rows: Any) -> float:
    return _RIDGE * len(rows)
