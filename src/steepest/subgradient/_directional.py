"""`directional_derivative`: the one-sided slope of f along a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import PyTree

from steepest.errors import ArgumentError, NotLocallyLipschitzError, UnprovedError
from steepest.inputs import as_point, is_traced
from steepest.subgradient._along import SINGULAR, TIED
from steepest.subgradient._program import Beside, at_point, beside
from steepest.subgradient._subgradient import Traces


def directional_derivative(f: Callable[..., Any], *, argnums: int = 0) -> Callable[..., jax.Array]:
    """f′(x; d) = lim (f(x + td) − f(x))/t as t falls to 0: `directional_derivative(f)(x, d)`.

    d is pushed forward through the program; a choice goes the way its margin moves, by its first
    Taylor coefficient along d that exceeds its rounding (Griewank 2013; Khan and Barton 2013). A
    choice whose candidates stay equal along d may go either way. With several arguments of f,
    d comes last: `directional_derivative(f, argnums=1)(a, x, d)`.

    Returns: a scalar of f's dtype. Where the limit was not proved it raises; under `jit` or `vmap`
        the result is NaN. It raises
        ArgumentError: x or d is not a pytree of floats, or they differ in shape.
        NotScalarError: f does not return one real number.
        UnsupportedPrimitiveError: a primitive that is not known to be smooth, with the line.
        NotLocallyLipschitzError: f(x + td) does not tend to f(x).
        UnprovedError: otherwise; the message names the line.

    >>> float(directional_derivative(abs)(0.0, -2.0))
    2.0
    """
    traces = Traces(f, argnums)

    def computed(call: Any, directions: list[Any], lines: list[str] | None = None) -> Beside:
        flat, leaves = traces.planned(call)
        value, found = at_point(flat, leaves)
        side = beside(flat, leaves, directions, value, found=found, along_only=True, lines=lines)
        moves = jnp.any(jnp.stack([jnp.any(d != 0) for d in directions]))
        return side._replace(
            winners=(),
            slope=jnp.where(moves, side.slope, 0),
            jump=side.jump & moves,
            unproved=(side.unproved | jnp.isnan(side.slope)) & moves,
        )

    jitted = eqx.filter_jit(computed)

    def of_arguments(*args: Any, **kwargs: Any) -> jax.Array:
        if len(args) < 2:
            raise ArgumentError("call it with f's arguments and, after them, the direction d.")
        *rest, d = args
        call, point = traces.checked(tuple(rest), kwargs)
        directions = _like(point, d)
        traced = is_traced((call, directions))
        side = computed(call, directions) if traced else jitted(call, directions)
        if traced or isinstance(side.slope, Tracer):
            return jnp.where(side.jump | side.unproved, jnp.nan, side.slope)
        if side.jump and not side.unproved:
            raise NotLocallyLipschitzError(
                "f jumps at x along d: f(x + td) does not tend to f(x) as t falls to 0."
            )
        if side.unproved:
            lines: list[str] = []
            jax.eval_shape(lambda: computed(call, directions, lines).slope)
            happened = [
                line.split(" ", 1)[1]
                for line, flag in zip(lines, side.flags, strict=True)
                if flag and line.startswith((SINGULAR, TIED))
            ]
            raise UnprovedError(
                "the derivative along d could not be proved: the choice or the step at "
                f"{', '.join(dict.fromkeys(happened)) or 'some line'} is tied or singular along d "
                "to every order that is computed."
            )
        return side.slope

    return of_arguments


def _like(point: Any, d: PyTree) -> list[Any]:
    given = as_point(d, name="d")
    shapes = [jnp.shape(leaf) for leaf in point.leaves]
    if [jnp.shape(leaf) for leaf in given.leaves] != shapes:
        raise ArgumentError(
            f"d must be a pytree like x; its leaves have shapes "
            f"{[jnp.shape(leaf) for leaf in given.leaves]}, those of x {shapes}."
        )
    return [jnp.asarray(d, leaf.dtype) for d, leaf in zip(given.leaves, point.leaves, strict=True)]
