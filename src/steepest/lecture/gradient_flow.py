"""Slide section "Gradient flow and gradient inclusion"."""

from __future__ import annotations

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import digits_loss, random_layers, random_quadratic
from steepest.theorems import gradient_flow_limit, rescaled_layers
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


CLAIMS: tuple[Claim, ...] = (c2, c5)
