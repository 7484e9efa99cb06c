"""Slide section "Heavy ball method"."""

from __future__ import annotations

import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.condition_numbers import GRADIENT_DESCENT, HEAVY_BALL, with_exponents
from steepest.lecture.instances import random_quadratic
from steepest.theorems import heavy_ball_cycle, heavy_ball_quadratic
from steepest.theorems.certificate import Certificate, Statement, all_of

_SOURCE = "Polyak 1964, Theorem 9; Lessard, Recht, Packard 2016, Section 4.6"
_STATEMENT = Statement(
    name="heavy_ball",
    id="D4",
    left="‖xₙ − x*‖ on a quadratic; |xₙ − (the cycle's point)| where it cycles",
    right="√mⁿ (1 + n(1 + √m)) ‖x₀ − x*‖; (2/3)ᵏ (|e| + k|b|)",
    latex="",
    source=_SOURCE,
)


@claim(
    "D4",
    title="Heavy ball: √κ log(1/ε) steps on quadratics; on some smooth, convex f it cycles",
    statement=r"With $\eta = 4/(\sqrt L + \sqrt\mu)^2$ and $m = ((\sqrt\kappa - 1)/(\sqrt\kappa + "
    r"1))^2$ heavy ball has $\|x_n - x^\star\| \le \sqrt m^{\,n}(1 + n(1 + \sqrt m))\|x_0 - "
    r"x^\star\|$ on every quadratic, after a transient in which the distance may grow; gradient "
    r"descent takes $\kappa\log(1/\varepsilon)$ steps. Beyond quadratics there is no such "
    r"guarantee: on a piecewise quadratic $f$ with $\kappa = 25$ the same pair ends on a cycle of "
    r"three points, from where gradient descent and Nesterov's method converge.",
    heading="Heavy ball method",
    source=_SOURCE,
)
def d4(setting: Setting) -> Certificate:
    p = random_quadratic(setting.key, setting.pick(quick=30, paper=500), 100.0)
    quadratic = heavy_ball_quadratic(p, steps=setting.pick(quick=120, paper=150))
    cycle = heavy_ball_cycle(steps=200)
    kappas = np.geomspace(10, setting.pick(quick=1e4, paper=1e5), setting.pick(quick=7, paper=9))
    counts = with_exponents(quadratic, (GRADIENT_DESCENT, HEAVY_BALL), kappas.tolist())
    figure = (*quadratic.figure, *cycle.figure, counts.figure[-1])
    return all_of(_STATEMENT, (counts, cycle), figure=figure)


CLAIMS: tuple[Claim, ...] = (d4,)
