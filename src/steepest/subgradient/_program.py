"""The gradient of a program at a point, ties broken by a direction."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._along import JUMPS, SINGULAR, Along
from steepest.subgradient._frozen import Frozen
from steepest.subgradient._loop import Found
from steepest.subgradient._plain import Plain
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
        loop = Along(directions, sides, along_only, order)
        (out,) = loop.run(closed, [loop.variable(leaf, i) for i, leaf in enumerate(leaves)])
        if lines is not None:
            lines[:] = [line for line, _ in loop.found.flags]
        eps = eps_of([out])
        gap = jnp.abs(out.array - value.array)
        # Without a tied jump f is continuous, and a gap is rounding.
        jumped = jnp.asarray(False)
        for line, flag in loop.found.flags:
            if line.startswith((JUMPS, SINGULAR)):
                jumped = jumped | flag
        where = lambda mask: jnp.asarray(False) if mask is None else jnp.asarray(mask)
        return Beside(
            tuple(loop.found.winners),
            jnp.zeros_like(out.array) if out.series is None else out.series[0],
            ~(gap <= TIE_FACTOR * eps * (out.size + value.size)) & jumped,
            where(out.unproved),
            where(out.jumped),
            tuple(flag for _, flag in loop.found.flags),
        )

    if along_only or not found.jumps:
        return one(directions, None)
    sides = [jnp.stack([d, -d, jnp.zeros_like(d)]) for d in directions]
    three = jax.vmap(lambda d: one(d, _SIDES), axis_name=_SIDES)(sides)
    first = jax.tree.map(lambda a: a[0], three)
    unproved = three.unproved[0] | three.unproved[1]
    return first._replace(jump=jnp.any(three.jump), unproved=unproved)


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
    """A direction with a density: uniform in (−1, 1), from a hash of each number's place.

    Drawing normal numbers with `jax.random` would take longer to compile than a small gradient.
    """
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    with jax.ensure_compile_time_eval():
        words = (jax.random.key_data(key) if typed else key).astype(jnp.uint32).reshape(-1)
        seed = _mixed(words[0] + _mixed(words[-1] + jnp.uint32(0x9E3779B9)))
    counts = [int(np.prod(jnp.shape(leaf))) for leaf in leaves]
    place = jnp.arange(sum(counts), dtype=jnp.uint32)
    bits = _mixed(_mixed(place * jnp.uint32(0x9E3779B9) + seed) ^ seed)
    # The odd numerator keeps every component away from zero.
    unit = ((bits >> 9).astype(jnp.float32) * 2 + 1) / 2**23 - 1
    starts = np.cumsum([0, *counts[:-1]])
    return [
        unit[start : start + count].reshape(jnp.shape(leaf)).astype(leaf.dtype)
        for start, count, leaf in zip(starts, counts, leaves, strict=True)
    ]


def _mixed(bits: Any) -> Any:
    """A finalizer of MurmurHash3 (Appleby 2011): every input bit moves every output bit."""
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
    return bits ^ (bits >> 16)
