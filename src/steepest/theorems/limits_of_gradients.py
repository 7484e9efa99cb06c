"""The Clarke differential as its definition has it: limits of gradients, and their hull."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from steepest.clarke import clarke
from steepest.curvature import dense_hessian
from steepest.inputs import as_point, whole_number
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.exact_differential import exactly_computed
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.sampling import generator
from steepest.theorems.vectors import flat, in_words, lengths, split

_STATEMENT = Statement(
    name="limits_of_gradients",
    id="A1",
    left="dist(∇f(y), ∂f(x)), and ‖∇f(x + rd) − s‖ for every piece's gradient s",
    right="2r sup ‖∇²f(y)‖, at distance r from x",
    latex=r"$\partial f(x) = \operatorname{conv}\{\, s : \exists\, x_i \to x,\ f$ "
    r"differentiable at $x_i,\ \nabla f(x_i) \to s \,\}$: gradients near $x$ come "
    r"arbitrarily close to the computed set, and each of its pieces is the limit of "
    r"gradients along a direction that is shown.",
    source="Clarke 1983, Optimization and Nonsmooth Analysis, Theorem 2.5.1",
)
_RADII = (1e-3, 1e-4, 1e-5, 1e-6)


@theorem(_STATEMENT)
def limits_of_gradients(p: Problem, samples: int = 50, key: Array | None = None) -> Certificate:
    r"""Gradients at points that tend to x0 tend to ∂f(x0), and every piece of it is such a limit.

    Problem: f, locally Lipschitz, and the point x0. Guarantee: with ∂f(x0) as computed from the
    program, (i) gradients at random points at distance r lie within O(r) of it, (ii) every piece's
    gradient is approached along the piece's witness direction. Together: nothing is missing, and
    nothing is there that should not be.

    Hypothesis: the computed set is exact (*proved*), or it is *unknown* whether the theorem holds.

    Args:
        p: the problem; its x0 is the point.
        samples: random points at each of four radii.
        key: for the random points; default `jax.random.key(0)`.

    Returns:
        A certificate over r: left is the worst distance at that radius, of either kind.

    Raises:
        NotLocallyLipschitzError: there is no such set.

    Reference: Clarke 1983, Theorem 2.5.1.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.abs(x[0]) + x[1] ** 2, jnp.zeros(2))
        >>> st.theorems.limits_of_gradients(p).holds
        True
    """
    samples = whole_number(samples, "samples")
    differential = clarke(p.f)(p.x0)
    exact = exactly_computed(differential)
    if not differential.exact:
        return nothing_compared(_STATEMENT, (exact,))
    look = p.program.in_double(_gradients_and_curvatures)
    x = flat(p.program.start)
    rng = generator(key)
    away = rng.standard_normal((samples, len(x)))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    pieces = differential.pieces
    along = [_unit(flat(as_point(piece.direction, finite=False).leaves)) for piece in pieces]
    size = max(1.0, float(np.linalg.norm(x)))
    worst, bound, allowed = [], [], []
    for r in np.array(_RADII) * size:
        points = np.array([x + r * direction for direction in [*away, *along]])
        gradients, curvatures = look(
            [_stack(points, leaf, p) for leaf in range(len(p.program.start))]
        )
        missing = ~np.isfinite(gradients).all(axis=1)
        if missing.any():
            where = in_words(points[np.argmax(missing)])
            unknown = Hypothesis(
                "∇f is known beside x0", Evidence.UNKNOWN, f"it is not finite at {where}"
            )
            return nothing_compared(_STATEMENT, (exact, unknown))
        near = [differential.distance(g) for g in gradients[:samples]]
        reached = lengths(gradients[samples:] - np.array([piece.gradient for piece in pieces]))
        worst.append(max([*near, *reached]))
        bound.append(2 * r * float(np.max(curvatures)))
        largest = float(np.max(lengths(gradients)))
        allowed.append(1e-9 * (1 + largest) + 64 * EPS * largest * size / r)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(exact,),
        steps=np.array(_RADII) * size,
        measured=np.array(worst),
        bound=np.array(bound),
        allowance=np.array(allowed),
        notes=(f"{len(pieces)} pieces, each reached along its direction; {differential!r}",),
        figure=(differential,) if len(x) <= 2 else (),
    )


def _unit(direction: np.ndarray) -> np.ndarray:
    """The direction at length one; where a single piece fills the space, any will do."""
    length = np.linalg.norm(direction)
    return direction / length if length > 0 else np.eye(len(direction))[0]


def _stack(points: np.ndarray, leaf: int, p: Problem) -> np.ndarray:
    return np.stack([split(point, p.program.start)[leaf] for point in points])


def _gradients_and_curvatures(f: Any, stacked: list[Any]) -> tuple[Any, Any]:
    """∇f (n, d) and ‖∇²f‖_F (n,) at n points, leaf by leaf with a leading axis."""

    def one(leaves: list[Any]) -> tuple[Any, Any]:
        gradient = ravel_pytree(jax.grad(f)(leaves))[0]
        return gradient, jnp.linalg.norm(dense_hessian(f, leaves))

    return jax.lax.map(one, stacked)
