"""The gradient of a program at a point, ties broken by a direction.

Where no choice can jump one pass does it. Elsewhere the plain reading finds the ties, and only
where there are some the careful one, just beside the point, is run (`lax.cond`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._along import JUMPS, SINGULAR, Along
from steepest.subgradient._directions import random_directions, rank_one_directions
from steepest.subgradient._flat import Flat
from steepest.subgradient._flow import FLOW
from steepest.subgradient._frozen import Frozen
from steepest.subgradient._one_pass import NeedsCareError, OnePass
from steepest.subgradient._plain import Plain
from steepest.subgradient._reading import Found
from steepest.subgradient._rules import RULES
from steepest.subgradient._taylor import ORDER
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
        flags: for each line that was noted, whether something happened there.
    """

    winners: Any
    slope: jax.Array
    jump: jax.Array
    unproved: jax.Array
    open: jax.Array
    flags: tuple[jax.Array, ...]


def at_point(flat: Flat, leaves: list[Any]) -> tuple[Value, Found]:
    """The plain reading: the value, the winners, the ties."""
    read = Plain()
    (out,) = read.run(flat, [read.variable(leaf, i) for i, leaf in enumerate(leaves)])
    return out, read.found


def is_tied(found: Found) -> Any:
    if not found.flags:
        return jnp.asarray(False)
    return jnp.any(jnp.stack([flag for _, flag in found.flags]))


def beside(
    flat: Flat,
    leaves: list[Any],
    directions: list[Any],
    value: Value,
    *,
    found: Found,
    along_only: bool = False,
    lines: list[str] | None = None,
) -> Beside:
    """The reading along a direction, after the plain one.

    First coefficients are enough for choices that do not jump: where they agree along a random
    direction the candidates' gradients do. Only jumps (read at −d as well) and norms need more.
    `along_only`: only the values along the direction count, not what lies beside it. `lines`, a
    list, is filled with the lines that `flags` belongs to.
    """

    order = ORDER if found.jumps or found.norms or along_only else 1

    def one(directions: list[Any], sides: str | None) -> Beside:
        read = Along(directions, sides, along_only, order)
        (out,) = read.run(flat, [read.variable(leaf, i) for i, leaf in enumerate(leaves)])
        if lines is not None:
            lines[:] = [line for line, _ in read.found.flags]
        eps = eps_of([out])
        gap = jnp.abs(out.array - value.array)
        # Without a tied jump f is continuous, and a gap is rounding.
        jumped = jnp.asarray(False)
        for line, flag in read.found.flags:
            if line.startswith((JUMPS, SINGULAR)):
                jumped = jumped | flag
        where = lambda mask: jnp.asarray(False) if mask is None else jnp.asarray(mask)
        return Beside(
            tuple(read.found.winners),
            jnp.zeros_like(out.array) if out.series is None else out.series[0],
            ~(gap <= TIE_FACTOR * eps * (out.size + value.size)) & jumped,
            where(out.unproved),
            where(out.jumped),
            tuple(flag for _, flag in read.found.flags),
        )

    if along_only or not found.jumps:
        return one(directions, None)
    sides = [jnp.stack([d, -d, jnp.zeros_like(d)]) for d in directions]
    three = jax.vmap(lambda d: one(d, _SIDES), axis_name=_SIDES)(sides)
    first = jax.tree.map(lambda a: a[0], three)
    both = lambda mask: mask[0] | mask[1]
    return first._replace(
        jump=jnp.any(three.jump), unproved=both(three.unproved), open=both(three.open)
    )


def frozen_gradient(
    flat: Flat, leaves: list[Any], winners: Any, directions: list[Any] | None
) -> list[Any]:
    """The gradient with every choice held; `directions` where the program holds a norm."""

    def value(leaves: list[Any]) -> Any:
        read = Frozen(list(winners), directions)
        (out,) = read.run(flat, [read.variable(leaf, i) for i, leaf in enumerate(leaves)])
        return out.array

    return jax.grad(value)(leaves)


class Verdict(NamedTuple):
    """What keeps a gradient from being proved: scalars, as in `Beside`."""

    jump: jax.Array
    unproved: jax.Array
    open: jax.Array

    @property
    def proved(self) -> jax.Array:
        return ~(self.jump | self.unproved | self.open)


def subgradient_at(flat: Flat, leaves: list[Any], key: jax.Array) -> tuple[list[Any], Verdict]:
    """An element of the Clarke differential, and whether it was proved to be one; else NaN."""
    try:
        return in_one_pass(flat, leaves, key)
    except NeedsCareError:
        gradient, verdict = with_care(flat, leaves, key)
        return nan_unless(verdict.proved, gradient), verdict


def in_one_pass(flat: Flat, leaves: list[Any], key: jax.Array) -> tuple[list[Any], Verdict]:
    """See `OnePass`."""
    evaluate = jax.value_and_grad(of_one_pass(flat, leaves, key), has_aux=True)
    (value, flags), gradient = evaluate(leaves)
    finite, no = jnp.isfinite(value), jnp.asarray(False)
    # Without a singular step the value is finite up to the range of the dtype, and a mask on each
    # leaf would be a good part of the time to compile a small gradient.
    return nan_unless(finite, gradient) if flags else gradient, Verdict(no, ~finite, no)


def nan_unless(proved: jax.Array, gradient: list[Any]) -> list[Any]:
    return [jnp.where(proved, g, jnp.nan) for g in gradient]


def of_one_pass(
    flat: Flat, leaves: list[Any], key: jax.Array, lines: list[str] | None = None
) -> Any:
    """leaves → (value, flags of singular steps); `lines` is filled with their lines."""
    chooses = any(s.name in RULES or s.name in FLOW for s in flat.steps if not s.held)
    directions = rank_one_directions(key, leaves) if chooses else [None] * len(leaves)

    def value(leaves: list[Any]) -> Any:
        read = OnePass(directions, chooses)
        (out,) = read.run(flat, [read.variable(leaf, i) for i, leaf in enumerate(leaves)])
        if lines is not None:
            lines[:] = [line for line, _ in read.found.flags]
        return out.array, tuple(flag for _, flag in read.found.flags)

    return value


def with_care(flat: Flat, leaves: list[Any], key: jax.Array) -> tuple[list[Any], Verdict]:
    """By the plain reading, and by the one along a direction where something is tied."""
    value, found = at_point(flat, leaves)
    directions = random_directions(key, leaves)
    infinite = ~jnp.isfinite(value.array)
    no = jnp.asarray(False)

    def break_ties() -> tuple[Any, Verdict]:
        side = beside(flat, leaves, directions, value, found=found)
        return side.winners, Verdict(side.jump, side.unproved, side.open)

    def as_they_are() -> tuple[Any, Verdict]:
        return tuple(found.winners), Verdict(no, no, no)

    winners, verdict = lax.cond(is_tied(found), break_ties, as_they_are)
    carried = directions if found.norms else None
    gradient = frozen_gradient(flat, leaves, winners, carried)
    return gradient, verdict._replace(unproved=verdict.unproved | infinite)


def flags_at(flat: Flat, leaves: list[Any], key: jax.Array, lines: list[str]) -> tuple[Any, ...]:
    """What happened where, for a message; `lines` is filled with the lines."""
    try:
        _, flags = of_one_pass(flat, leaves, key, lines)(leaves)
        lines[:] = [f"{SINGULAR}{line}" for line in lines]
    except NeedsCareError:
        value, found = at_point(flat, leaves)
        directions = random_directions(key, leaves)
        flags = beside(flat, leaves, directions, value, found=found, lines=lines).flags
    return flags
