"""Slide section "AdaGrad"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from steepest.descent import descend
from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.lecture.instances import digits
from steepest.methods import adagrad
from steepest.theorems import adagrad_regret
from steepest.theorems.adagrad_regret import regret
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.landscape import Landscape, values_on
from steepest.theorems.problem import Problem

_HEADING = "AdaGrad"
_SOURCE = "Duchi, Hazan, Singer 2011, Theorem 5"
_DEFAULT = 0.01
_GRID = _DEFAULT * 2.0 ** np.arange(-6, 13)
_RIDGE = 1e-3


def two_digits(setting: Setting) -> Problem:
    """Logistic regression with a ridge on the first images of the digits 0 and 1."""
    data = digits()
    kept = np.flatnonzero(data.labels[:, :2].sum(1) > 0)[: setting.pick(quick=100, paper=360)]
    X, y = data.images[kept], np.where(data.labels[kept, 0] > 0, -1.0, 1.0)

    def f(w: Any) -> Any:
        return jnp.mean(jnp.log1p(jnp.exp(-y * (X @ w)))) + _RIDGE / 2 * jnp.sum(w**2)

    return Problem(f, np.zeros(X.shape[1]), strong_convexity=_RIDGE)


@claim(
    "D8",
    title="AdaGrad's regret is ≤ (D∞²/(2η) + η) Σᵢ ‖g₁:ₜ,ᵢ‖ + ε‖x₁ − x*‖²/(2η)",
    statement=r"AdaGrad divides each coordinate's step by $\sqrt{\sum g^2} + \varepsilon$, over "
    r"all gradients so far. On convex $f$ its regret after $T$ steps is at most "
    r"$(D_\infty^2/(2\eta) + \eta)\sum_i \|g_{1:T,i}\|$ and a term in $\varepsilon$. Shown on "
    r"logistic regression with the digits 0 and 1, with the defaults $\eta = 0.01$, $\varepsilon = "
    r"10^{-8}$; beside them, as found, the step size of a grid that ends lowest.",
    heading=_HEADING,
    source=_SOURCE,
)
def d8(setting: Setting) -> Certificate:
    p = two_digits(setting)
    steps = setting.pick(quick=300, paper=3000)
    c = adagrad_regret(p, steps, _DEFAULT)
    lowest = float(c.trajectory.values[0] - c.measured[0])  # f(x*), from the first term
    values = _values(p, np.append(_GRID, _DEFAULT), steps) - lowest
    best = int(np.nanargmin(values[:-1, -1]))
    t = np.arange(float(steps + 1))
    panel = Curves(
        (
            Curve(t, values[-1], f"the default η = {_DEFAULT}"),
            Curve(t, values[best], f"the lowest of the grid, η = {_GRID[best]:g}"),
        ),
        xlabel="step",
        ylabel="$f(x_t) - f(x^*)$",
        title="the default beside a tuned step",
        yscale="log",
    )
    inside = 0 < best < len(_GRID) - 1
    note = (
        f"f − f(x*) after {steps} steps: {values[-1, -1]:.3g} with the default η = {_DEFAULT}, "
        f"{values[best, -1]:.3g} with η = {_GRID[best]:g}, the best of {_GRID[0]:.3g} … "
        f"{_GRID[-1]:.3g} by factors of two" + ("" if inside else " and an end of them")
    )
    (regrets,) = c.figure
    return replace(c, figure=(replace(regrets, title="regret"), panel), notes=(note, *c.notes))


def _values(p: Problem, etas: np.ndarray, steps: int) -> np.ndarray:
    """f at every step (columns) of AdaGrad with each step size (rows)."""

    def all_of_them(f: Any, etas: Any, leaves: list[Any]) -> Any:
        saveat = np.arange(steps + 1)
        one = lambda eta: descend(f, leaves, adagrad(eta), steps, saveat=saveat, states=False)
        return jax.vmap(lambda eta: one(eta).values)(etas)

    return p.program.in_double(all_of_them)(etas, p.program.start)


def slide_adagrad(eta: float, eps: float) -> optax.GradientTransformation:
    """The slide read literally: under the root the last gradient's square, once for each j ≤ t."""

    def init(params: Any) -> Any:
        return jnp.zeros([], jnp.int32)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        t = state + 1
        moved = jax.tree.map(lambda g: -eta * g / (jnp.sqrt(t * g**2) + eps), updates)
        return moved, t

    return optax.GradientTransformation(init, update)


@claim(
    "X4",
    title="AdaGrad sums the squares of all past gradients, not of the last one t times",
    statement=r"The slides sum $(\nabla f(x_t)_i)^2$ over $j$; the summand does not depend on $j$, "
    r"so that the step is $\eta/\sqrt t$ times the sign of the gradient. On $|x_1 - x_2| + "
    r"\frac12 |x_1 + x_2|$ both coordinates then take steps of one length, against each other, and "
    r"$x_1 + x_2$ never changes: the regret grows like $T$, past the bound of $\sqrt T$ that the "
    r"sum over all gradients keeps.",
    heading=_HEADING,
    source=_SOURCE,
)
def x4(setting: Setting) -> Certificate:
    f = lambda x: jnp.abs(x[0] - x[1]) + 0.5 * jnp.abs(x[0] + x[1])
    p = Problem(f, np.array([1.0, 0.7]), strong_convexity=0.0, minimizer=np.zeros(2))
    eta, eps, steps = 0.5, 1e-8, setting.pick(quick=400, paper=4000)
    corrected = adagrad_regret(p, steps, eta, eps)
    slide = regret(p, slide_adagrad(eta, eps), steps, eta, eps)
    paths = corrected.trajectory.xs, slide.trajectory.xs
    moved = np.abs(np.diff(paths[1][:20], axis=0))
    off = float(np.max(np.abs(moved / (eta / np.sqrt(np.arange(1.0, 20)))[:, None] - 1)))
    sign = Hypothesis(
        "read literally the step is η/√t times the sign",
        Evidence.MEASURED if off < 1e-6 else Evidence.VIOLATED,
        f"to {off:.1e} over the first steps",
    )
    T = corrected.steps
    regrets = Curves(
        (
            Curve(T, corrected.measured, "AdaGrad's regret"),
            Curve(T, slide.measured, "the slide's regret"),
            Curve(T, corrected.bound, "bound with AdaGrad's gradients", "bound"),
            Curve(T, slide.bound, "bound with the slide's gradients", "reference"),
        ),
        xlabel="terms T",
        ylabel="regret",
        title="regret",
        xscale="log",
        yscale="log",
    )
    grid = np.linspace(-0.6, 1.4, 81)
    curves = (
        Curve(paths[0][:, 0], paths[0][:, 1], "AdaGrad"),
        Curve(paths[1][:, 0], paths[1][:, 1], "the slide's"),
        Curve(np.zeros(1), np.zeros(1), "minimiser", "points"),
    )
    land = Landscape(grid, grid, values_on(f, grid, grid), curves, title="the two paths")
    c = erratum(corrected, slide, "√(Σⱼ (∇f(xₜ)ᵢ)²), whose regret should stay below the same bound")
    return replace(c, hypotheses=(*c.hypotheses, sign), figure=(regrets, land))


CLAIMS: tuple[Claim, ...] = (d8, x4)
