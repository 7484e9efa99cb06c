"""Gradient descent on strongly convex quadratics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from steepest.descent import descend
from steepest.inputs import as_point, positive, whole_number
from steepest.methods import gradient_descent
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, in_words, norm, split
from steepest.trajectory import Trajectory

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
    p: Problem, steps: int = 200, learning_rate: float | None = None
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
        positive(learning_rate, "learning_rate")
    model = _model(p)
    eta = _step_size(p, model, learning_rate)
    minimizer, about_minimizer = _minimizer(p, model)
    hypotheses = [
        model.hypothesis,
        *_stated_constants(p, model),
        _definite(model),
        _small_step(model, eta),
        *about_minimizer,
    ]
    contradiction = p.gradient_contradiction()
    if contradiction is not None:
        name = "automatic differentiation gives ∇f"
        hypotheses.append(Hypothesis(name, Evidence.VIOLATED, contradiction))
    trajectory, distances, sizes = _run(p, eta, steps, minimizer)
    contraction = 1 - eta * model.least
    t = np.arange(steps + 1, dtype=np.float64)
    bound = np.abs(contraction) ** t * distances[0]
    # A step rounds xₜ − η∇f(xₜ) to its last place, and every later step contracts that error;
    # the minimiser itself is known to the rounding of a linear solve.
    conditioning = model.norm / model.least if model.least > 0 else 1.0
    at_minimizer = 4 * EPS * conditioning * float(np.linalg.norm(minimizer))
    per_step = 8 * EPS * np.sqrt(len(minimizer)) * sizes
    allowance = _accumulated(abs(contraction), per_step) + at_minimizer + 8 * EPS * bound
    finite = np.isfinite(distances) & (t > 0)  # at t = 0 the two sides are the same number
    return Certificate(
        statement=_STATEMENT,
        hypotheses=tuple(hypotheses),
        steps=t[finite],
        measured=distances[finite],
        bound=bound[finite],
        allowance=allowance[finite],
        trajectory=trajectory,
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


@dataclass(frozen=True)
class _Model:
    """The quadratic that f is, or that it looks like at x0, and on what that rests."""

    hypothesis: Hypothesis
    hessian: Float[np.ndarray, "d d"]
    least: float
    largest: float
    norm: float
    rounding: float
    proved: bool


def _model(p: Problem) -> _Model:
    name = "f is a quadratic"
    if p.quadratic is not None:
        q = p.quadratic
        hypothesis = Hypothesis(
            name,
            Evidence.PROVED,
            f"read off the program: λ from {q.least:.6g} to {q.largest:.6g}",
        )
        return _Model(hypothesis, q.hessian, q.least, q.largest, q.norm, q.rounding, True)
    H = p.hessian(p.program.start)
    if not np.all(np.isfinite(H)):
        hypothesis = Hypothesis(name, Evidence.VIOLATED, "∇²f(x0) is not finite")
        H = np.zeros_like(H)
    else:
        hypothesis = _looks_affine(p, name, H)
    eigenvalues = np.linalg.eigvalsh(H)
    norm = float(np.max(np.abs(eigenvalues)))
    rounding = 1e-10 * norm
    least = 0.0 if abs(eigenvalues[0]) <= rounding else float(eigenvalues[0])
    return _Model(hypothesis, H, least, float(eigenvalues[-1]), norm, rounding, False)


def _looks_affine(p: Problem, name: str, H: Float[np.ndarray, "d d"]) -> Hypothesis:
    """∇f against its linearisation at x0, at random points near and far."""
    x0 = flat(p.program.start)
    g0 = p.gradient(p.program.start)
    scale = max(float(np.linalg.norm(x0)), 1.0)
    rng = np.random.default_rng(0)
    for radius in (1e-3, 0.1, 1.0, 3.0, 10.0):
        for _ in range(4):
            u = rng.standard_normal(len(x0))
            u *= radius * scale / np.linalg.norm(u)
            g = p.gradient(split(x0 + u, p.program.start))
            error = float(np.linalg.norm(g - g0 - H @ u))
            size = float(np.linalg.norm(g0) + np.linalg.norm(H @ u) + np.linalg.norm(g))
            if not error <= 1e-7 * size:
                where = in_words(x0 + u)
                detail = f"∇f departs from its linearisation at x0 by {error:.3g} at {where}"
                return Hypothesis(name, Evidence.VIOLATED, detail)
    detail = "not recognised in the program; ∇f is affine at 20 random points"
    return Hypothesis(name, Evidence.MEASURED, detail)


def _step_size(p: Problem, model: _Model, learning_rate: float | None) -> float:
    if learning_rate is not None:
        return float(learning_rate)
    if p.smoothness is not None:
        close = p.smoothness >= model.largest * (1 - 1e-6)  # given in float32, say
        return 1 / max(float(p.smoothness), model.largest if close else 0.0)
    return 1 / model.largest if model.largest > 0 else 1.0


def _stated_constants(p: Problem, model: _Model) -> list[Hypothesis]:
    """What the user states of μ and β, against the eigenvalues."""
    found = "proved" if model.proved else "measured"
    stated: list[Hypothesis] = []
    if p.smoothness is not None:
        right = p.smoothness >= model.largest * (1 - 1e-6) - model.rounding
        stated.append(
            _stated("smoothness", p.smoothness, right, f"λₘₐₓ = {model.largest:.6g}", found)
        )
    if p.strong_convexity is not None:
        right = p.strong_convexity <= model.least * (1 + 1e-6) + model.rounding
        stated.append(
            _stated(
                "strong_convexity", p.strong_convexity, right, f"λₘᵢₙ = {model.least:.6g}", found
            )
        )
    return stated


def _stated(name: str, value: float, right: bool, eigenvalue: str, found: str) -> Hypothesis:
    evidence = Evidence(found) if right else Evidence.VIOLATED
    return Hypothesis(f"{name} = {value:.6g} as stated", evidence, f"{eigenvalue}, {found}", value)


def _definite(model: _Model) -> Hypothesis:
    good = model.least > 0
    evidence = Evidence.VIOLATED if not good else _evidence(model)
    detail = f"λₘᵢₙ = {model.least:.6g}" + ("" if good else " to rounding")
    return Hypothesis("A ≻ 0", evidence, detail, model.least)


def _small_step(model: _Model, eta: float) -> Hypothesis:
    good = eta * model.largest <= 1 + 4 * EPS + eta * model.rounding
    evidence = _evidence(model) if good else Evidence.VIOLATED
    detail = f"η = {eta:.6g}, λₘₐₓ = {model.largest:.6g}"
    return Hypothesis("η ≤ 1/λₘₐₓ", evidence, detail, eta)


def _evidence(model: _Model) -> Evidence:
    return Evidence.PROVED if model.proved else Evidence.MEASURED


def _minimizer(p: Problem, model: _Model) -> tuple[Float[np.ndarray, " d"], list[Hypothesis]]:
    """x*, and what is to be said of one that the user gave."""
    x = flat(p.program.start)
    if model.least > 0:
        for _ in range(4):  # Newton's step is exact here; the repeats polish the last digits
            gradient = p.gradient(split(x, p.program.start))
            if not np.all(np.isfinite(gradient)):  # a norm, squared, at its own zero
                break
            x = x - np.linalg.solve(model.hessian, gradient)
    if p.minimizer is None:
        return x, []
    stated = flat(as_point(p.minimizer, name="minimizer").leaves)
    apart = float(np.linalg.norm(stated - x))
    # The digits of the one given are the user's: float32 or printed ones must pass.
    size = float(np.linalg.norm(x) + 1e-3 * np.linalg.norm(x - flat(p.program.start)))
    evidence = Evidence.GIVEN if apart <= 4e-7 * size else Evidence.VIOLATED
    return x, [Hypothesis("the minimizer as stated", evidence, f"{apart:.3g} from the solved one")]


def _run(
    p: Problem, eta: float, steps: int, minimizer: Float[np.ndarray, " d"]
) -> tuple[Trajectory, Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The run, ‖xₜ − x*‖, and the size ‖xₜ‖ + ‖x*‖ of the numbers that are rounded."""

    def both(f, eta, leaves, center):
        return descend(
            f,
            leaves,
            gradient_descent(eta),
            steps,
            monitors={
                "distance": lambda x: norm([a - c for a, c in zip(x, center, strict=True)]),
                "norm": norm,
            },
            saveat=np.arange(steps + 1),
            states=False,
        )

    center = split(minimizer, p.program.start)
    trajectory = p.program.in_double(both)(eta, p.program.start, center)
    sizes = trajectory.monitors["norm"] + float(np.linalg.norm(minimizer))
    trajectory = replace(trajectory, final=p.program.point.restore(trajectory.final))
    return trajectory, trajectory.monitors["distance"], sizes
