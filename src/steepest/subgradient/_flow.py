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
from steepest.pieces import scan_inputs
from steepest.subgradient._flat import Step
from steepest.subgradient._reading import Reading
from steepest.subgradient._roots import Of, single
from steepest.subgradient._value import Value, constant, either


def bodies_of(name: str, params: dict[str, Any]) -> list[jex_core.ClosedJaxpr]:
    """The programs among the parameters of a control flow primitive."""
    return {"scan": lambda: [params["jaxpr"]], "cond": lambda: list(params["branches"])}.get(
        name, list
    )()


def varying(jaxpr: Any, flags: list[bool]) -> list[bool]:
    """Which outputs of a jaxpr depend on the flagged inputs."""
    reached = {v for v, flag in zip(jaxpr.invars, flags, strict=True) if flag}
    depends = lambda atom: not isinstance(atom, jex_core.Literal) and atom in reached
    for eqn in jaxpr.eqns:
        if any(depends(atom) for atom in eqn.invars):
            reached.update(eqn.outvars)
    return [depends(atom) for atom in jaxpr.outvars]


def _scan(read: Reading, step: Step, inputs: list[Value], line: str) -> list[Value]:
    p = step.params
    consts, carry, xs = scan_inputs(p, inputs)
    n_carry = len(carry)
    moving = [v.varies for v in carry]
    while True:  # what depends on x at one step does so at the next
        reached = varying(
            p["jaxpr"].jaxpr, [v.varies for v in consts] + moving + [v.varies for v in xs]
        )[:n_carry]
        wider = [a or b for a, b in zip(moving, reached, strict=True)]
        if wider == moving:
            break
        moving = wider
    children: list[Reading] = []
    of = single(inputs)

    def packed(values: list[Value], flags: list[bool]) -> list[Any]:
        return [
            read.components(v) if flag else (jnp.asarray(v.array),)
            for v, flag in zip(values, flags, strict=True)
        ]

    def unpacked(child: Reading, parts: Any, flags: list[bool]) -> list[Value]:
        values = [
            child.restored(part) if flag else constant(part[0])
            for part, flag in zip(parts, flags, strict=True)
        ]
        return _of_one_number(child, of, values)

    of_xs = [v.varies for v in xs]
    of_ys: list[bool] = []

    def body(parts: Any, item: Any) -> Any:
        rows, winners = item
        child = read.child(winners)
        children.append(child)
        outs = child.run(
            step.bodies[0],
            [*consts, *unpacked(child, parts, moving), *unpacked(child, rows, of_xs)],
        )
        of_ys[:] = [v.varies for v in outs[n_carry:]]
        return packed(outs[:n_carry], moving), (
            packed(outs[n_carry:], of_ys),
            tuple(child.found.winners),
            tuple(flag for _, flag in child.found.flags),
        )

    rows = [jax.tree.map(lambda a: a, part) for part in _stacked_parts(read, xs, of_xs)]
    last, (ys, winners, flags) = lax.scan(
        body,
        packed(carry, moving),
        (rows, _given(read)),
        length=p["length"],
        reverse=p["reverse"],
        unroll=p["unroll"],
    )
    _adopt(read, children[-1], winners, [jnp.any(flag) for flag in flags])
    return [
        *unpacked(read, last, moving),
        *_of_one_number(
            read, of, [_unstacked(read, part, flag) for part, flag in zip(ys, of_ys, strict=True)]
        ),
    ]


def _stacked_parts(read: Reading, xs: list[Value], flags: list[bool]) -> list[Any]:
    """Components with the scanned axis first, also for stacks of coefficients."""
    return [
        _lead(read.components(v), v.array.ndim) if flag else (jnp.asarray(v.array),)
        for v, flag in zip(xs, flags, strict=True)
    ]


def _lead(parts: Any, ndim: int) -> Any:
    return tuple(jnp.moveaxis(a, 1, 0) if a.ndim > ndim else a for a in parts)


def _unstacked(read: Reading, parts: Any, flag: bool) -> Value:
    if not flag:
        return constant(parts[0])
    ndim = parts[0].ndim
    return read.restored(tuple(jnp.moveaxis(a, 0, 1) if a.ndim > ndim else a for a in parts))


def _given(read: Reading) -> Any:
    """The winners that a reading consumes here, () for one that finds them."""
    winners = getattr(read, "winners", None)
    return () if winners is None else next(winners)


def _adopt(read: Reading, child: Reading, winners: Any, flags: list[Any]) -> None:
    if getattr(read, "winners", None) is None:
        read.found.winners.append(winners)
    lines = [line for line, _ in child.found.flags]
    read.found.flags += list(zip(lines, flags, strict=True))
    read.found.jumps += child.found.jumps
    read.found.norms += child.found.norms


def _cond(read: Reading, step: Step, inputs: list[Value], line: str) -> list[Value]:
    index, *operands = inputs
    branches = step.params["branches"]
    if not index.varies and not isinstance(index.array, Tracer):
        return read.run(step.bodies[int(np.clip(index.array, 0, len(branches) - 1))], operands)
    given = _given(read)
    children: dict[int, Reading] = {}

    def taken(i: int) -> Any:
        child = read.child(given[i] if given else ())
        children[i] = child
        outs = child.run(step.bodies[i], operands)
        return (
            [read.components(v) for v in outs],
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
    if getattr(read, "winners", None) is None:
        read.found.winners.append(winners)
    for i, child in children.items():
        read.found.flags += [
            (line_, flag) for (line_, _), flag in zip(child.found.flags, flags[i], strict=True)
        ]
        read.found.jumps += child.found.jumps
        read.found.norms += child.found.norms
    outs = [read.restored(part) for part in parts]
    for out in outs:
        out.unproved = either(out.unproved, index.unproved)
        out.jumped = either(out.jumped, index.jumped)
    return _of_one_number(read, single(inputs), outs)


def _of_one_number(read: Reading, of: Of | None, outs: list[Value]) -> list[Value]:
    """The outcome of a body whose inputs are all functions of one number, if so."""
    if of is not None:
        for out in outs:
            if out.varies:
                out.root = of.everywhere(len(out.shape))
                read.close(out)
    return outs


def _while(read: Reading, step: Step, inputs: list[Value], line: str) -> list[Value]:
    raise UnsupportedPrimitiveError(
        f"a while loop on numbers that depend on x, at {line}, cannot be differentiated backwards; "
        "write it as a scan (a fori_loop with fixed bounds is one)."
    )


FLOW = {"scan": _scan, "cond": _cond, "while": _while}
