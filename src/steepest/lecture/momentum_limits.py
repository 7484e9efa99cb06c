"""Slide section "Continuous-time limits of momentum"."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.lecture.claim import Claim, Setting, claim
from steepest.theorems import momentum_limits
from steepest.theorems.certificate import Certificate, all_of
from steepest.theorems.curves import Curve
from steepest.theorems.landscape import Arrow, Landscape, values_on
from steepest.theorems.problem import Problem

_CURVATURES = np.array([0.3, 3.0])


def _quadratic(x: Float[Array, "2"]) -> Float[Array, ""]:
    return 0.5 * jnp.sum(_CURVATURES * x**2)


def _not_quadratic(x: Float[Array, "2"]) -> Float[Array, ""]:
    return jnp.sum(jnp.cosh(x)) + 0.5 * x[0] * x[1]


@claim(
    "D6",
    title="Heavy ball and Nesterov's method follow ẍ + γẋ + ∇f(x) = 0, up to O(√η)",
    statement=r"With momentum $1 - \gamma\sqrt\eta$ and time $k\sqrt\eta$ both methods have the "
    r"limit $\ddot x + \gamma\dot x + \nabla f(x) = 0$, at a distance of $O(\sqrt\eta)$; equations "
    r"of high order, with a term $\nabla^2 f(x)\dot x$ for Nesterov's alone, tell them apart and "
    r"are $O(\eta)$ from them. Momentum $\frac{k-1}{k+2}$ gives $\ddot x + \frac3t\dot x + \nabla "
    r"f(x) = 0$, and a fixed momentum $m$ gradient flow sped up by $1/(1 - m)$. The first panel "
    r"has one step of each: heavy ball asks for the gradient at $x$, Nesterov's method where "
    r"momentum leads.",
    heading="Continuous-time limits of momentum",
    source="Polyak 1964; Su, Boyd, Candès 2014, Theorem 1; Shi, Du, Jordan, Su 2018",
)
def d6(setting: Setting) -> Certificate:
    turn = np.random.default_rng(setting.seed).uniform(-0.1, 0.1, 2)
    p = Problem(_quadratic, np.array([2.0, 1.0]) + turn)
    c = momentum_limits(p, time=6.0, damping=0.6, momentum=0.5)
    parts = list(c.parts)
    if setting.pick(quick=False, paper=True):
        other = Problem(_not_quadratic, np.array([1.0, -0.4]) + turn)
        parts += momentum_limits(other, damping=1.0).parts
    return all_of(c.statement, parts, figure=(_one_step(), *c.figure))


def _one_step() -> Landscape:
    """One step of each method from the same x and v."""
    x, ahead = np.array([-1.6, 0.55]), np.array([0.9, 0.2])  # and ηβv
    eta = 0.3
    descent = lambda z: -eta * _CURVATURES * z
    heavy = np.stack([x, x + ahead + descent(x)])
    nesterov = np.stack([x, x + ahead + descent(x + ahead)])
    horizontal, vertical = np.linspace(-1.9, 0.5, 80), np.linspace(-0.4, 1.1, 80)
    return Landscape(
        horizontal,
        vertical,
        values_on(_quadratic, horizontal, vertical),
        (
            Curve(heavy[:, 0], heavy[:, 1], "heavy ball's step"),
            Curve(nesterov[:, 0], nesterov[:, 1], "Nesterov's step"),
        ),
        (
            Arrow(x, ahead, "momentum, ηmv"),
            Arrow(x, descent(x), "heavy ball's −η∇f(x)"),
            Arrow(x + ahead, descent(x + ahead), "Nesterov's −η∇f(x + ηmv)"),
        ),
        title="one step of each",
    )


CLAIMS: tuple[Claim, ...] = (d6,)
