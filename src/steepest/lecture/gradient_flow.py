"""Slide section "Gradient flow and gradient inclusion"."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import digits_loss, random_layers, random_quadratic
from steepest.theorems import gradient_flow_limit, gradient_inclusion_limit, rescaled_layers
from steepest.theorems.certificate import Certificate
from steepest.theorems.problem import Problem

_HEADING = "Gradient flow and gradient inclusion"


@claim(
    "C2",
    title="At a fixed time, gradient descent is within O(η) of gradient flow",
    statement=r"Gradient flow $\dot x = -\nabla f(x)$ is the limit $\eta \to 0$ of gradient "
    r"descent: on a random quadratic, whose flow is known in closed form, the error at time $T$ "
    r"stays under $\frac{\eta T}{2}\max_\lambda \lambda^2 e^{-\lambda(T-\eta)}\|x_0 - "
    r"x^\star\|$ and its measured order in $\eta$ is one.",
    heading=_HEADING,
    source="Hairer, Nørsett, Wanner 1993, Section II.3 (Euler's method)",
)
def c2(setting: Setting) -> Certificate:
    dimension = setting.pick(quick=20, paper=200)
    return gradient_flow_limit(random_quadratic(setting.key, dimension, 100.0), time=3.0)


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
    r"f/\partial W_3$ by ten. The two networks are one function and train differently: norms "
    r"matter.",
    heading=_HEADING,
    source="Du, Hu, Lee 2018, Section 1 (after Neyshabur, Salakhutdinov, Srebro 2015)",
)
def c5(setting: Setting) -> Certificate:
    f = digits_loss(setting.pick(quick=300, paper=1797))
    W = random_layers(setting.key, (64, 32, 32, 10), (3.0, 3.0, 3.0))
    return rescaled_layers(Problem(f, W), layers=(2, 1), factor=10.0)


CLAIMS: tuple[Claim, ...] = (c2, c3, c5)
