"""Compile a function without writing the arrays that it closes over into the program.

`jax.jit` makes literals of them: data of 100 MB is copied into the program, printed with it, and
folded through by the compiler. Here they are arguments, the caller's own arrays.
"""

from __future__ import annotations

import itertools
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
    # What is traced is a new function, which JAX forgets, and no array of JAX's trace is kept: see
    # `detached`.
    closed, out = jax.make_jaxpr(lambda *args: f(*args), return_shape=True)(*args)
    jaxpr = closed.jaxpr

    def run(consts: list[Any], leaves: list[Any]) -> list[Any]:
        filled = jex_core.ClosedJaxpr(jaxpr, consts)
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
    """`compiled(f)` from NumPy arrays to NumPy arrays that are not to be written to.

    They go in and out in one piece: to hand over fifty arrays takes longer than a small program
    runs. It is for 64-bit mode; integers are exact up to 2⁵³.
    """
    known: dict[Any, Any] = {}

    def call(*args: Any) -> Any:
        leaves, structure = jax.tree.flatten(args)
        key = structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves), is_double_enabled()
        whole = np.concatenate([leaf.ravel() for leaf in leaves], dtype=np.float64)
        if key not in known:
            pieces, outs = _Pieces(leaves), []

            def packed(whole: Any) -> Any:
                given = jax.tree.unflatten(structure, pieces.of(whole))
                found, tree = jax.tree.flatten(f(*given))
                outs[:] = _Pieces(found), tree
                return jnp.concatenate([jnp.ravel(leaf).astype(float) for leaf in found])

            run, consts, _ = hoisted(packed, whole)
            known[key] = run, consts, *outs
        run, consts, pieces, tree = known[key]
        return jax.tree.unflatten(tree, pieces.of(np.asarray(run(consts, [whole])[0])))

    return call


class _Pieces:
    """Where arrays stand in one vector.

    Args:
        leaves: the arrays, or tracers of them.
    """

    def __init__(self, leaves: list[Any]):
        sizes = [math.prod(leaf.shape) for leaf in leaves]
        ends = list(itertools.accumulate(sizes, initial=0))
        kinds = [(leaf.shape, leaf.dtype) for leaf in leaves]
        self.places = list(zip(itertools.pairwise(ends), kinds, strict=True))

    def of(self, whole: Any) -> list[Any]:
        """The arrays of a vector, of NumPy's or of JAX's kind as it is."""
        return [
            whole[begin:end].reshape(shape).astype(dtype, copy=False)
            for (begin, end), (shape, dtype) in self.places
        ]


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
