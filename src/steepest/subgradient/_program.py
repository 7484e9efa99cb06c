"""The gradient of a program at a point, ties broken by a direction."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core as jex_core

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._along import Along
from steepest.subgradient._frozen import Frozen
from steepest.subgradient._loop import Found
from steepest.subgradient._plain import Plain
from steepest.subgradient._value import Value, eps_of

_SIDES = "sides"


class Beside(NamedTuple):
    """What was found along a direction.

    Attributes:
        winners: the outcome of every choice.
        slope: the one-sided derivative of the value.
        jump: whether the value beside the point differs from the value at it.
        unproved: whether the value rests on something not proved.
        open: whether it may differ across a tied jump near the point.
        flags: for each line of `lines_of`, whether something happened there.
    """

    winners: Any
    slope: jax.Array
    jump: jax.Array
    unproved: jax.Array
    open: jax.Array
    flags: tuple[jax.Array, ...]


def at_point(closed: jex_core.ClosedJaxpr, leaves: list[Any]) -> tuple[Value, Found]:
    """The plain reading: the value, the winners, the ties."""
    loop = Plain()
    (out,) = loop.run(closed, [loop.variable(leaf, i) for i, leaf in enumerate(leaves)])
    return out, loop.found


def is_tied(found: Found) -> Any:
    if not found.flags:
        return jnp.asarray(False)
    return jnp.any(jnp.stack([flag for _, flag in found.flags]))


def beside(
    closed: jex_core.ClosedJaxpr,
    leaves: list[Any],
    directions: list[Any],
    value: Value,
    *,
    both_sides: bool,
    lines: list[str] | None = None,
) -> Beside:
    """The reading along a direction; `both_sides`: look for jumps at −d as well.

    `lines`, a list, is filled with the lines that `flags` belongs to.
    """

    def one(directions: list[Any], sides: str | None) -> Beside:
        loop = Along(directions, sides, lenient=not both_sides)
        (out,) = loop.run(closed, [loop.variable(leaf, i) for i, leaf in enumerate(leaves)])
        if lines is not None:
            lines[:] = [line for line, _ in loop.found.flags]
        eps = eps_of([out])
        gap = jnp.abs(out.array - value.array)
        where = lambda mask: jnp.asarray(False) if mask is None else jnp.asarray(mask)
        return Beside(
            tuple(loop.found.winners),
            jnp.zeros_like(out.array) if out.series is None else out.series[0],
            ~(gap <= TIE_FACTOR * eps * (out.size + value.size)),
            where(out.unproved),
            where(out.jumped),
            tuple(flag for _, flag in loop.found.flags),
        )

    if not both_sides:
        return one(directions, None)
    sides = [jnp.stack([d, -d, jnp.zeros_like(d)]) for d in directions]
    three = jax.vmap(lambda d: one(d, _SIDES), axis_name=_SIDES)(sides)
    first = jax.tree.map(lambda a: a[0], three)
    return first._replace(jump=jnp.any(three.jump))


def frozen_gradient(
    closed: jex_core.ClosedJaxpr, leaves: list[Any], winners: Any, directions: list[Any] | None
) -> list[Any]:
    """The gradient with every choice held; `directions` where the program holds a norm."""

    def value(leaves: list[Any]) -> Any:
        loop = Frozen(list(winners), directions)
        (out,) = loop.run(closed, [loop.variable(leaf, i) for i, leaf in enumerate(leaves)])
        return out.array

    return jax.grad(value)(leaves)


def random_directions(key: jax.Array, leaves: list[Any]) -> list[Any]:
    keys = jax.random.split(key, len(leaves))
    return [
        jax.random.normal(k, jnp.shape(leaf), leaf.dtype)
        for k, leaf in zip(keys, leaves, strict=True)
    ]
