"""Slide section "Adam"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.lecture.methods import on_landscape
from steepest.theorems import adam_bias_correction, rmsprop_steps
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.exponential_average import exponential_average
from steepest.theorems.problem import Problem

_HEADING = "Adam"
_START = np.array([-1.5, 1.0])


def curved_valley(x):
    """A valley along a parabola, ten times as steep across as along; its minimum is at (1, 1)."""
    return (1 - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2


@claim(
    "D11",
    title="Adam is momentum on top of RMSProp; uncorrected, its first step is 3.16 times as long",
    statement=r"Adam puts the average $m$ of the gradients in RMSProp's step in place of the last "
    r"one. The slide states it without bias correction: then step $t$ is $(1 - "
    r"\beta_1^t)/\sqrt{1 - \beta_2^t}$ times the corrected one (up to $\varepsilon$), at first "
    r"$(1 - \beta_1)/\sqrt{1 - \beta_2} \approx 3.16$ times at the usual $\beta$'s. Beside it all "
    r"eight methods on one valley, each with the power of two for its step size on whose path "
    r"$f$ is lowest on average.",
    heading=_HEADING,
    source="Kingma, Ba 2015, Adam: a method for stochastic optimization, algorithm 1 and Section 3",
)
def d11(setting: Setting) -> Certificate:
    c = adam_bias_correction(Problem(curved_valley, _START), setting.pick(quick=300, paper=5000))
    steps = 40
    land = on_landscape(
        curved_valley,
        _START,
        steps,
        minimizer=np.ones(2),
        title=f"the eight methods, {steps} steps",
    )
    return replace(c, figure=(*c.figure, land))


@claim(
    "X3",
    title="Adam and RMSProp divide by (G + ε)^(1/2), and G averages the past",
    statement=r"The Adam slide repeats RMSProp with the exponent $-1$ on $G + \varepsilon I$: on a "
    r"constant gradient the step is then $\eta/g$, which does not tend to $\eta$. Its recursion "
    r"has $G_t$ on both sides: solved, $G_t = g_t^2$, which averages nothing. With $-1/2$ and "
    r"$G_{t+1} = \beta G_t + (1 - \beta)g^2$ both hold as D9 says.",
    heading=_HEADING,
    source="Tieleman, Hinton 2012, Neural Networks for Machine Learning, lecture 6e",
)
def x3(setting: Setting) -> Certificate:
    slope, eta, beta, eps = 4.0, 0.01, 0.9, 1e-8
    steps = setting.pick(quick=100, paper=1000)
    c = rmsprop_steps(Problem(lambda x: slope * x, 1.0), steps, eta, beta, eps)
    accumulator, _, _, tends = c.parts
    G = exponential_average(np.full((steps, 1), slope**2), beta)[:, 0]
    minus_one = eta * slope / (G + eps)
    to_eta = replace(tends, measured=np.abs(minus_one - eta))
    memoryless = np.full(steps, slope**2)
    averaged = replace(accumulator, measured=np.abs(memoryless - G))
    t = c.steps if len(c.steps) == steps else np.arange(1.0, steps + 1)
    figure = Curves(
        (
            Curve(t, eta * slope / np.sqrt(G + eps), "exponent −1/2"),
            Curve(t, minus_one, "exponent −1, as the slide has it"),
            Curve(t, eta * slope / np.sqrt(memoryless + eps), "G on both sides"),
            Curve(t, np.full(steps, eta), "η", "bound"),
        ),
        xlabel="step t",
        ylabel="length of the step",
        title=f"on the constant gradient {slope:g}",
        xscale="log",
        yscale="log",
    )
    c = erratum(c, to_eta, "the step η g/(G + ε), which should tend to η")
    c = erratum(c, averaged, "G = βG + (1 − β)g², solved for G, which should be the average")
    return replace(c, figure=(figure,))


CLAIMS: tuple[Claim, ...] = (d11, x3)
