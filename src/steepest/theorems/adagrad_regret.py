"""AdaGrad's regret on convex functions."""

from __future__ import annotations

import numpy as np
import optax
from jaxtyping import Float

from steepest.inputs import positive, whole_number
from steepest.methods import adagrad
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.comparator import Comparator, comparator
from steepest.theorems.convexity import convexity
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.method_run import MethodRun, method_run
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import split

_STATEMENT = Statement(
    name="adagrad_regret",
    id="D8",
    left="Σₜ f(xₜ) − f(x*)",
    right="(D∞²/(2η) + η) Σᵢ ‖g₁:ₜ,ᵢ‖ + ε/(2η) ‖x₁ − x*‖²",
    latex=r"If $f$ is convex and $x_{t+1} = x_t - \eta\, g_t / (\sqrt{\sum_{j \le t} g_j^2} + "
    r"\varepsilon)$ coordinate by coordinate, $g_t \in \partial f(x_t)$, then for every $T$ and "
    r"every $x^\star$ $$\sum_{t=1}^T f(x_t) - f(x^\star) \;\le\; \left(\frac{D_\infty^2}{2\eta} + "
    r"\eta\right) \sum_i \|g_{1:T,i}\|_2 + \frac{\varepsilon}{2\eta} \|x_1 - x^\star\|_2^2, "
    r"\qquad D_\infty = \max_{t \le T} \|x_t - x^\star\|_\infty.$$",
    source="Duchi, Hazan, Singer 2011, Theorem 5; with ε outside the root as derived here",
)
_LOOKED_AT = 64  # points between which convexity is looked at


@theorem(_STATEMENT)
def adagrad_regret(
    p: Problem,
    steps: int = 200,
    learning_rate: float | int = 0.01,
    eps: float | int = 1e-8,
) -> Certificate:
    r"""AdaGrad's regret on a convex f is at most (D∞²/(2η) + η) Σᵢ ‖g₁:ₜ,ᵢ‖ and a term in ε.

    Problem: f convex, kinks and all. Method: AdaGrad on full gradients, ε outside the root.
    Guarantee: with $s_t = \sum_{j \le t} g_j^2$ and $H_t = \mathrm{diag}(\sqrt{s_t} + ε)$ a step
    gives $\langle g_t, x_t - x^\star \rangle = \tfrac{1}{2η} (\|x_t - x^\star\|_{H_t}^2 -
    \|x_{t+1} - x^\star\|_{H_t}^2) + \tfrac{η}{2} \|g_t\|_{H_t^{-1}}^2$. Summed up, the first
    terms are at most $\tfrac{1}{2η} (D^2 \sum_i \sqrt{s_{T,i}} + ε \|x_1 - x^\star\|^2)$ with D
    for D∞, since H grows, and ε enters $H_1$ alone; the last are at most
    $η \sum_i \sqrt{s_{T,i}}$, since
    $a/\sqrt{b + a} \le 2(\sqrt{b + a} - \sqrt b)$.

    Hypotheses: f is convex: *given* by the problem's `strong_convexity`, *proved* where the program
    is affine or a quadratic with A ≻ 0, *violated* where a subgradient inequality fails between
    points that were visited, or what is given by a negative curvature near x₁ or x*, otherwise
    *unknown*. A `minimizer` that is given stands as long as
    nothing lower is found, by the run or by L-BFGS-B. The bound is true of any x*, and D∞ is read
    off the run; which x* was taken is a note. At kinks the run is on `steepest.subgradient`, as the
    proof asks; `jax.grad` may return what is no subgradient there. Where the run leaves f's domain
    (f is NaN) that f is defined along it is *unknown*, and the terms before are compared.

    Args:
        p: the problem.
        steps: how many terms are summed at most.
        learning_rate: η.
        eps: ε.

    Returns:
        A certificate over T = 1 … steps.

    Raises:
        ArgumentError: η is not a positive number, or ε a negative one.
        UnsupportedPrimitiveError: f has kinks and a primitive that is not known to be smooth.

    Reference: Duchi, Hazan, Singer 2011, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, Theorem 5.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda x: jnp.abs(x[0]) + 100 * jnp.abs(x[1])
        >>> p = st.Problem(f, jnp.array([1.0, -0.3]), strong_convexity=0.0)
        >>> st.theorems.adagrad_regret(p, learning_rate=0.1).holds
        True
    """
    steps = whole_number(steps, "steps")
    positive(learning_rate, "learning_rate")
    positive(eps, "eps", zero=True)
    method = adagrad(learning_rate, eps)
    return regret(p, method, steps, float(learning_rate), float(eps))


def regret(
    p: Problem, method: optax.GradientTransformation, steps: int, eta: float, eps: float
) -> Certificate:
    """Any method's regret against AdaGrad's bound, in the gradients of its own run."""
    run = method_run(p, method, steps)
    if not len(run.values):
        return nothing_compared(_STATEMENT, [convexity(p, run.points, run.values, run.gradients)])
    x, value, origin, stated = against = comparator(p, run)
    f, g = run.values[:steps], run.gradients[:steps]
    away = np.abs(run.points - x)
    farthest = np.maximum.accumulate(away.max(axis=1))[: len(f)]
    T = np.arange(1.0, len(f) + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        measured = np.cumsum(f - value)
        # ‖g₁:ₜ,ᵢ‖, scaled so that no square leaves the range.
        largest = np.max(np.abs(g), axis=0)
        scale = np.where(largest > 0, largest, 1.0)
        roots = scale * np.sqrt(np.cumsum((g / scale) ** 2, axis=0))
        bound = (farthest**2 / (2 * eta) + eta) * roots.sum(1)
        bound = bound + eps / (2 * eta) * float(np.sum(away[0] ** 2))
        allowance = _rounding(p, run, roots, against, eta, eps)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(_convexity(p, run, against), *stated, *_finite(run)),
        steps=T,
        measured=measured,
        bound=bound,
        allowance=allowance,
        trajectory=run.trajectory,
        figure=(
            Curves(
                (
                    Curve(T, measured, "regret"),
                    Curve(T, bound, "bound", "bound"),
                ),
                xlabel="terms T",
                ylabel="regret",
                xscale="log",
                yscale="log" if np.all(measured > 0) else "linear",
            ),
        ),
        notes=(
            f"x*: {origin}; f(x*) = {value:.9g}; D∞ = {farthest[-1]:.6g}, measured",
            *run.notes,
        ),
    )


def _finite(run: MethodRun) -> tuple[Hypothesis, ...]:
    """That f is defined wherever the method goes; nothing, if the run does not leave its domain."""
    after = run.trajectory.values[len(run.values) :]
    left = len(after) and np.isnan(after[0])  # what only leaves the range is infinite
    name = "f is defined along the run"
    return tuple(Hypothesis(name, Evidence.UNKNOWN, note) for note in run.notes if left)


def _convexity(p: Problem, run: MethodRun, against: Comparator) -> Hypothesis:
    """Between points spread over the run, the one that x* contradicts most if any, and x*."""
    rises = run.values + np.sum(run.gradients * (against.point - run.points), axis=1)
    spread = np.linspace(0, len(run.values) - 1, _LOOKED_AT).astype(int)
    rows = np.unique(np.append(spread, np.argmax(rises)))
    unknown = np.full((1, len(against.point)), np.nan)
    return convexity(
        p,
        np.vstack([run.points[rows], against.point]),
        np.append(run.values[rows], against.value),
        np.vstack([run.gradients[rows], unknown]),
    )


def _rounding(
    p: Problem,
    run: MethodRun,
    roots: Float[np.ndarray, "n d"],
    against: Comparator,
    eta: float,
    eps: float,
) -> Float[np.ndarray, " n"]:
    """Rounding in R_T: of f, of the stored iterates and of the gradients, summed up.

    An iterate that is stored with an error δ adds ⟨x − x*, H δ⟩/η to the telescoping sum; terms
    that cancel in a gradient are taken to be as large as its largest entry of the run.
    """
    n = len(roots)
    x, f = run.points[:n], run.values[:n]
    away = np.abs(x - against.point)
    noisy = max(p.noise(p.program.start), p.noise(split(run.points[-1], p.program.start)))
    of_values = noisy + 2 * EPS * (np.abs(f) + abs(against.value))
    stored = 4 * EPS * (np.abs(x) + eta)
    farthest = np.max(np.abs(run.points - against.point), axis=0)
    of_points = np.sum(farthest * (roots + eps) * stored, axis=1) / eta
    d = roots.shape[1]
    of_gradients = 4 * EPS * np.sqrt(d) * (away @ np.max(np.abs(run.gradients), axis=0))
    T = np.arange(1.0, n + 1)
    return np.cumsum(of_values + of_points + of_gradients) + EPS * T * np.abs(np.cumsum(f))
