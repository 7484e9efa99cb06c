"""Euler's identity for every subgradient of a homogeneous function."""

from __future__ import annotations

import jax
import numpy as np

from steepest.clarke import clarke
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, in_words

_STATEMENT = Statement(
    name="euler_identity",
    id="B7",
    left="|⟨s, x⟩ − L f(x)|, at the s ∈ ∂f(x) with the largest and the least ⟨s, x⟩",
    right="0, to rounding",
    latex=r"If $f$ is locally Lipschitz and positively homogeneous of degree $L$, then "
    r"$\langle s, x \rangle = L\,f(x)$ for every $x$ and every $s \in \partial f(x)$.",
    source="Lyu, Li 2020, Theorem B.2 (Euler's theorem for Clarke subdifferentials)",
)
_FACTORS = (0.3, 0.77, 1.7, 5.3)


@theorem(_STATEMENT)
def euler_identity(p: Problem, degree: float | int) -> Certificate:
    r"""⟨s, x⟩ = L f(x) for every subgradient s, at kinks too.

    Problem: f positively homogeneous of degree L, and the point x0. Guarantee: ⟨s, x0⟩ is the same
    number L f(x0) for every s in ∂f(x0). Both extremes of ⟨s, x0⟩ over the whole set are compared,
    so no vertex need be listed.

    Proof. Where f is differentiable, differentiate f(αx) = α^L f(x) in α at 1: ⟨∇f(x), x⟩ = L f(x).
    Let x_i → x with ∇f(x_i) → s; then ⟨∇f(x_i), x_i⟩ = L f(x_i) and both sides converge, f being
    continuous: ⟨s, x⟩ = L f(x). The identity is affine in s, so it passes to the convex hull of
    such limits, which is ∂f(x).

    Hypotheses: f is L-homogeneous (*measured*: f(αx) against α^L f(x) at x0 and three random
    points, at four α, none a power of two); ∂f(x0) is computed exactly (*proved*, else *unknown*).

    Args:
        p: the problem; its x0 is the point.
        degree: L.

    Returns:
        A certificate of two comparisons, the largest and the least ⟨s, x0⟩.

    Raises:
        ArgumentError: L is not a finite number.
        NotLocallyLipschitzError: there is no Clarke differential at x0.

    Reference: Lyu, Li 2020, "Gradient descent maximizes the margin of homogeneous neural networks",
    Theorem B.2.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.max(jnp.abs(x)), jnp.array([1.0, -1.0]))
        >>> st.theorems.euler_identity(p, degree=1).holds
        True
    """
    if not np.isfinite(degree):
        raise ArgumentError(f"degree is {degree}; it must be a finite number.")
    x, value = flat(p.program.start), p.value_at_start
    differential = clarke(p.f)(p.x0)
    known = Hypothesis(
        "∂f(x0) is computed exactly",
        Evidence.PROVED if differential.exact else Evidence.UNKNOWN,
        differential.evidence,
    )
    hypotheses = (_homogeneous(p, x, float(degree)), known)
    if not differential.exact:
        nothing = np.zeros(0)
        return Certificate(_STATEMENT, hypotheses, nothing, nothing, nothing, nothing)
    ends = np.array([differential.support(x), -differential.support(-x)])
    low, high = differential.set.bounding_box()
    terms = float(np.maximum(np.abs(low), np.abs(high)) @ np.abs(x))
    # The tie tolerance of a float32 program shows here: a kink it calls tied may be off by that.
    eps = max(float(jax.numpy.finfo(leaf.dtype).eps) for leaf in p.program.point.leaves)
    allowed = 64 * max(eps, EPS) * (terms + abs(degree * value))
    return Certificate(
        statement=_STATEMENT,
        hypotheses=hypotheses,
        steps=np.arange(2.0),
        measured=np.abs(ends - degree * value),
        bound=np.zeros(2),
        allowance=np.full(2, allowed),
        notes=(f"⟨s, x⟩ from {ends[1]:.9g} to {ends[0]:.9g}, L f(x) = {degree * value:.9g}",),
    )


def _homogeneous(p: Problem, x: np.ndarray, degree: float) -> Hypothesis:
    """Measured at x0 and at random points: where f is 0 it would fit any degree."""
    name = f"f is positively homogeneous of degree {degree:g}"
    rng = np.random.default_rng(0)
    size = max(float(np.linalg.norm(x)), 1.0)
    for point in [x, *(x + size * rng.standard_normal((3, len(x))))]:
        value = p.value_at(point)
        for factor in _FACTORS:
            scaled, expected = p.value_at(factor * point), factor**degree * value
            if not abs(scaled - expected) <= 1e-9 * (abs(scaled) + abs(value)) + 1e-300:
                detail = f"f({factor}x) = {scaled:.6g}, not {expected:.6g}, at {in_words(point)}"
                return Hypothesis(name, Evidence.VIOLATED, detail)
    detail = f"f(αx) at x0 and three random points, α = {', '.join(map(str, _FACTORS))}"
    return Hypothesis(name, Evidence.MEASURED, detail)
