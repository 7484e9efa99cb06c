"""The loop that every interpreter of a jaxpr runs: an environment, and one equation at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from jax.extend import core as jex_core

V = TypeVar("V")


def interpret(
    closed: jex_core.ClosedJaxpr,
    args: Sequence[V],
    constant: Callable[[Any, Any], V],
    equation: Callable[[Any, list[V], list[bool]], Sequence[V]],
) -> list[V]:
    """The outputs of a program on values of any kind.

    Equations that no output depends on are left out, and a value is dropped after its last use.

    Args:
        closed: the program.
        args: its inputs.
        constant: (array, dtype) → the value of a constant or a literal; the dtype may be None.
        equation: (equation, inputs, which outputs are read) → its outputs.
    """
    jaxpr = closed.jaxpr
    last = last_uses(jaxpr)
    env: dict[Any, V] = {
        var: constant(const, getattr(var.aval, "dtype", None))
        for var, const in zip(jaxpr.constvars, closed.consts, strict=True)
    }
    env.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Any) -> V:
        if isinstance(atom, jex_core.Literal):
            dtype = atom.aval.dtype  # pyright: ignore[reportAttributeAccessIssue]
            return constant(np.asarray(atom.val, dtype), dtype)
        return env[atom]

    for i, eqn in enumerate(jaxpr.eqns):
        wanted = [var in last for var in eqn.outvars]
        if not any(wanted):
            continue
        outs = equation(eqn, [read(atom) for atom in eqn.invars], wanted)
        env.update(zip(eqn.outvars, outs, strict=True))
        for atom in eqn.invars:
            if not isinstance(atom, jex_core.Literal) and last.get(atom) == i:
                env.pop(atom, None)
    return [read(atom) for atom in jaxpr.outvars]


def scan_counts(params: Mapping[str, Any]) -> tuple[int, int]:
    """How many constants a scan has, and how many numbers it carries, by its parameters.

    Up to JAX 0.10 two counts; since 0.11 a tree of (constants, carry, rows), tried with 0.11.2.
    """
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    constants, carry, _ = params["ft_in"].unpack()
    return len(constants), len(carry)


def scan_inputs(params: Mapping[str, Any], inputs: list[V]) -> tuple[list[V], list[V], list[V]]:
    """A scan's inputs: (constants, what it starts to carry, what it takes rows of)."""
    n_consts, n_carry = scan_counts(params)
    n = n_consts + n_carry
    return inputs[:n_consts], inputs[n_consts:n], inputs[n:]


def last_uses(jaxpr: Any) -> dict[Any, int]:
    """The last equation that reads each variable, with dead equations left out."""
    last: dict[Any, int] = {
        v: len(jaxpr.eqns) for v in jaxpr.outvars if not isinstance(v, jex_core.Literal)
    }
    for i in range(len(jaxpr.eqns) - 1, -1, -1):
        eqn = jaxpr.eqns[i]
        if any(v in last for v in eqn.outvars):
            for v in eqn.invars:
                if not isinstance(v, jex_core.Literal):
                    last.setdefault(v, i)
    return last
