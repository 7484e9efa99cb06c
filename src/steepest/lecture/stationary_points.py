"""Slide section "Converging to stationary points"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.descent_lemma import smooth_network
from steepest.lecture.instances import random_quadratic
from steepest.theorems import stationary_point
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis
from steepest.theorems.curves import Curve

_HEADING = "Converging to stationary points"


@claim(
    "D2",
    title="Among the first T gradients one has norm ≤ √(2β(f(x₀) − min f)/T)",
    statement=r"With $\eta = 1/\beta$, $\min_{t<T}\|\nabla f(x_t)\| \le "
    r"\sqrt{2\beta(f(x_0) - \min f)/T}$, so $T = O(\beta/\varepsilon^2)$ steps find a point with "
    r"$\|\nabla f\| \le \varepsilon$, convex or not. Shown on the smooth network of D1, with 0 as "
    r"the lower bound of its cross-entropy.",
    heading=_HEADING,
    source="Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3",
)
def d2(setting: Setting) -> Certificate:
    p = replace(smooth_network(setting), minimum=0.0)
    return stationary_point(p, steps=setting.pick(quick=200, paper=2000))


@claim(
    "X5",
    title="D2 divides by T, not by T − 1: T terms are summed",
    statement=r"The slide divides by $T - 1$ after summing $T$ terms. Its bound is true but "
    r"$\sqrt{T/(T-1)}$ times too loose, and says nothing at $T = 1$, where the corrected "
    r"$\|\nabla f(x_0)\| \le \sqrt{2\beta(f(x_0) - \min f)}$ holds.",
    heading=_HEADING,
    source="Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3",
)
def x5(setting: Setting) -> Certificate:
    c = stationary_point(random_quadratic(setting.key, 10, 30.0), steps=50)
    T = c.steps
    with np.errstate(divide="ignore"):
        slide = c.bound * np.sqrt(T / (T - 1))
    undefined = not np.isfinite(slide[0])
    looser = bool(np.all(slide[1:] > c.bound[1:])) and c.with_bound(slide).holds is True
    seen = Hypothesis(
        "as the slide has it, divided by T − 1, it is undefined at T = 1 and looser after",
        Evidence.MEASURED if undefined and looser else Evidence.VIOLATED,
        f"{slide[1] / c.bound[1]:.4g} times the corrected bound at T = 2, "
        f"{slide[-1] / c.bound[-1]:.4g} at T = {int(T[-1])}",
    )
    (panel,) = c.figure
    curve = Curve(T[1:], slide[1:], "the slide's bound (none at T = 1)", "reference")
    return replace(
        c,
        hypotheses=(*c.hypotheses, seen),
        figure=(replace(panel, curves=(*panel.curves, curve)),),
    )


CLAIMS: tuple[Claim, ...] = (d2, x5)
