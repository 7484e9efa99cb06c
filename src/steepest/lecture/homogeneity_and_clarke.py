"""Slide section "Positive Homogeneity and Clark Differential"."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import random_layers, relu_network
from steepest.theorems import euler_identity
from steepest.theorems.certificate import Certificate, all_of
from steepest.theorems.problem import Problem


@claim(
    "B7",
    title="Every subgradient s of an L-homogeneous f has ⟨s, x⟩ = L f(x), at kinks too",
    statement=r"If $f$ is locally Lipschitz and $L$-positively homogeneous, $\langle s, x\rangle = "
    r"L\,f(x)$ for every $s \in \partial f(x)$. Shown for bias-free ReLU networks of two and three "
    r"layers in all their weights, at weights where units lie exactly on their kink: both ends of "
    r"$\langle s, x\rangle$ over the whole set agree with $L f(x)$.",
    heading="Positive Homogeneity and Clark Differential",
    source="Lyu, Li 2020, Theorem B.2",
)
def b7(setting: Setting) -> Certificate:
    x = np.array([1.0, -2.0, 0.5])
    parts = []
    for widths in ((3, 4, 1), (3, 4, 3, 1)):
        W = random_layers(setting.key, widths, (1.5,) * (len(widths) - 1))
        W = [np.array(layer, np.float64) for layer in W]
        # Two units of the first layer are put on their kink at this input.
        W[0][0] = [2.0, 1.0, 0.0]
        W[0][1] = [0.5, 0.5, 1.0]
        f = lambda W: jnp.sum(relu_network(W, jnp.asarray(x)))
        c = euler_identity(Problem(f, W), degree=len(W))
        parts.append(replace(c, notes=(f"{len(W)} layers: {c.notes[0]}", *c.notes[1:])))
    return all_of(parts[0].statement, parts)


CLAIMS: tuple[Claim, ...] = (b7,)
