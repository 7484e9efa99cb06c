"""Slide section "Gradient Descent for Quadratic Functions"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.lecture.instances import random_quadratic
from steepest.theorems import gradient_descent_quadratic
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve

_HEADING = "Gradient Descent for Quadratic Functions"
_SOURCE = "Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3"


@claim(
    "D3",
    title="On a quadratic, η ≤ 1/λₘₐₓ gives ‖xₜ‖ ≤ (1 − ηλₘᵢₙ)ᵗ ‖x₀‖",
    statement=r"For $f(x) = \frac12 x^\top A x$, $A \succ 0$ (here about its minimiser), "
    r"gradient descent with $\eta \le 1/\lambda_{\max}$ has $\|x_t\| \le (1 - "
    r"\eta\lambda_{\min})^t\|x_0\|$, so $\kappa\log(1/\varepsilon)$ steps reach $\varepsilon$. "
    r"The eigenvalues are read off the program.",
    heading=_HEADING,
    source=_SOURCE,
)
def d3(setting: Setting) -> Certificate:
    p = random_quadratic(setting.key, setting.pick(quick=30, paper=500), 50.0)
    return gradient_descent_quadratic(p, steps=setting.pick(quick=400, paper=2000))


@claim(
    "X2",
    title="D3 contracts by 1 − ηλₘᵢₙ, not by 1 − ηλₘₐₓ",
    statement=r"The slide's derivation bounds $\|I - \eta A\|$ by $1 - \eta\lambda_{\max}$. "
    r"With $\eta = 1/\lambda_{\max}$ that would put every run at the minimiser after one step, "
    r"which the run refutes; $1 - \eta\lambda_{\min}$ holds.",
    heading=_HEADING,
    source=_SOURCE,
)
def x2(setting: Setting) -> Certificate:
    p = random_quadratic(setting.key, 10, 20.0)
    assert p.quadratic is not None
    eta = 0.5 / p.quadratic.largest
    c = gradient_descent_quadratic(p, steps=100, learning_rate=eta)
    start = c.bound[0] / (1 - eta * p.quadratic.least)
    slide = (1 - eta * p.quadratic.largest) ** c.steps * start
    (panel,) = c.figure
    curve = Curve(c.steps, np.asarray(slide), "the slide's (1 − ηλₘₐₓ)ᵗ ‖x₀ − x*‖", "reference")
    c = replace(c, figure=(replace(panel, curves=(*panel.curves, curve)),))
    return erratum(c, c.with_bound(slide), "‖xₜ‖ ≤ (1 − ηλₘₐₓ)ᵗ ‖x₀‖")


CLAIMS: tuple[Claim, ...] = (d3, x2)
