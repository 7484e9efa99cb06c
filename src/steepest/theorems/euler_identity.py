"""Euler's identity for every subgradient of a homogeneous function."""

from __future__ import annotations

import jax
import numpy as np

from steepest.clarke import clarke
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.degrees import Degree, checked_degree, degree_of, judged
from steepest.theorems.exact_differential import exactly_computed
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
def euler_identity(p: Problem, degree: Degree) -> Certificate:
    r"""⟨s, x⟩ = L f(x) for every subgradient s, at kinks too.

    Problem: f positively homogeneous of degree L, and the point x0. Guarantee: ⟨s, x0⟩ is the same
    number L f(x0) for every s in ∂f(x0). Both extremes of ⟨s, x0⟩ over the whole set are compared,
    so no vertex need be listed.

    Proof. Where f is differentiable, differentiate f(αx) = α^L f(x) in α at 1: ⟨∇f(x), x⟩ = L f(x).
    Let x_i → x with ∇f(x_i) → s; then ⟨∇f(x_i), x_i⟩ = L f(x_i) and both sides converge, f being
    continuous: ⟨s, x⟩ = L f(x). The identity is affine in s, so it passes to the convex hull of
    such limits, which is ∂f(x).

    Hypotheses: f is L-homogeneous (*proved* by the rules of `homogeneity`; *violated* where they
    prove another degree or a point refutes all; else *measured*: f(αx) against α^L f(x) at x0 and
    three random points, at four α, none a power of two); ∂f(x0) is computed exactly (*proved*,
    else *unknown*).

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
    L = checked_degree(degree)
    x, value = flat(p.program.start), p.value_at_start
    differential = clarke(p.f)(p.x0)
    known = exactly_computed(differential)
    hypotheses = (_homogeneous(p, x, L), known)
    if not differential.exact:
        return nothing_compared(_STATEMENT, hypotheses)
    ends = np.array([differential.support(x), -differential.support(-x)])
    low, high = differential.set.bounding_box()
    terms = float(np.maximum(np.abs(low), np.abs(high)) @ np.abs(x))
    # The tie tolerance of a float32 program shows here: a kink it calls tied may be off by that.
    eps = max(float(jax.numpy.finfo(leaf.dtype).eps) for leaf in p.program.point.leaves)
    allowed = 64 * max(eps, EPS) * (terms + abs(L * value))
    return Certificate(
        statement=_STATEMENT,
        hypotheses=hypotheses,
        steps=np.arange(2.0),
        measured=np.abs(ends - L * value),
        bound=np.zeros(2),
        allowance=np.full(2, allowed),
        figure=(_on_the_diagonal(ends, L * value),),
        notes=(f"⟨s, x⟩ from {ends[1]:.9g} to {ends[0]:.9g}, L f(x) = {L * value:.9g}",),
    )


def _on_the_diagonal(ends: np.ndarray, expected: float) -> Curves:
    name = r"largest and least over $s \in \partial f(x)$"
    ends_at = Curve(np.full(2, expected), ends, name, "points")
    return Curves((ends_at,), xlabel=r"$L\,f(x)$", ylabel=r"$\langle s, x\rangle$")


def _homogeneous(p: Problem, x: np.ndarray, degree: float) -> Hypothesis:
    """By the rules; else measured at x0 and at random points: where f is 0 any degree would fit."""
    known = judged(p, degree_of(p), degree)
    if known.evidence is not Evidence.UNKNOWN:
        return known
    rng = np.random.default_rng(0)
    size = max(float(np.linalg.norm(x)), 1.0)
    for point in [x, *(x + size * rng.standard_normal((3, len(x))))]:
        value = p.value_at(point)
        for factor in _FACTORS:
            scaled, expected = p.value_at(factor * point), factor**degree * value
            if not abs(scaled - expected) <= 1e-9 * (abs(scaled) + abs(value)) + 1e-300:
                detail = f"f({factor}x) = {scaled:.6g}, not {expected:.6g}, at {in_words(point)}"
                return Hypothesis(known.name, Evidence.VIOLATED, detail)
    tried = f"f(αx) at x0 and three random points, α = {', '.join(map(str, _FACTORS))}"
    detail = f"{tried}; not proved: {known.detail}"
    return Hypothesis(known.name, Evidence.MEASURED, detail)
