"""That f is convex, as a theorem's hypothesis."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.quadratic import recognise
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import in_words, split

_NAME = "f is convex"
# f may be computed in another order than its gradient: differences below that are rounding.
_ROUNDING = 1e-9


def convexity(
    p: Problem,
    points: Float[np.ndarray, "n d"],
    values: Float[np.ndarray, " n"],
    gradients: Float[np.ndarray, "n d"],
) -> Hypothesis:
    """What is known of f's convexity, from the program, the user and points that were visited.

    *Violated* where f(y) < f(x) + ⟨g, y − x⟩ for two of the points, or the program is a quadratic
    with a negative eigenvalue; *proved* where the program is affine or a quadratic with A ≻ 0;
    *given* where the problem states a `strong_convexity` (0.0 says convex), and f is not curved
    downwards near the first and the last of the points; else *unknown*.

    Args:
        p: the problem.
        points: points x, flat; those where x or f is not finite are passed over.
        values: f there.
        gradients: a subgradient g of f there, flat; where it is not finite (NaN says that none is
            known) the point serves as a y only.

    Example:
        >>> import jax.numpy as jnp
        >>> p = Problem(lambda x: jnp.sum(jnp.cos(x)), jnp.ones(1), strong_convexity=0.0)
        >>> x = np.array([[0.0], [1.0]])
        >>> str(convexity(p, x, np.cos(x[:, 0]), -np.sin(x)).evidence)
        'violated'
    """
    against = _contradiction(p, points, values, gradients)
    if against is not None:
        return Hypothesis(_NAME, Evidence.VIOLATED, against)
    quadratic = p.quadratic
    if quadratic is not None and quadratic.least < 0:
        detail = f"a quadratic, λₘᵢₙ = {quadratic.least:.6g}"
        return Hypothesis(_NAME, Evidence.VIOLATED, detail)
    if quadratic is not None and quadratic.least > 0:
        detail = f"a quadratic, λ from {quadratic.least:.6g}"
        return Hypothesis(_NAME, Evidence.PROVED, detail)
    degree = recognise(p.program).degree
    if degree is not None and degree <= 1:
        return Hypothesis(_NAME, Evidence.PROVED, "affine, read off the program")
    if p.strong_convexity is not None:
        against = _curved_down(p, points)
        if against is not None:
            return Hypothesis(_NAME, Evidence.VIOLATED, against)
        return Hypothesis(_NAME, Evidence.GIVEN, f"strong_convexity={p.strong_convexity:g}")
    detail = "nothing visited contradicts it; strong_convexity=0.0 says that f is convex"
    return Hypothesis(_NAME, Evidence.UNKNOWN, detail)


def _contradiction(
    p: Problem,
    points: Float[np.ndarray, "n d"],
    values: Float[np.ndarray, " n"],
    gradients: Float[np.ndarray, "n d"],
) -> str | None:
    """Two points between which the inequality of subgradients fails, in words; None if none do."""
    finite = np.isfinite(points).all(1) & np.isfinite(values)
    points, values, gradients = points[finite], values[finite], gradients[finite]
    if not len(points):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        across, at = gradients @ points.T, np.sum(gradients * points, axis=1)[:, None]
        gaps = values[None, :] - values[:, None] - (across - at)
        sizes = np.abs(values[None, :]) + np.abs(values[:, None]) + np.abs(across) + np.abs(at)
        below = gaps + _ROUNDING * sizes + p.noise(p.program.start)
    below = np.where(np.isfinite(below), below, 0.0)
    x, y = np.unravel_index(np.argmin(below), below.shape)
    if not below[x, y] < -1e-300:
        return None
    return (
        f"f is {values[y]:.6g} at {in_words(points[y])}, "
        f"{-gaps[x, y]:.3g} below its subgradient at {in_words(points[x])}"
    )


def _curved_down(p: Problem, points: Float[np.ndarray, "n d"]) -> str | None:
    """Where, of the two ends, f has a negative curvature, in words; None if at neither."""
    finite = points[np.isfinite(points).all(1)]
    for x in finite[[0, -1]] if len(finite) else ():
        curvature = p.curvature(split(x, p.program.start))
        if curvature.least < -_ROUNDING * curvature.norm:
            return f"the Hessian has the eigenvalue {curvature.least:.6g} near {in_words(x)}"
    return None
