"""The common case: no choice is tied at x, so ∂f(x) = {∇f(x)}.

One compiled function returns the value, the gradient and whether anything is tied or singular. It
costs about what `jax.grad` costs: the same program, and its sums of absolute terms for the
tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.pieces import NotStraight, Program, straight
from steepest.pieces._compile import compiled

_SMALL = 20_000


def gradient_without_ties(
    program: Program, tie_tol: float | None
) -> tuple[float, np.ndarray] | None:
    """(value, gradient) where no choice is tied and nothing is singular at x, else None.

    None also for small programs: walking them costs less than compiling them.
    """
    if _size(program.closed.jaxpr) < _SMALL:
        return None

    run = compiled_gradient(program, tie_tol)
    try:
        (value, tied), gradient = run([jnp.asarray(leaf) for leaf in program.start])
    except NotStraight:
        return None
    if bool(tied):
        return None
    flat = np.concatenate([np.asarray(g).reshape(-1) for g in gradient])
    if not np.isfinite(float(value)) or not np.all(np.isfinite(flat)):
        return None
    return float(value), flat


def compiled_gradient(program: Program, tie_tol: float | None) -> Callable[[list[Any]], Any]:
    """leaves → ((value, whether something is tied), gradient), compiled."""

    def run(leaves: list[Any]) -> tuple[Any, Any]:
        return straight(program, leaves, tie_tol)

    return compiled(jax.value_and_grad(run, has_aux=True))


def _size(jaxpr: Any) -> int:
    """How many numbers a program computes, loops counted once."""
    total = 0
    for eqn in jaxpr.eqns:
        total += sum(int(np.prod(getattr(v.aval, "shape", ()))) for v in eqn.outvars)
        total += sum(_size(inner) for inner in jex_core.jaxprs_in_params(eqn.params))
    return total
