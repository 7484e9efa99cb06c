"""Slide section "RMSProp"."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.theorems import rmsprop_steps
from steepest.theorems.certificate import Certificate
from steepest.theorems.problem import Problem


@claim(
    "D9",
    title="On constant gradients AdaGrad's step is η/√t, RMSProp's η/√(1 − βᵗ) → η",
    statement=r"RMSProp divides by the root of an exponential average of $g^2$ in place of their "
    r"sum: $G \leftarrow \beta G + (1 - \beta) g^2$, step $\eta\, g/\sqrt{G + \varepsilon}$. On "
    r"constant gradients AdaGrad's step decays as $\eta/\sqrt t$; RMSProp's is $\eta/\sqrt{1 - "
    r"\beta^t}$ and tends to $\eta$, up to $\varepsilon$. Its average is compared with a sum over "
    r"all gradients.",
    heading="RMSProp",
    source="Tieleman, Hinton 2012, Neural Networks for Machine Learning, lecture 6e",
)
def d9(setting: Setting) -> Certificate:
    slopes = jnp.array([3.0, -0.5, 0.02])
    p = Problem(lambda x: slopes @ x, np.zeros(3))
    return rmsprop_steps(p, setting.pick(quick=300, paper=2000))


CLAIMS: tuple[Claim, ...] = (d9,)
