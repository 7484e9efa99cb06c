"""Slide section "Nesterov's accelerated gradient method"."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.condition_numbers import GRADIENT_DESCENT, NESTEROV, with_exponents
from steepest.lecture.instances import digits
from steepest.theorems import nesterov_strongly_convex
from steepest.theorems.certificate import Certificate
from steepest.theorems.problem import Problem

_RIDGE = 1e-2


@claim(
    "D5",
    title="Nesterov's method: √κ log(gap/ε) steps on every β-smooth, μ-strongly convex f",
    statement=r"With $\eta = 1/\beta$ and momentum $(\sqrt\kappa - 1)/(\sqrt\kappa + 1)$, "
    r"$f(x_n) - f^\star \le (1 - 1/\sqrt\kappa)^n(f(x_0) - f^\star + \frac\mu2\|x_0 - "
    r"x^\star\|^2)$ for every $\beta$-smooth and $\mu$-strongly convex $f$, quadratic or not; $f$ "
    r"itself need not fall at every step. Shown on logistic regression with a ridge, digits below "
    r"5 against the others, and on quadratics of many condition numbers.",
    heading="Nesterov's accelerated gradient method",
    source="Nesterov 1983; Nesterov 2018, Lectures on Convex Optimization, Section 2.2.1",
)
def d5(setting: Setting) -> Certificate:
    p = ridge_logistic(setting)
    c = nesterov_strongly_convex(p, steps=setting.pick(quick=150, paper=300))
    kappas = np.geomspace(10, setting.pick(quick=1e4, paper=1e5), setting.pick(quick=7, paper=9))
    return with_exponents(c, (GRADIENT_DESCENT, NESTEROV), kappas.tolist())


def ridge_logistic(setting: Setting) -> Problem:
    """Logistic regression on the digits with a ridge; its two constants hold everywhere."""
    examples = setting.pick(quick=300, paper=1797)
    data = digits()
    X = data.images[:examples] - np.mean(data.images[:examples], axis=0)
    y = np.where(np.argmax(data.labels[:examples], axis=1) < 5, 1.0, -1.0)
    # The Hessian is Xᵀ D X / n + ridge with 0 ≤ D ≤ 1/4.
    beta = float(np.linalg.norm(X, 2) ** 2 / (4 * examples)) + _RIDGE
    f = lambda w: jnp.mean(jax.nn.softplus(-y * (X @ w))) + _RIDGE / 2 * jnp.sum(w**2)
    w0 = np.random.default_rng(setting.seed).standard_normal(X.shape[1])
    return Problem(f, w0, smoothness=beta, strong_convexity=_RIDGE)


CLAIMS: tuple[Claim, ...] = (d5,)
