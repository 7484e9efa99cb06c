"""Slide section "Gradient descent for non-convex optimization"."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.lecture.instances import digits, random_layers
from steepest.losses import mean_loss
from steepest.theorems import descent_lemma, operator_norm
from steepest.theorems.certificate import Certificate
from steepest.theorems.operator_norm import spectral_radius
from steepest.theorems.problem import Problem

_HEADING = "Gradient descent for non-convex optimization"


@claim(
    "X1",
    title="‖A‖₂ is the largest singular value, not the largest |λ|",
    statement=r"The slide calls the largest absolute eigenvalue the operator norm. For "
    r"$A = \begin{pmatrix} 1 & 4 \\ 0 & 1 \end{pmatrix}$ some $\|Av\|$ exceeds "
    r"$\max|\lambda| = 1$ fourfold; $\sigma_{\max}(A)$ is never exceeded. For symmetric matrices, "
    r"Hessians among them, the two agree.",
    heading=_HEADING,
    source="Horn, Johnson 2013, Matrix Analysis, Section 5.6",
)
def x1(setting: Setting) -> Certificate:
    A = np.array([[1.0, 4.0], [0.0, 1.0]])
    corrected = operator_norm(A)
    return erratum(corrected, corrected.with_bound(spectral_radius(A)), "‖A‖₂ = max |λᵢ(A)|")


@claim(
    "D1",
    title="With η = 1/β every step lowers f by at least ‖∇f‖²/(2β)",
    statement=r"Descent lemma: if $\|\nabla^2 f\|_2 \le \beta$ and $\eta = 1/\beta$, then "
    r"$f(x_t) - f(x_{t+1}) \ge \frac{1}{2\beta}\|\nabla f(x_t)\|^2$ at every step. Shown on a "
    r"smooth network (tanh) on the digits, not convex; a rising $f$ would mean too large a step.",
    heading=_HEADING,
    source="Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3",
)
def d1(setting: Setting) -> Certificate:
    return descent_lemma(smooth_network(setting), steps=setting.pick(quick=200, paper=2000))


def smooth_network(setting: Setting) -> Problem:
    """A two-layer tanh network with cross-entropy on the digits: smooth and not convex."""
    examples = setting.pick(quick=200, paper=1000)
    data = digits()
    W = random_layers(setting.key, (64, 8, 10), (2.0, 2.0))
    f = mean_loss(
        lambda W, x: W[1] @ jnp.tanh(W[0] @ x),
        lambda scores, y: -jnp.vdot(jax.nn.log_softmax(scores), y),
        data.images[:examples].astype(np.float32),
        data.labels[:examples].astype(np.float32),
    )
    return Problem(f, W)


CLAIMS: tuple[Claim, ...] = (x1, d1)
