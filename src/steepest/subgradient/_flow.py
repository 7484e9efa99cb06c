"""Control flow: a scan stays a scan, a cond stays a cond, whatever the reading.

The winners found in a scan's body are stacked over its steps; those of a cond are kept for every
branch, zeros for the branches that are not taken.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.extend import core as jex_core

from steepest.errors import UnsupportedPrimitiveError
from steepest.subgradient._loop import Loop, constant
from steepest.subgradient._value import Value, either


def varying(jaxpr: Any, flags: list[bool]) -> list[bool]:
    """Which outputs of a jaxpr depend on the flagged inputs."""
    reached = {v for v, flag in zip(jaxpr.invars, flags, strict=True) if flag}
    depends = lambda atom: not isinstance(atom, jex_core.Literal) and atom in reached
    for eqn in jaxpr.eqns:
        if any(depends(atom) for atom in eqn.invars):
            reached.update(eqn.outvars)
    return [depends(atom) for atom in jaxpr.outvars]


def _scan(loop: Loop, eqn: Any, inputs: list[Value], line: str) -> list[Value]:
    p = eqn.params
    n_consts, n_carry = p["num_consts"], p["num_carry"]
    consts, carry = inputs[:n_consts], inputs[n_consts : n_consts + n_carry]
    xs = inputs[n_consts + n_carry :]
    moving = [v.varies for v in carry]
    while True:  # what depends on x at one step does so at the next
        reached = varying(
            p["jaxpr"].jaxpr, [v.varies for v in consts] + moving + [v.varies for v in xs]
        )[:n_carry]
        wider = [a or b for a, b in zip(moving, reached, strict=True)]
        if wider == moving:
            break
        moving = wider
    children: list[Loop] = []

    def packed(values: list[Value], flags: list[bool]) -> list[Any]:
        return [
            loop.components(v) if flag else (jnp.asarray(v.array),)
            for v, flag in zip(values, flags, strict=True)
        ]

    def unpacked(child: Loop, parts: Any, flags: list[bool]) -> list[Value]:
        return [
            child.restored(part) if flag else constant(part[0])
            for part, flag in zip(parts, flags, strict=True)
        ]

    of_xs = [v.varies for v in xs]
    of_ys: list[bool] = []

    def body(parts: Any, item: Any) -> Any:
        rows, winners = item
        child = loop.child(winners)
        children.append(child)
        outs = child.run(
            p["jaxpr"], [*consts, *unpacked(child, parts, moving), *unpacked(child, rows, of_xs)]
        )
        of_ys[:] = [v.varies for v in outs[n_carry:]]
        return packed(outs[:n_carry], moving), (
            packed(outs[n_carry:], of_ys),
            tuple(child.found.winners),
            tuple(flag for _, flag in child.found.flags),
        )

    rows = [jax.tree.map(lambda a: a, part) for part in _stacked_parts(loop, xs, of_xs)]
    last, (ys, winners, flags) = lax.scan(
        body,
        packed(carry, moving),
        (rows, _given(loop)),
        length=p["length"],
        reverse=p["reverse"],
        unroll=p["unroll"],
    )
    _adopt(loop, children[-1], winners, [jnp.any(flag) for flag in flags])
    return [
        *unpacked(loop, last, moving),
        *[_unstacked(loop, part, flag) for part, flag in zip(ys, of_ys, strict=True)],
    ]


def _stacked_parts(loop: Loop, xs: list[Value], flags: list[bool]) -> list[Any]:
    """Components with the scanned axis first, also for stacks of coefficients."""
    return [
        _lead(loop.components(v), v.array.ndim) if flag else (jnp.asarray(v.array),)
        for v, flag in zip(xs, flags, strict=True)
    ]


def _lead(parts: Any, ndim: int) -> Any:
    return tuple(jnp.moveaxis(a, 1, 0) if a.ndim > ndim else a for a in parts)


def _unstacked(loop: Loop, parts: Any, flag: bool) -> Value:
    if not flag:
        return constant(parts[0])
    ndim = parts[0].ndim
    return loop.restored(tuple(jnp.moveaxis(a, 0, 1) if a.ndim > ndim else a for a in parts))


def _given(loop: Loop) -> Any:
    """The winners that a reading consumes here, () for one that finds them."""
    winners = getattr(loop, "winners", None)
    return () if winners is None else next(winners)


def _adopt(loop: Loop, child: Loop, winners: Any, flags: list[Any]) -> None:
    if getattr(loop, "winners", None) is None:
        loop.found.winners.append(winners)
    lines = [line for line, _ in child.found.flags]
    loop.found.flags += list(zip(lines, flags, strict=True))
    loop.found.jumps += child.found.jumps
    loop.found.norms += child.found.norms


def _cond(loop: Loop, eqn: Any, inputs: list[Value], line: str) -> list[Value]:
    index, *operands = inputs
    branches = eqn.params["branches"]
    if not index.varies and not isinstance(index.array, Tracer):
        return loop.run(branches[int(np.clip(index.array, 0, len(branches) - 1))], operands)
    given = _given(loop)
    children: dict[int, Loop] = {}

    def taken(i: int) -> Any:
        child = loop.child(given[i] if given else ())
        children[i] = child
        outs = child.run(branches[i], operands)
        return (
            [loop.components(v) for v in outs],
            tuple(child.found.winners),
            tuple(flag for _, flag in child.found.flags),
        )

    shapes = [jax.eval_shape(lambda i=i: taken(i)) for i in range(len(branches))]

    def branch(i: int) -> Any:
        outs, winners, flags = taken(i)
        nothing = lambda tree: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), tree)
        every = lambda place, mine: tuple(
            mine if j == i else nothing(shapes[j][place]) for j in range(len(branches))
        )
        return outs, every(1, winners), every(2, flags)

    chosen = jnp.clip(index.array, 0, len(branches) - 1)
    parts, winners, flags = lax.switch(
        chosen, [lambda i=i: branch(i) for i in range(len(branches))]
    )
    if getattr(loop, "winners", None) is None:
        loop.found.winners.append(winners)
    for i, child in children.items():
        loop.found.flags += [
            (line_, flag) for (line_, _), flag in zip(child.found.flags, flags[i], strict=True)
        ]
        loop.found.jumps += child.found.jumps
        loop.found.norms += child.found.norms
    outs = [loop.restored(part) for part in parts]
    roots = {v.root for v in inputs if v.varies}
    for out in outs:
        out.unproved = either(out.unproved, index.unproved)
        out.jumped = either(out.jumped, index.jumped)
        if len(roots) == 1 and all(v.shape == () for v in [*inputs, out]) and index.root:
            # A function of one number, like an elementwise step.
            out.root = index.root
            loop.close(out)
    return outs


def _while(loop: Loop, eqn: Any, inputs: list[Value], line: str) -> list[Value]:
    raise UnsupportedPrimitiveError(
        f"a while loop on numbers that depend on x, at {line}, cannot be differentiated backwards; "
        "write it as a scan (a fori_loop with fixed bounds is one)."
    )


FLOW = {"scan": _scan, "cond": _cond, "while": _while}
