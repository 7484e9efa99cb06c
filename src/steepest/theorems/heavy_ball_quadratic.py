"""Heavy ball on strongly convex quadratics."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError
from steepest.inputs import positive_number, whole_number
from steepest.methods import heavy_ball
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem
from steepest.theorems.quadratic_model import (
    QuadraticModel,
    center,
    definite,
    quadratic_model,
    right_derivative,
    run_to,
    stated_constants,
    tuning,
)
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="heavy_ball_quadratic",
    id="D4",
    left="‖xₙ − x*‖",
    right="√mⁿ (1 + n(1 + √m)) ‖x₀ − x*‖",
    latex=r"If $f(x) = \frac12 (x - x^\star)^\top A (x - x^\star) + c$ and $(1 - \sqrt m)^2 \le "
    r"\eta\lambda \le (1 + \sqrt m)^2$ for every eigenvalue $\lambda$ of $A$, then for every $n$ "
    r"$$\|x_n - x^\star\|_2 \;\le\; \sqrt m^{\,n}\,\bigl(1 + n(1 + \sqrt m)\bigr)\, "
    r"\|x_0 - x^\star\|_2.$$ The least such $m$ is $\bigl((\sqrt\kappa - 1)/(\sqrt\kappa + "
    r"1)\bigr)^2$, with $\eta = 4/(\sqrt L + \sqrt\mu)^2$.",
    source="Polyak 1964, Theorem 9; the constant: Chebyshev polynomials, as derived here",
)


@theorem(_STATEMENT)
def heavy_ball_quadratic(
    p: Problem,
    steps: int = 200,
    learning_rate: float | int | None = None,
    momentum: float | int | None = None,
) -> Certificate:
    r"""On a quadratic, heavy ball takes √κ log(1/ε) steps: its rate is √m, after a transient.

    Problem: minimise ½(x − x*)ᵀA(x − x*) + c, A ≻ 0. Method: v ← mv − ∇f(x), x ← x + ηv from
    v₀ = 0. Guarantee: $\|x_n - x^\star\| \le \sqrt m^{\,n}(1 + n(1 + \sqrt m))\|x_0 - x^\star\|$
    where $(1 - \sqrt m)^2 \le \eta\lambda \le (1 + \sqrt m)^2$ for all eigenvalues λ.

    Proof: along an eigenvector $e_{n+1} = (1 + m - \eta\lambda)e_n - m e_{n-1}$ with $e_{-1} =
    e_0$. The condition says $|1 + m - \eta\lambda| \le 2\sqrt m$: the roots are complex (or
    double), of modulus √m. With $1 + m - \eta\lambda = 2\sqrt m\cos\theta$ the solution is
    $e_n = \sqrt m^{\,n}(U_n(\cos\theta) - \sqrt m\,U_{n-1}(\cos\theta))e_0$, and Chebyshev's
    polynomials of the second kind have $|U_n| \le n + 1$ on [−1, 1]. It is attained at
    $\eta\lambda = (1 + \sqrt m)^2$. The optimal pair for stated constants μ ≤ λ ≤ L meets the
    condition at both ends with equality, and so for every λ between.

    Hypotheses: f is a quadratic, A ≻ 0, the condition on η, m and λ; all *proved* where the program
    is recognised as a quadratic, else *measured* as for `gradient_descent_quadratic`. Constants
    that p states are held against the eigenvalues.

    Args:
        p: the problem; a `minimizer` given is checked, else it is solved for.
        steps: how many steps are run and compared.
        learning_rate: η; by default 4/(√L + √μ)², with L and μ as p states them, else λₘₐₓ, λₘᵢₙ.
        momentum: m in [0, 1); by default the least with which the condition holds for η, L and μ
            (the optimal one for the default η).

    Returns:
        A certificate over n = 1 … steps.

    Raises:
        ArgumentError: η is not a positive number, or m not one in [0, 1).

    Reference: Polyak 1964, "Some methods of speeding up the convergence of iteration methods",
    Theorem 9.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 9.0]) * x**2), jnp.ones(2))
        >>> st.theorems.heavy_ball_quadratic(p, steps=50).holds
        True
    """
    steps = whole_number(steps, "steps")
    if learning_rate is not None:
        learning_rate = positive_number(learning_rate, "learning_rate")
    if momentum is not None:
        momentum = positive_number(momentum, "momentum", zero=True)
        if momentum >= 1:
            raise ArgumentError(f"momentum is {momentum}; it must be at least 0 and below 1.")
    model = quadratic_model(p)
    if model.hypothesis.evidence is Evidence.UNKNOWN:
        return nothing_compared(_STATEMENT, [model.hypothesis])
    L, mu = tuning(p, model)
    eta = 4 / (np.sqrt(L) + np.sqrt(mu)) ** 2 if learning_rate is None else learning_rate
    m = _least_momentum(eta, L, mu) if momentum is None else momentum
    at = center(p, model)
    hypotheses = [
        model.hypothesis,
        *stated_constants(p, model),
        definite(model),
        _oscillates(model, eta, m),
        *at.hypotheses,
        *right_derivative(p),
    ]
    run = run_to(p, model, at, heavy_ball, (eta, m), steps)
    n = np.arange(steps + 1, dtype=np.float64)
    root = np.sqrt(m)
    bound = root**n * (1 + n * (1 + root)) * run.distances[0]
    # The double roots at the ends of the spectrum split under the rounding of η, m and λ.
    split = eta * model.rounding + 8 * EPS * (1 + m + eta * model.norm)
    with np.errstate(over="ignore", invalid="ignore"):  # of a step far too large
        loosened = _response(root, split, np.eye(1, steps + 1)[0] * run.distances[0])
        allowance = (
            np.maximum(loosened - bound, 0.0)
            + 8 * EPS * (1 + n) * bound
            + _response(root, split, run.rounding)
            + at.uncertainty
        )
    compared = np.isfinite(run.distances) & (n > 0)  # at n = 0 the two are the same number
    return Certificate(
        statement=_STATEMENT,
        hypotheses=tuple(hypotheses),
        steps=n[compared],
        measured=run.distances[compared],
        bound=bound[compared],
        allowance=allowance[compared],
        trajectory=run.trajectory,
        constants={
            "smoothness": model.largest,
            "strong_convexity": model.least,
            "learning_rate": float(eta),
            "momentum": m,
            "initial": float(run.distances[0]),
        },
        notes=run.notes,
        figure=(
            Curves(
                (
                    Curve(n[compared], run.distances[compared], "heavy ball"),
                    Curve(n[compared], bound[compared], "√mⁿ (1 + n(1 + √m)) ‖x₀ − x*‖", "bound"),
                    Curve(
                        n[compared],
                        (root**n * run.distances[0])[compared],
                        "√mⁿ ‖x₀ − x*‖",
                        "reference",
                    ),
                ),
                xlabel="step",
                ylabel="distance to the minimiser",
                yscale="log",
            ),
        ),
    )


def _least_momentum(eta: float, L: float, mu: float) -> float:
    """The least m with (1 − √m)² ≤ ηλ ≤ (1 + √m)² on [μ, L]; the optimal one where none is < 1."""
    root = max(1 - np.sqrt(eta * mu), np.sqrt(eta * L) - 1, 0.0)
    if root >= 1:
        root = (np.sqrt(L) - np.sqrt(mu)) / (np.sqrt(L) + np.sqrt(mu))
    return float(root**2) if root > 8 * EPS else 0.0  # κ = 1


def _oscillates(model: QuadraticModel, eta: float, m: float) -> Hypothesis:
    """Every mode's roots are complex or double; to rounding, as at the ends of the spectrum."""
    root = np.sqrt(m)
    low, high = (1 - root) ** 2, (1 + root) ** 2
    rounding = eta * model.rounding + 8 * EPS * (1 + m + eta * model.norm)
    good = low - rounding <= eta * model.least and eta * model.largest <= high + rounding
    detail = (
        f"η = {eta:.6g}, m = {m:.6g}: ηλ from {eta * model.least:.6g} to "
        f"{eta * model.largest:.6g}, within [{low:.6g}, {high:.6g}]"
    )
    if not good:
        detail = detail.replace("within", "not within")
    evidence = model.evidence if good else Evidence.VIOLATED
    return Hypothesis("(1 − √m)² ≤ ηλ ≤ (1 + √m)² for every λ", evidence, detail, m)


def _response(
    root: float, split: float, errors: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """What errors made in x and ηv at each step have grown to: Σₖ (uₙ₋ₖ + m uₙ₋ₖ₋₁) errorsₖ.

    u solves the recurrence of a mode with |1 + m − ηλ| = 2√m + split, from u₀ = 1 and u₋₁ = 0: it
    bounds the response to an error in v, and u + m u₋₁ that to an error in x.
    """
    trace, m = 2 * root + split, root**2
    before, now = 0.0, float(errors[0])
    total = np.empty_like(errors)
    total[0] = now
    for t in range(1, len(errors)):
        before, now = now, trace * now - m * before + float(errors[t])
        total[t] = now + m * before
    return np.maximum(total, 0.0)
