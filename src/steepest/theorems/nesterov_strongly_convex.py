"""Nesterov's method on smooth, strongly convex functions."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.inputs import whole_number
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.strongly_convex_class import StronglyConvexRun, strongly_convex_run
from steepest.theorems.vectors import flat

_STATEMENT = Statement(
    name="nesterov_strongly_convex",
    id="D5",
    left="f(xₙ) − f(x*)",
    right="(1 − 1/√κ)ⁿ (f(x₀) − f(x*) + μ‖x₀ − x*‖²/2)",
    latex=r"If f is $\beta$-smooth and $\mu$-strongly convex, $\kappa = \beta/\mu$, then "
    r"Nesterov's method with $\eta = 1/\beta$ and momentum "
    r"$(\sqrt\kappa - 1)/(\sqrt\kappa + 1)$ has, for every $n$, "
    r"$$f(x_n) - f(x^\star) \;\le\; \Bigl(1 - \frac{1}{\sqrt\kappa}\Bigr)^{n}"
    r"\Bigl(f(x_0) - f(x^\star) + \frac{\mu}{2}\|x_0 - x^\star\|_2^2\Bigr).$$",
    source="Nesterov 2018, Lectures on Convex Optimization, Section 2.2.1 (with γ₀ = μ)",
)


@theorem(_STATEMENT)
def nesterov_strongly_convex(p: Problem, steps: int = 200) -> Certificate:
    r"""Nesterov's method takes √κ log(1/ε) steps on every β-smooth, μ-strongly convex f.

    Problem: minimise f, β-smooth and μ-strongly convex, κ = β/μ. Method: v ← mv − ∇f(x + ηmv),
    x ← x + ηv from v₀ = 0, η = 1/β, m = (√κ − 1)/(√κ + 1). Guarantee: $f(x_n) - f(x^\star) \le
    (1 - 1/\sqrt\kappa)^n (f(x_0) - f(x^\star) + \tfrac\mu2\|x_0 - x^\star\|^2)$; f itself need not
    fall at every step.

    Hypotheses: smoothness and strong convexity are *proved* where the program is a quadratic with
    A ≻ 0. Else each is *given* by the problem, or *measured* (a `strong_convexity` of 0.0 says no
    more than "convex": μ is then measured). Measured constants start from the curvature at x0; β
    is raised and μ lowered while something contradicts them, and constants given are *violated* by
    the same: the curvature at x0, on the way, at the end and at x*; and at every lookahead y what
    the proof asks there, $f(x^+) \le f(y) - \|\nabla f(y)\|^2/(2\beta)$ and $f(z) \ge f(y) +
    \langle\nabla f(y), z - y\rangle + \tfrac\mu2\|z - y\|^2$ for z = x* and for the state. So a
    measured certificate speaks of this run alone, and for it the proof goes through. A kink of f
    on the way from a state to its lookahead, or on to the next state, *violates* smoothness.

    x* is solved for by running on to the rounding of ∇f (from the `minimizer`, which is held
    against the outcome, where one is given). What is left, $f(x^\star) - \min f \le
    \|\nabla f\|^2/(2\mu)$, enters the allowance; where it is not small x* is *unknown*.

    Args:
        p: the problem.
        steps: how many steps are run and compared.

    Returns:
        A certificate over n = 0 … steps.

    Reference: Nesterov 1983; Nesterov 2018, Lectures on Convex Optimization, Section 2.2.1.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda x: jnp.sum(jnp.logaddexp(x, -x) + 0.1 * x**2)
        >>> p = st.Problem(f, jnp.ones(2), smoothness=1.2, strong_convexity=0.2)
        >>> st.theorems.nesterov_strongly_convex(p, steps=50).holds
        True
    """
    found = strongly_convex_run(p, whole_number(steps, "steps"))
    run, at, mu = found.run, found.minimum, found.strong_convexity
    rate = 1 - np.sqrt(mu / found.smoothness)
    n = np.arange(run.steps + 1, dtype=np.float64)
    gap = run.values - at.value
    distance = float(np.linalg.norm(flat(p.program.start) - at.x))
    bound = rate**n * max(gap[0] + mu / 2 * distance**2, 0.0)
    above = gap > run.value_rounding  # what lies in the rounding of f is not drawn
    notes, hypotheses = (), found.hypotheses
    if run.missing is not None and not run.steps:
        hypotheses += (Hypothesis("the run can be begun", Evidence.UNKNOWN, run.missing),)
    if not run.complete:
        ended = run.missing or f"f or x left the range of float64 after step {run.steps}"
        notes = (f"{ended}; compared up to there",)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=hypotheses,
        steps=n,
        measured=gap,
        bound=bound,
        allowance=_allowance(found, rate, bound, distance),
        trajectory=run.trajectory,
        constants={
            "smoothness": found.smoothness,
            "strong_convexity": mu,
            "learning_rate": run.learning_rate,
            "momentum": run.momentum,
            "initial": float(bound[0]),
        },
        notes=notes,
        figure=(
            Curves(
                (
                    Curve(n[above], gap[above], "Nesterov's method"),
                    Curve(n, bound, "(1 − 1/√κ)ⁿ (f(x₀) − f(x*) + μ‖x₀ − x*‖²/2)", "bound"),
                ),
                xlabel="step",
                ylabel="f(xₙ) − f(x*)",
                yscale="log",
            ),
        ),
    )


def _allowance(
    found: StronglyConvexRun, rate: float, bound: Float[np.ndarray, " n"], distance: float
) -> Float[np.ndarray, " n"]:
    """The rounding of f, of the steps, of the rate, and of x*.

    The proof contracts V = f(x) − f(x*) + μ‖z − x*‖²/2 by the rate. An error ε in x and in ηv moves
    √V by at most √(2β)ε, and is contracted from then on as √V is.
    """
    run, mu, L = found.run, found.strong_convexity, found.smoothness
    n = np.arange(len(bound), dtype=np.float64)
    gradient = found.minimum.gradient_norm
    shift = gradient * distance + gradient**2 / mu  # of the bracket, between x* as found and x*
    errors = np.sqrt(2 * L) * run.rounding
    root, total = np.sqrt(rate), np.zeros_like(bound)
    for k in range(1, len(total)):
        total[k] = root * total[k - 1] + errors[k - 1]
    moved = 2 * np.sqrt(bound) * total + total**2
    return run.value_rounding + rate**n * shift + moved + 8 * EPS * (1 + n) * bound
