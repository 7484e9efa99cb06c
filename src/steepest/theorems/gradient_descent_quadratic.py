"""Gradient descent on strongly convex quadratics."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.inputs import positive_number, whole_number
from steepest.methods import gradient_descent
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
)
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS, SIX_DIGITS

_STATEMENT = Statement(
    name="gradient_descent_quadratic",
    id="D3",
    left="‖xₜ − x*‖",
    right="(1 − ηλₘᵢₙ)ᵗ ‖x₀ − x*‖",
    latex=r"If $f(x) = \frac12 (x - x^\star)^\top A (x - x^\star) + c$ with $A \succ 0$ and "
    r"$\eta \le 1/\lambda_{\max}$, then for every $t$ "
    r"$$\|x_t - x^\star\|_2 \;\le\; (1 - \eta\lambda_{\min})^t\, \|x_0 - x^\star\|_2.$$",
    source="Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3",
)


@theorem(_STATEMENT)
def gradient_descent_quadratic(
    p: Problem, steps: int = 200, learning_rate: float | int | None = None
) -> Certificate:
    r"""On a quadratic with A ≻ 0, gradient descent contracts the distance by 1 − ηλₘᵢₙ a step.

    Problem: minimise ½(x − x*)ᵀA(x − x*) + c. Method: gradient descent, η ≤ 1/λₘₐₓ.
    Guarantee: $\|x_t - x^\star\| \le (1 - \eta\lambda_{\min})^t \|x_0 - x^\star\|$; with
    η = 1/λₘₐₓ that is κ log(1/ε) steps to ε.

    Hypotheses: f is a quadratic, A ≻ 0, η ≤ 1/λₘₐₓ; all *proved* where the program is recognised
    as a quadratic (then the eigenvalues are exact to rounding). Otherwise A is the Hessian at x0,
    and that ∇f is affine is checked at random points and along the run: *measured*.

    Args:
        p: the problem; a `minimizer` given is checked, else it is solved for.
        steps: how many steps are run and compared.
        learning_rate: η; by default one over the smoothness that p states, or over λₘₐₓ.

    Returns:
        A certificate over t = 1 … steps.

    Raises:
        ArgumentError: η is not a positive number.

    Reference: Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 9.0]) * x**2), jnp.ones(2))
        >>> st.theorems.gradient_descent_quadratic(p, steps=50).holds
        True
    """
    steps = whole_number(steps, "steps")
    if learning_rate is not None:
        learning_rate = positive_number(learning_rate, "learning_rate")
    model = quadratic_model(p)
    if model.hypothesis.evidence is Evidence.UNKNOWN:
        return nothing_compared(_STATEMENT, [model.hypothesis])
    eta = _step_size(p, model, learning_rate)
    at = center(p, model)
    hypotheses = [
        model.hypothesis,
        *stated_constants(p, model),
        definite(model),
        _small_step(model, eta),
        *at.hypotheses,
        *right_derivative(p),
    ]
    run = run_to(p, model, at, gradient_descent, (eta,), steps)
    distances = run.distances
    contraction = abs(1 - eta * model.least)
    t = np.arange(steps + 1, dtype=np.float64)
    # A step rounds xₜ − η∇f(xₜ) to its last place, and every later step contracts that error; the
    # rate itself is known to the rounding of λₘᵢₙ.
    unsure = 8 * EPS + eta * model.rounding
    with np.errstate(over="ignore", invalid="ignore"):  # |1 − ηλₘᵢₙ| > 1 for a step too large
        bound = contraction**t * distances[0]
        before = contraction ** np.maximum(t - 1, 0) * distances[0]
        allowance = (
            _accumulated(contraction, run.rounding)
            + at.uncertainty
            + unsure * (1 + t) * np.maximum(bound, before)
        )
    finite = np.isfinite(distances) & (t > 0)  # at t = 0 the two sides are the same number
    return Certificate(
        statement=_STATEMENT,
        hypotheses=tuple(hypotheses),
        steps=t[finite],
        measured=distances[finite],
        bound=bound[finite],
        allowance=allowance[finite],
        trajectory=run.trajectory,
        constants={
            "smoothness": model.largest,
            "strong_convexity": model.least,
            "learning_rate": eta,
            "initial": float(distances[0]),
        },
        notes=run.notes,
        figure=(
            Curves(
                (
                    Curve(t[finite], distances[finite], "gradient descent"),
                    Curve(t[finite], bound[finite], "(1 − ηλₘᵢₙ)ᵗ ‖x₀ − x*‖", "bound"),
                ),
                xlabel="step",
                ylabel="distance to the minimiser",
                yscale="log",
            ),
        ),
    )


def _accumulated(contraction: float, errors: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """a_0 = e_0, a_{t+1} = contraction · a_t + e_t: errors made at each step, then contracted."""
    total = np.empty_like(errors)
    total[0] = errors[0]
    for t in range(1, len(errors)):
        total[t] = contraction * total[t - 1] + errors[t - 1]
    return total


def _small_step(model: QuadraticModel, eta: float) -> Hypothesis:
    good = eta * model.largest <= 1 + 4 * EPS + eta * model.rounding
    evidence = model.evidence if good else Evidence.VIOLATED
    detail = f"η = {eta:.6g}, λₘₐₓ = {model.largest:.6g}"
    return Hypothesis("η ≤ 1/λₘₐₓ", evidence, detail, eta)


def _step_size(p: Problem, model: QuadraticModel, learning_rate: float | None) -> float:
    if learning_rate is not None:
        return learning_rate
    if p.smoothness is not None:
        close = p.smoothness >= model.largest * (1 - SIX_DIGITS)  # given in float32, say
        return 1 / max(float(p.smoothness), model.largest if close else 0.0)
    return 1 / model.largest if model.largest > 0 else 1.0
