"""Compile a function without writing the arrays that it closes over into the program.

`jax.jit` makes literals of them: data of 100 MB is copied into the program, printed with it, and
folded through by the compiler. Here they are arguments, the caller's own arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core as jex_core

from steepest.pieces._program import is_double_enabled


def hoisted(f: Callable[..., Any], *args: Any) -> tuple[Callable[..., Any], list[Any], Any]:
    """(run, consts, tree): run(consts, leaves of args) is jitted and gives the leaves of f(*args).

    `tree` is the structure of f's output.
    """
    closed, out = jax.make_jaxpr(f, return_shape=True)(*args)

    def run(consts: list[Any], leaves: list[Any]) -> list[Any]:
        filled = jex_core.ClosedJaxpr(closed.jaxpr, consts)
        return jex_core.jaxpr_as_fun(filled)(*leaves)

    return jax.jit(run), list(closed.consts), jax.tree.structure(out)


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit(f)` for arrays and pytrees of them, with what f closes over passed as arguments."""
    known: dict[Any, Any] = {}

    def call(*args: Any) -> Any:
        leaves, structure = jax.tree.flatten(args)
        key = (
            structure,
            tuple(jax.typeof(leaf) for leaf in leaves),
            is_double_enabled(),
        )
        if key not in known:
            known[key] = hoisted(f, *args)
        run, consts, tree = known[key]
        return jax.tree.unflatten(tree, run(consts, leaves))

    return call
