"""The quadratic that a problem is, or looks like: constants, minimiser, and a run towards it.

What the theorems about quadratics share. Read off the program the constants are proved; else the
Hessian at x0 stands for A, and that ∇f is affine is checked at random points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import optax
from jaxtyping import Float

from steepest.descent import descend
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import EPS, SIX_DIGITS, SMALLEST
from steepest.theorems.stated_minimizer import stated_minimizer
from steepest.theorems.vectors import flat, in_words, length, norm, split
from steepest.trajectory import Trajectory

_AFFINE = 1e-11  # relative: the rounding of ∇²f(x0) and of a gradient


@dataclass(frozen=True)
class QuadraticModel:
    """The quadratic that f is, or that it looks like at x0, and on what that rests."""

    hypothesis: Hypothesis
    hessian: Float[np.ndarray, "d d"]
    least: float
    largest: float
    norm: float
    rounding: float
    proved: bool

    @property
    def evidence(self) -> Evidence:
        """What a statement about the eigenvalues rests on."""
        return Evidence.PROVED if self.proved else Evidence.MEASURED


def quadratic_model(p: Problem) -> QuadraticModel:
    """The program's own quadratic, else what the Hessian at x0 says.

    Raises:
        ArgumentError: no quadratic is recognised and the Hessian is too large to write out.
    """
    name = "f is a quadratic"
    if p.quadratic is not None:
        q = p.quadratic
        hypothesis = Hypothesis(
            name,
            Evidence.PROVED,
            f"read off the program: λ from {q.least:.6g} to {q.largest:.6g}",
        )
        return QuadraticModel(hypothesis, q.hessian, q.least, q.largest, q.norm, q.rounding, True)
    H = p.hessian(p.program.start)
    if not np.all(np.isfinite(H)):
        hypothesis = Hypothesis(name, Evidence.UNKNOWN, "∇²f(x0) is not finite")
        H = np.zeros_like(H)
    else:
        hypothesis = _looks_affine(p, name, H)
    eigenvalues = np.linalg.eigvalsh(H)
    norm = float(np.max(np.abs(eigenvalues)))
    rounding = 1e-10 * norm
    least = 0.0 if abs(eigenvalues[0]) <= rounding else float(eigenvalues[0])
    return QuadraticModel(hypothesis, H, least, float(eigenvalues[-1]), norm, rounding, False)


def _looks_affine(p: Problem, name: str, H: Float[np.ndarray, "d d"]) -> Hypothesis:
    """∇f against its linearisation at x0, to rounding, at random points near and far."""
    x0 = flat(p.program.start)
    g0 = p.gradient(p.program.start)
    noise = p.gradient_noise(x0)
    scale = max(float(np.linalg.norm(x0)), 1.0)
    rng = np.random.default_rng(0)
    for radius in (1e-3, 0.1, 1.0, 3.0, 10.0):
        for _ in range(4):
            u = rng.standard_normal(len(x0))
            u *= radius * scale / np.linalg.norm(u)
            g = p.gradient(split(x0 + u, p.program.start))
            change, where = H @ u, in_words(x0 + u)
            error = length(g - g0 - change)
            size = length(g0) + length(change) + length(g)
            if not np.isfinite(size):
                return Hypothesis(name, Evidence.UNKNOWN, f"∇f is not finite at {where}")
            # ∇²f(x0) is as noisy as ∇f, and is multiplied by u.
            unsure = 8 * (noise + p.gradient_noise(x0 + u)) * (1 + radius)
            if error > _AFFINE * size + unsure:
                detail = f"∇f departs from its linearisation at x0 by {error:.3g} at {where}"
                return Hypothesis(name, Evidence.VIOLATED, detail)
    detail = "not recognised in the program; ∇f is affine to rounding at 20 random points"
    return Hypothesis(name, Evidence.MEASURED, detail)


def stated_constants(p: Problem, model: QuadraticModel) -> list[Hypothesis]:
    """What the user states of μ and β, against the eigenvalues.

    A constant that is the eigenvalue to the digits of a float32, or as printed, stands for it.
    """
    found = "proved" if model.proved else "measured"
    stated: list[Hypothesis] = []
    if p.smoothness is not None:
        right = bool(p.smoothness >= model.largest * (1 - SIX_DIGITS) - model.rounding)
        rounded = bool(p.smoothness < model.largest)
        stated.append(
            _stated("smoothness", float(p.smoothness), right, "λₘₐₓ", model.largest, rounded, found)
        )
    if p.strong_convexity is not None:
        right = bool(p.strong_convexity <= model.least * (1 + SIX_DIGITS) + model.rounding)
        value, rounded = float(p.strong_convexity), bool(p.strong_convexity > model.least)
        stated.append(
            _stated("strong_convexity", value, right, "λₘᵢₙ", model.least, rounded, found)
        )
    return stated


def _stated(
    name: str, value: float, right: bool, symbol: str, true: float, rounded: bool, found: str
) -> Hypothesis:
    evidence = Evidence(found) if right else Evidence.VIOLATED
    detail = f"{symbol} = {true:.9g}, {found}"
    if right and rounded:
        detail = f"{value:.9g} given; {detail}, which it rounds, is taken"
        return Hypothesis(f"{name} = {true:.9g}, as stated to rounding", evidence, detail, true)
    return Hypothesis(f"{name} = {value:.9g} as stated", evidence, detail, value)


def definite(model: QuadraticModel) -> Hypothesis:
    """That A ≻ 0."""
    good = model.least > 0
    evidence = model.evidence if good else Evidence.VIOLATED
    detail = f"λₘᵢₙ = {model.least:.6g}" + ("" if good else " to rounding")
    return Hypothesis("A ≻ 0", evidence, detail, model.least)


def tuning(p: Problem, model: QuadraticModel) -> tuple[float, float]:
    """The smoothness and strong convexity that a method is tuned for, 0 < μ ≤ β.

    The user's where they are stated, else the extreme eigenvalues; a μ stated to be 0 says no more
    than "convex". Where A is not positive definite, which is no case of any theorem's, some numbers
    that let the run go.
    """
    largest = model.largest if model.largest > 0 else 1.0
    beta = largest
    if p.smoothness is not None:
        close = p.smoothness >= largest * (1 - SIX_DIGITS)  # given in float32, say
        beta = max(float(p.smoothness), largest) if close else float(p.smoothness)
    least = model.least if model.least > 0 else beta / 100
    mu = least
    if p.strong_convexity:
        close = p.strong_convexity <= least * (1 + SIX_DIGITS)
        mu = min(float(p.strong_convexity), least) if close else float(p.strong_convexity)
    return max(beta, mu), mu


class Center(NamedTuple):
    """x*, solved for.

    Attributes:
        x: the minimiser, where A ≻ 0.
        gradient_noise: how far the computed ∇f may be off there.
        uncertainty: how far x may be from the true minimiser.
        hypotheses: about the minimiser that the user gave.
    """

    x: Float[np.ndarray, " d"]
    gradient_noise: float
    uncertainty: float
    hypotheses: tuple[Hypothesis, ...]


def center(p: Problem, model: QuadraticModel) -> Center:
    """x*, by Newton's steps, and what is to be said of one that the user gave."""
    x = flat(p.program.start)
    seen = []
    if model.least > 0:
        for _ in range(5):  # Newton's step is exact here; the repeats polish the last digits
            gradient = p.gradient(split(x, p.program.start))
            if not np.all(np.isfinite(gradient)):  # a norm, squared, at its own zero
                break
            seen.append(length(gradient))
            x = x - np.linalg.solve(model.hessian, gradient)
    # After two exact steps a gradient is the rounding of its own terms; it may be 0 by chance.
    noise, uncertainty = max(seen[2:], default=0.0), 0.0
    if np.all(np.isfinite(x)):
        noise = max(noise, p.gradient_noise(x))
    if model.least > 0:
        condition = model.norm / model.least
        uncertainty = 4 * EPS * condition * float(np.linalg.norm(x)) + 2 * noise / model.least
    return Center(x, noise, uncertainty, stated_minimizer(p, x, uncertainty))


def right_derivative(p: Problem) -> list[Hypothesis]:
    """That the ∇f which is taken is f's, where the opposite is seen."""
    contradiction = p.gradient_contradiction()
    if contradiction is None:
        return []
    return [Hypothesis("automatic differentiation gives ∇f", Evidence.VIOLATED, contradiction)]


class DistanceRun(NamedTuple):
    """A run of a method, arrays over its steps 0 … n.

    Attributes:
        trajectory: the run, states in the user's shape.
        distances: ‖xₜ − x*‖.
        rounding: what step t rounds off: the state itself, and η times the gradient.
        notes: where it left the range of float64.
    """

    trajectory: Trajectory
    distances: Float[np.ndarray, " n"]
    rounding: Float[np.ndarray, " n"]
    notes: tuple[str, ...]


def run_to(
    p: Problem,
    model: QuadraticModel,
    at: Center,
    method: Callable[..., optax.GradientTransformation],
    hyperparameters: tuple[float, ...],
    steps: int,
) -> DistanceRun:
    """Run method(*hyperparameters), the step size first, and watch the distance to x*."""

    def both(f: Any, numbers: Any, leaves: Any, middle: Any) -> Trajectory:
        return descend(
            f,
            leaves,
            method(*numbers),
            steps,
            monitors={
                "distance": lambda x: norm([a - c for a, c in zip(x, middle, strict=True)]),
                "norm": norm,
            },
            saveat=np.arange(steps + 1),
            states=False,
        )

    middle = split(at.x, p.program.start)
    trajectory = p.program.in_double(both)(hyperparameters, p.program.start, middle)
    trajectory = replace(trajectory, final=p.program.point.restore(trajectory.final))
    distances = trajectory.monitors["distance"]
    finite = np.isfinite(distances)
    sizes = trajectory.monitors["norm"] + float(np.linalg.norm(at.x))
    eta, d = hyperparameters[0], len(at.x)
    # Numbers below the smallest normal one are flushed to zero, in x and in η times a velocity.
    smallest = SMALLEST * (1 + eta) * d
    each = 8 * EPS * np.sqrt(d) * (1 + eta * model.norm) * sizes + eta * at.gradient_noise
    notes = ()
    if not finite.all():
        step = int(np.argmin(finite))
        notes = (f"x is not finite at step {step}; compared where it is",)
    return DistanceRun(trajectory, distances, each + smallest, notes)
