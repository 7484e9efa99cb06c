"""Is what automatic differentiation returns a subgradient?

`jax.grad` picks a number at every kink: ½ for `maximum` at a tie (JAX issue 37821), 1 for `abs` at
zero (37820), 0 for `relu`, NaN for a norm at zero (2377). Each is a subgradient of its own
primitive (but the NaN); put together they need not be one of the function: relu(x) − relu(−x) is
x, and its gradient at 0 comes out as 0. Lee, Yu, Rival, Yang 2020, "On correctness of automatic
differentiation for non-differentiable functions".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.clarke import ClarkeDifferential, clarke
from steepest.clarke._differential import flatten
from steepest.convex import Everything
from steepest.errors import UnsupportedPrimitiveError
from steepest.homogeneity import with_rounding
from steepest.inputs import function
from steepest.pieces import Program, is_double_enabled, loops_named, trace

_EPS = float(np.finfo(np.float64).eps)
_TURNED = 1e-6  # of a gradient: roundings that move it by more have turned a choice


@dataclass(frozen=True)
class AutodiffCheck:
    """Whether `jax.grad(f)(x)` is in ∂f(x).

    Attributes:
        valid: True, False, or None where the differential is only bracketed, or where rounding in
            the types that f computes in may be what sets the gradient off.
        distance: from the gradient to ∂f(x); inf where the gradient is not finite. Of a bracketed
            set: to its outer bound.
        gradient: what `jax.grad` returned, in the user's dtype.
        differential: ∂f(x).
        reason: one sentence; where not valid it names the lines whose convention caused it.
        allowed: how far off the gradient may be by rounding.
    """

    valid: bool | None
    distance: float
    gradient: PyTree
    differential: ClarkeDifferential = field(repr=False)
    reason: str = ""
    allowed: float = 0.0

    def __bool__(self) -> bool:
        return self.valid is True


def check_autodiff(
    f: Callable[..., Any],
    *,
    argnums: int = 0,
    tol: float = 1e-6,
    tie_tol: float | None = None,
    key: jax.Array | None = None,
) -> Callable[..., AutodiffCheck]:
    """Check `jax.grad(f)` at a point: `check_autodiff(f)(x)`.

    `tol` is relative to the gradient's length, for gradients in single precision. Where terms of
    the gradient cancel, what rounding makes of it is measured (in the coarsest type that f computes
    in); what is off by more, and by no more than 16 times that, is not known. The returned function
    raises what `clarke` raises.

    >>> check = check_autodiff(lambda x: jax.nn.relu(x) - jax.nn.relu(-x))(0.0)
    >>> check.valid, check.distance
    (False, 1.0)
    """
    function(f, "f")
    find = clarke(f, argnums=argnums, tie_tol=tie_tol, key=key)

    def check(*args: Any, **kwargs: Any) -> AutodiffCheck:
        differential = find(*args, **kwargs)
        gradient = _gradient(f, argnums, args, kwargs, differential)
        flat = flatten(differential.point, gradient, "the gradient")
        lines = ", ".join(differential.lines[:4]) or "no tied line"
        if not np.all(np.isfinite(flat)):
            return AutodiffCheck(
                False,
                float("inf"),
                gradient,
                differential,
                f"the gradient is not finite, by the derivative at {lines}",
            )
        if isinstance(differential.outer, Everything):
            reason = f"∂f(x) is not known: {differential.evidence}"
            return AutodiffCheck(None, 0.0, gradient, differential, reason)
        distance, length = differential.distance(flat), float(np.linalg.norm(flat))
        allowed, explained = tol * length, 0.0
        if distance > allowed:
            program = _traced(f, argnums, args, kwargs)
            moved = _rounding(program)
            rounding = 4 * moved * program.eps / _EPS
            allowed = max(allowed, min(rounding, tol * (1.0 + length)))
            # Where drawn roundings break a tie that is how far the gradient turns, and no rounding.
            most = np.inf if moved <= _TURNED * length else program.eps * (1.0 + length)
            explained = 16 * min(rounding, most)
        if distance <= allowed:
            near = differential.exact or differential.contains(flat, tol)
            valid = True if near else None
            reason = _reason(valid, differential, lines)
        elif distance <= explained:
            valid, reason = None, f"not known: rounding may explain that it is {distance:.2g} off"
        else:
            valid, reason = False, _reason(False, differential, lines)
        return AutodiffCheck(valid, distance, gradient, differential, reason, allowed)

    return check


def _traced(f: Callable[..., Any], argnums: int, args: tuple[Any, ...], kwargs: dict) -> Program:
    def of_x(x: PyTree) -> Any:
        return f(*args[:argnums], x, *args[argnums + 1 :], **kwargs)

    return trace(of_x, args[argnums])


def _rounding(program: Program) -> float:
    """The length of what a few units in the last place of float64 make of the gradient."""

    def drawn(f: Any, leaves: list[Any]) -> Any:
        slope = lambda leaves: jnp.concatenate([jnp.ravel(g) for g in jax.grad(f)(leaves)])
        return with_rounding(slope, leaves)[1]

    try:
        return float(np.linalg.norm(program.in_double(drawn)(program.start)))
    except UnsupportedPrimitiveError:  # a custom rule around what has no reverse derivative
        return float("inf")


def _gradient(
    f: Callable[..., Any],
    argnums: int,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    differential: ClarkeDifferential,
) -> PyTree:
    """`jax.grad` as the user would call it, with passengers of the pytree left alone.

    Of the traced program, which has the user's own rules: called as it is in double, f would hand
    JAX's functions the arrays that JAX has made of NumPy's for its calls in single precision.
    """
    point = differential.point
    double = any(leaf.dtype == np.float64 for leaf in point.leaves)
    closed = _traced(f, argnums, args, kwargs).closed
    with jax.enable_x64(double or is_double_enabled()):
        kinds = [var.aval.dtype for var in closed.jaxpr.constvars]  # pyright: ignore[reportAttributeAccessIssue]
        consts = [jnp.array(c, kind) for c, kind in zip(closed.consts, kinds, strict=True)]
        run = jex_core.jaxpr_as_fun(jex_core.ClosedJaxpr(closed.jaxpr, consts))
        with loops_named(lambda: closed.jaxpr):
            leaves = [jnp.asarray(leaf) for leaf in point.leaves]
            gradient = jax.grad(lambda leaves: run(*leaves)[0])(leaves)
        return point.restore([np.asarray(g) for g in gradient])


def _reason(valid: bool | None, differential: ClarkeDifferential, lines: str) -> str:
    if valid:
        return "the gradient is a subgradient"
    if valid is None:
        return f"not known: the differential is bracketed only ({differential.evidence})"
    if not differential.lines:
        return (
            "f is smooth at x and the gradient is not its own: a custom derivative rule or a "
            "stop_gradient changes it"
        )
    return f"the conventions at {lines} do not add up to a subgradient"
