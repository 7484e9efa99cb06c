"""A locally Lipschitz function has a Clarke differential, bounded by its Lipschitz constant."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array

from steepest.clarke import clarke
from steepest.inputs import whole_number
from steepest.theorems.certificate import Certificate, Statement, nothing_compared
from steepest.theorems.exact_differential import exactly_computed
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.sampling import generator
from steepest.theorems.vectors import flat

_STATEMENT = Statement(
    name="existence_of_subgradients",
    id="A2",
    left="the slope of f at x along d",
    right="max over s ∈ ∂f(x) of ⟨s, d⟩",
    latex=r"If $f$ is locally Lipschitz near $x$, $\partial f(x)$ is nonempty, convex "
    r"and compact, and $\limsup_{r \downarrow 0} \frac{f(x + rd) - f(x)}{r} \le f^\circ(x; "
    r"d) = \max_{s \in \partial f(x)} \langle s, d \rangle$ for every direction $d$.",
    source="Clarke 1983, Optimization and Nonsmooth Analysis, Propositions 2.1.1 and 2.1.2",
)


@theorem(_STATEMENT)
def existence_of_subgradients(
    p: Problem, directions: int = 100, key: Array | None = None
) -> Certificate:
    r"""∂f(x0) exists, is nonempty and compact, and its support bounds every directional slope.

    Problem: f and the point x0. Guarantee: for every direction d,
    $\limsup_{r \downarrow 0} (f(x_0 + rd) - f(x_0))/r \le \max_{s \in \partial f(x_0)}
    \langle s, d \rangle$.

    Hypothesis: f is locally Lipschitz at x0: *proved* where the set is computed exactly. Where f
    is seen not to be, there is nothing to return and `NotLocallyLipschitzError` is raised.

    Args:
        p: the problem; its x0 is the point.
        directions: random unit directions tried.
        key: for the directions; default `jax.random.key(0)`.

    Returns:
        A certificate over the directions. The quotient is taken at two radii and extrapolated,
        which leaves an error of second order, allowed for beside rounding.

    Raises:
        NotLocallyLipschitzError: f jumps, or its slope is unbounded, near x0.

    Reference: Clarke 1983, Propositions 2.1.1 and 2.1.2.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.max(x), jnp.zeros(3))
        >>> st.theorems.existence_of_subgradients(p).holds
        True
    """
    directions = whole_number(directions, "directions")
    differential = clarke(p.f)(p.x0)
    known = exactly_computed(differential, "f is locally Lipschitz at x0, and ∂f(x0) computed")
    if not differential.exact:
        return nothing_compared(_STATEMENT, (known,))
    x = flat(p.program.start)
    rng = generator(key)
    tried = rng.standard_normal((directions, len(x)))
    tried /= np.linalg.norm(tried, axis=1, keepdims=True)
    low, high = differential.set.bounding_box()
    largest = float(np.linalg.norm(np.maximum(np.abs(low), np.abs(high))))
    r = 1e-4 * max(1.0, float(np.linalg.norm(x)))
    value = p.value_at(x)
    slopes = np.array([_slope(p, x, d, r, value) for d in tried])
    supports = np.array([differential.support(d) for d in tried])
    rounding = 256 * np.finfo(float).eps * max(abs(value), 1e-300) / r
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(known,),
        steps=np.arange(directions, dtype=np.float64),
        measured=slopes,
        bound=supports,
        allowance=np.full(directions, rounding + 1e-6 * (largest or 1.0)),
        notes=(f"subgradients at most {largest:.6g} long", repr(differential)),
    )


def _slope(p: Problem, x: np.ndarray, d: np.ndarray, r: float, value: float) -> float:
    """f'(x; d) from quotients at r and r/2, the error of first order in r extrapolated away."""
    far, near = ((p.value_at(x + s * d) - value) / s for s in (r, r / 2))
    return 2 * near - far
