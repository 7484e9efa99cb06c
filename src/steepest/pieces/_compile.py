"""Compile a function without writing the arrays that it closes over into the program.

`jax.jit` makes literals of them: data of 100 MB is copied into the program, printed with it, and
folded through by the compiler. Here they are arguments, the caller's own arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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

    consts = [jnp.asarray(const) for const in closed.consts]  # on the device, once
    return jax.jit(run), consts, jax.tree.structure(out)


def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit(f)` for arrays and pytrees of them, with what f closes over passed as arguments."""
    known: dict[Any, Any] = {}

    def call(*args: Any) -> Any:
        leaves, key = _as_key(args)
        if key not in known:
            known[key] = hoisted(f, *args)
        run, consts, tree = known[key]
        return jax.tree.unflatten(tree, run(consts, leaves))

    return call


def compiled_to_numpy(f: Callable[..., Any]) -> Callable[..., Any]:
    """`compiled(f)` with NumPy arrays, not to be written to, as outputs.

    They come in one piece: to hand over fifty arrays takes longer than a small program runs. It is
    for 64-bit mode; integers are exact up to 2⁵³.
    """
    known: dict[Any, Any] = {}

    def call(*args: Any) -> Any:
        leaves, key = _as_key(args)
        if key not in known:
            found: list[Any] = []

            def packed(*args: Any) -> Any:
                outs, tree = jax.tree.flatten(f(*args))
                found[:] = tree, [(leaf.shape, leaf.dtype) for leaf in outs]
                return jnp.concatenate([jnp.ravel(leaf).astype(float) for leaf in outs])

            run, consts, _ = hoisted(packed, *args)
            known[key] = run, consts, *found
        run, consts, tree, kinds = known[key]
        whole = np.asarray(run(consts, leaves)[0])
        ends = np.cumsum([math.prod(shape) for shape, _ in kinds])
        parts = np.split(whole, ends[:-1])
        outs = [
            part.reshape(shape).astype(dtype, copy=False)
            for part, (shape, dtype) in zip(parts, kinds, strict=True)
        ]
        return jax.tree.unflatten(tree, outs)

    return call


def _as_key(args: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """(the leaves, what a program is compiled for)."""
    leaves, structure = jax.tree.flatten(args)
    return leaves, (structure, tuple(map(jax.typeof, leaves)), is_double_enabled())


def traced(f: Callable[..., Any], *args: Any) -> tuple[Callable[..., Any], Any]:
    """(f as it was traced at these arguments, zeros of the shapes that it gives).

    For use within a function that is traced itself: f is traced once, wherever it is used.
    """
    closed, out = jax.make_jaxpr(f, return_shape=True)(*args)
    run = jex_core.jaxpr_as_fun(closed)
    tree = jax.tree.structure(out)
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out)
    return lambda *args: jax.tree.unflatten(tree, run(*jax.tree.leaves(args))), zeros
