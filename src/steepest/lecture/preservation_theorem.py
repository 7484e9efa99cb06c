"""Slide section "Norm preservation by gradient inclusion"."""

from __future__ import annotations

from dataclasses import replace

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.instances import digits_loss, random_layers
from steepest.theorems import small_initialization
from steepest.theorems.certificate import Certificate, all_of
from steepest.theorems.problem import Problem


@claim(
    "C6",
    title="Layers that start small are approximately balanced for all time",
    statement=r"The imbalance $\bigl|\|W_i\|^2 - \|W_j\|^2\bigr|$ never exceeds its start by "
    r"more than $2\eta(f(x_0) - f(x_t))$. So the smaller the initialisation, the nearer to one "
    r"the ratios of the squared norms once the network has learnt: shown from three scales of "
    r"one unbalanced start.",
    heading="Norm preservation by gradient inclusion",
    source="Du, Hu, Lee 2018, Corollary 2.1, discretised",
)
def c6(setting: Setting) -> Certificate:
    f = digits_loss(setting.pick(quick=200, paper=1797))
    steps = setting.pick(quick=1500, paper=10_000)
    parts = []
    for scale in (1.0, 0.3, 0.1):
        W = random_layers(setting.key, (64, 20, 20, 10), (2 * scale, 1.5 * scale, scale))
        c = small_initialization(Problem(f, W), steps=steps, learning_rate=0.05)
        (panel,) = c.figure
        parts.append(replace(c, figure=(replace(panel, title=f"initial norms × {scale:g}"),)))
    return all_of(parts[0].statement, parts)


CLAIMS: tuple[Claim, ...] = (c6,)
