"""Is what automatic differentiation returns a subgradient? Not always."""

from __future__ import annotations

import numpy as np

from steepest.autodiff import check_autodiff
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.exact_differential import exactly_computed
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem

_STATEMENT = Statement(
    name="autodiff_subgradient",
    id="A3",
    left="dist(jax.grad(f)(x), ∂f(x))",
    right="0",
    latex=r"$\texttt{jax.grad}(f)(x) \in \partial f(x)$, which holds almost everywhere "
    r"and may fail at kinks: for $\mathrm{relu}(x) - \mathrm{relu}(-x) = x$ at $0$, "
    r"$\partial f = \{1\}$ and automatic differentiation says $0$.",
    source="Kakade, Lee 2018; Bolte, Pauwels 2020; Lee, Yu, Rival, Yang 2020",
)


@theorem(_STATEMENT, differentiates=False)  # it looks at what is returned, NaN too
def autodiff_subgradient(p: Problem) -> Certificate:
    r"""Whether `jax.grad(f)(x0)` is an element of ∂f(x0).

    Problem: f and the point x0. Claimed: the gradient that automatic differentiation returns is a
    Clarke subgradient. It is where f is differentiable in all its steps; at a kink each primitive
    takes its own convention, and together they need not be a subgradient of anything.

    Hypothesis: ∂f(x0) is computed exactly (*proved*), or it is *unknown* whether the theorem holds.

    Args:
        p: the problem; its x0 is the point.

    Returns:
        A certificate of one comparison; a note names the line whose convention is to blame.

    Raises:
        NotLocallyLipschitzError: there is no Clarke differential at x0.

    Reference: Kakade, Lee 2018; Bolte, Pauwels 2020; Lee, Yu, Rival, Yang 2020, "On correctness of
    automatic differentiation for non-differentiable functions".

    Example:
        >>> import jax
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jax.nn.relu(x) - jax.nn.relu(-x), 0.0)
        >>> c = st.theorems.autodiff_subgradient(p)
        >>> c.holds, float(c.measured[0])
        (False, 1.0)
    """
    check = check_autodiff(p.f)(p.x0)
    exact = check.differential.exact
    hypotheses = [exactly_computed(check.differential)]
    if exact and check.valid is None:
        hypotheses += [Hypothesis("the gradient is known", Evidence.UNKNOWN, check.reason)]
    return Certificate(
        statement=_STATEMENT,
        hypotheses=tuple(hypotheses),
        steps=np.zeros(1),
        measured=np.array([check.distance]),
        bound=np.zeros(1),
        allowance=np.array([max(check.allowed, 0.0 if check.valid is False else check.distance)]),
        notes=(check.reason, repr(check.differential)),
        figure=(check,) if exact and p.program.point.dimension <= 2 else (),
    )
