"""Slide section "Gradient flow and gradient inclusion"."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.flow import gradient_inclusion
from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.descent_lemma import smooth_network
from steepest.lecture.instances import (
    digits_loss,
    random_layers,
    random_quadratic,
    small_network,
)
from steepest.theorems import gradient_flow_limit, gradient_inclusion_limit, rescaled_layers
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, all_of
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem

_HEADING = "Gradient flow and gradient inclusion"


@claim(
    "C2",
    title="At a fixed time, gradient descent is within O(η) of gradient flow",
    statement=r"Gradient flow $\dot x = -\nabla f(x)$ is the limit $\eta \to 0$ of gradient "
    r"descent: on a random quadratic, whose flow is known in closed form, the error at time $T$ "
    r"stays under $\frac{\eta T}{2}\max_\lambda \lambda^2 e^{-\lambda(T-\eta)}\|x_0 - "
    r"x^\star\|$ and its measured order in $\eta$ is one; on a smooth network, whose flow is "
    r"integrated, under Euler's bound with the curvatures met on the way.",
    heading=_HEADING,
    source="Hairer, Nørsett, Wanner 1993, Section II.3 (Euler's method)",
)
def c2(setting: Setting) -> Certificate:
    dimension = setting.pick(quick=20, paper=200)
    quadratic = gradient_flow_limit(random_quadratic(setting.key, dimension, 100.0), time=3.0)
    counts = setting.pick(quick=(100, 200, 400, 800), paper=(100, 200, 400, 800, 1600, 3200))
    network = gradient_flow_limit(smooth_network(setting), time=2.0, counts=counts)
    parts = [
        replace(c, figure=(replace(c.figure[0], title=title),))
        for c, title in ((quadratic, "a quadratic"), (network, "a network"))
    ]
    return all_of(quadratic.statement, parts)


@claim(
    "C3",
    title="Gradient inclusion ẋ ∈ −∂f(x) is the limit of subgradient steps, kinks included",
    statement=r"Where $f$ has kinks, $\dot x \in -\partial f(x)$ takes the place of gradient flow: "
    r"it moves by the element of least norm, and at a kink crosses it, slides on it or stops. On a "
    r"convex $f$ subgradient steps stay within $L\sqrt{2\eta T}$ of it.",
    heading=_HEADING,
    source="Davis, Drusvyatskiy, Kakade, Lee 2020; Brezis 1973, Theorem 3.1",
)
def c3(setting: Setting) -> Certificate:
    counts = setting.pick(quick=(50, 100, 200, 400), paper=(50, 200, 800, 3200, 12800))
    # From here the flow crosses x₁ = 1, slides on x₂ = x₁/2 and stops at 0.
    x0 = np.array([2.0, -0.6]) + 0.1 * np.random.default_rng(setting.seed).uniform(-1, 1, 2)
    with jax.enable_x64(True):
        return gradient_inclusion_limit(Problem(_kinked, x0, strong_convexity=0.0), 4.0, counts)


def _kinked(x: Float[Array, "2"]) -> Float[Array, ""]:
    """Convex, with a kink to cross, one to slide on, and one to stop at."""
    return jax.nn.relu(x[0] - 1.0) + 0.5 * jnp.abs(x[0]) + jnp.abs(x[1] - 0.5 * x[0])


@claim(
    "C5",
    title="W₃ → 10W₃, W₂ → W₂/10: same f, but ∂f/∂W₂ grows tenfold",
    statement=r"Rescaling $W_3 \to 10\,W_3$, $W_2 \to W_2/10$ leaves the predictions of a ReLU "
    r"network unchanged, multiplies $\partial f/\partial W_2$ by ten and divides $\partial "
    r"f/\partial W_3$ by ten. The two networks are one function and train differently (their "
    r"gradient inclusions part at once): norms matter.",
    heading=_HEADING,
    source="Du, Hu, Lee 2018, Section 1 (after Neyshabur, Salakhutdinov, Srebro 2015)",
)
def c5(setting: Setting) -> Certificate:
    f = digits_loss(setting.pick(quick=300, paper=1797))
    W = random_layers(setting.key, (64, 32, 32, 10), (3.0, 3.0, 3.0))
    c = rescaled_layers(Problem(f, W), layers=(2, 1), factor=10.0)
    apart, panel = _flows_of_rescaled(small_network(setting.key), time=1.0)
    return replace(c, hypotheses=(*c.hypotheses, apart), figure=(*c.figure, panel))


def _flows_of_rescaled(p: Problem, time: float) -> tuple[Hypothesis, Curves]:
    """The gradient inclusion from a start and from the same function with its layers rescaled."""
    first, second, third = p.x0
    runs = [
        gradient_inclusion(p.f, W, time, saveat=np.linspace(0.0, time, 101), states=False)
        for W in (p.x0, [first, second / 10, third * 10])
    ]
    at_start, at_end = np.transpose([run.values[[0, -1]] for run in runs])
    differ = abs(at_end[0] - at_end[1]) > 1e-2 * at_start[0]
    told = f"f = {at_start[0]:.6g} and {at_start[1]:.6g} at first, {at_end[0]:.4g} and "
    apart = Hypothesis(
        "their gradient inclusions part",
        Evidence.MEASURED if differ else Evidence.VIOLATED,
        f"{told}{at_end[1]:.4g} at t = {time:g}",
    )
    curves = tuple(
        Curve(run.ts, run.values, label)
        for run, label in zip(runs, ("as given", "rescaled"), strict=True)
    )
    return apart, Curves(curves, "time", "f along the gradient inclusion", yscale="log")


CLAIMS: tuple[Claim, ...] = (c2, c3, c5)
