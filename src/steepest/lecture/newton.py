"""Slide section "Newton's method"."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.descent import descend
from steepest.lecture.claim import Claim, Setting, claim
from steepest.methods import gradient_descent
from steepest.theorems import newton_convergence
from steepest.theorems.certificate import Certificate, all_of
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.landscape import Arrow, Landscape, values_on
from steepest.theorems.problem import Problem


def _valley(x: Float[Array, "2"]) -> Float[Array, ""]:
    """Strictly convex, its level curves no ellipses."""
    return 0.3 * jnp.exp(-x[0] - x[1]) + 0.12 * jnp.exp(x[0]) + 0.36 * jnp.cosh(x[0] - x[1])


@claim(
    "D7",
    title="Newton's steps square the distance: ‖x⁺ − x*‖ ≤ M/(2μ) ‖x − x*‖²",
    statement=r"Gradient descent's step minimises $f + \Delta^\top\nabla f + \frac12\|\Delta\|^2$, "
    r"Newton's $f + \Delta^\top\nabla f + \frac12\Delta^\top\nabla^2 f\,\Delta$. With $\nabla^2 f "
    r"\succeq \mu$ and $M$-Lipschitz, Newton's has $\|x^+ - x^\star\| \le \frac{M}{2\mu}\|x - "
    r"x^\star\|^2$: near the optimum $\log\log(1/\varepsilon)$ steps, whatever the condition "
    r"number, since in other coordinates $x = Ty$ it makes the same points. A step costs $O(d^3)$.",
    heading="Newton's method",
    source="Nesterov 2018, Theorem 1.2.5; Boyd, Vandenberghe 2004, Section 9.5",
)
def d7(setting: Setting) -> Certificate:
    x0 = np.array([1.6, 0.2]) + np.random.default_rng(setting.seed).uniform(-0.1, 0.1, 2)
    p = Problem(_valley, x0)
    c = newton_convergence(p, steps=8)
    parts = list(c.parts)
    if setting.pick(quick=False, paper=True):
        parts += newton_convergence(_logistic(setting.seed), steps=12).parts
    (distances,) = c.figure
    figure = (_models_on_a_line(p, x0), _models(p, x0), _beside_descent(p, x0, distances, 30))
    return all_of(c.statement, parts, figure=figure)


def _logistic(seed: int) -> Problem:
    """Regularised logistic regression on 200 random points in 20 variables."""
    rng = np.random.default_rng(seed)
    X, noise = rng.standard_normal((200, 20)), rng.standard_normal(200)
    y = np.sign(X @ rng.standard_normal(20) + 3 * noise)
    f = lambda w: jnp.mean(jnp.logaddexp(0.0, -y * (X @ w))) + 0.05 * w @ w
    return Problem(f, 0.1 * rng.standard_normal(20))


def _local(p: Problem, x: Float[np.ndarray, "2"]) -> tuple[np.ndarray, np.ndarray]:
    return p.gradient([x]), p.hessian([x])


def _models_on_a_line(p: Problem, x: Float[np.ndarray, "2"]) -> Curves:
    """f and both models along the gradient."""
    g, H = _local(p, x)
    value, slope = p.value_at_start, float(np.linalg.norm(g))
    along = -g / slope
    bend = float(along @ H @ along)
    s = np.linspace(-0.3, 1.4 * slope, 200)
    model = lambda curvature: value - slope * s + curvature * s**2 / 2
    lowest = lambda curvature: value - slope**2 / (2 * curvature)
    f = np.array([p.value_at(x + step * along) for step in s])
    minima = np.array([slope, slope / bend])
    return Curves(
        (
            Curve(s, f, "f"),
            Curve(s, model(1.0), "gradient descent's model"),
            Curve(s, model(bend), "Newton's model"),
            Curve(minima, np.array([lowest(1.0), lowest(bend)]), "their minima", "points"),
        ),
        xlabel="way along −∇f",
        ylabel="f and its models",
        title="the models, along the gradient",
    )


def _models(p: Problem, x: Float[np.ndarray, "2"]) -> Landscape:
    """Level curves of f, and of each model the one through x, with the step to its centre."""
    g, H = _local(p, x)
    steps = {"gradient descent": -g, "Newton": -np.linalg.solve(H, g)}
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    root = np.linalg.inv(np.linalg.cholesky(H)).T  # takes circles to level curves of Newton's model
    round_ones = {
        "gradient descent": np.linalg.norm(g) * circle,
        "Newton": np.sqrt(g @ np.linalg.solve(H, g)) * root @ circle,
    }
    rims = {name: (x + step)[:, None] + round_ones[name] for name, step in steps.items()}
    everything = np.concatenate(list(rims.values()), axis=1)
    low, high = everything.min(axis=1) - 0.1, everything.max(axis=1) + 0.1
    horizontal, vertical = (np.linspace(low[i], high[i], 80) for i in range(2))
    disc, ellipse = rims["gradient descent"], rims["Newton"]
    return Landscape(
        horizontal,
        vertical,
        values_on(_valley, horizontal, vertical),
        (
            Curve(disc[0], disc[1], "a level of gradient descent's model", "bound"),
            Curve(ellipse[0], ellipse[1], "a level of Newton's model"),
        ),
        tuple(Arrow(x, step, name) for name, step in steps.items()),
        title="each step goes to its model's centre",
    )


def _beside_descent(
    p: Problem, x0: Float[np.ndarray, "2"], distances: Curves, steps: int
) -> Curves:
    """Newton's distances, and those of gradient descent with η = 1/‖∇²f(x0)‖."""
    eta = 1 / p.curvature(p.program.start).norm
    star = x0
    for _ in range(20):
        star = star - np.linalg.solve(p.hessian([star]), p.gradient([star]))
    with jax.enable_x64(True):
        run = descend(_valley, x0, gradient_descent(eta), steps, saveat=np.arange(steps + 1))
    away = np.linalg.norm(np.asarray(run.xs) - star, axis=1)
    descent = Curve(np.arange(1.0, steps + 1), away[1:], "gradient descent")
    newton, *rest = distances.curves
    return replace(distances, curves=(newton, descent, *rest), title="distances")


CLAIMS: tuple[Claim, ...] = (d7,)
