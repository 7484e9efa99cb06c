"""Slide section "Nesterov's momentum": where the lookahead is."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Float

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.theorems import nesterov_strongly_convex
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve
from steepest.theorems.problem import Problem

_LEAST, _LARGEST = 0.5, 25.0  # μ and L; at L = 1, η = 1 and the two lookaheads are one


@claim(
    "X7",
    title="Nesterov's lookahead is x + ηβv, not x + βv",
    statement=r"The slide takes the gradient at $x + \beta v$ and steps by $\eta v$. With $v$ not "
    r"scaled by $\eta$ the lookahead has to be $x + \eta\beta v$, where momentum alone would lead. "
    r"On a quadratic with $L = 25$ the slide's point is 25 times too far ahead and the run leaves "
    r"for infinity; the corrected one keeps Nesterov's bound.",
    heading="Nesterov's momentum",
    source="Nesterov 2018, Section 2.2; Sutskever, Martens, Dahl, Hinton 2013",
)
def x7(setting: Setting) -> Certificate:
    rng = np.random.default_rng(setting.seed)
    d = setting.pick(quick=10, paper=100)
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    A = (rotation * np.geomspace(_LEAST, _LARGEST, d)) @ rotation.T
    x0, steps = rng.standard_normal(d), 60
    with jax.enable_x64(True):  # else A is rounded to single precision
        corrected = nesterov_strongly_convex(Problem(lambda x: 0.5 * x @ A @ x, x0), steps)
    gaps = _as_on_the_slide(A, x0, steps)
    slide = replace(corrected, measured=gaps[corrected.steps.astype(int)])
    (panel,) = corrected.figure
    shown = gaps < 1e12
    curve = Curve(np.arange(steps + 1.0)[shown], gaps[shown], "the slide's lookahead, x + βv")
    panel = replace(panel, curves=(*panel.curves, curve))
    return erratum(replace(corrected, figure=(panel,)), slide, "the gradient at x + βv")


def _as_on_the_slide(
    A: Float[np.ndarray, "d d"], x0: Float[np.ndarray, " d"], steps: int
) -> Float[np.ndarray, " points"]:
    """f of the slide's recursion, read literally, with the step and momentum of the theorem."""
    root = np.sqrt(_LARGEST / _LEAST)
    beta, x, v = float((root - 1) / (root + 1)), x0, np.zeros_like(x0)
    values = [0.5 * x @ A @ x]
    for _ in range(steps):
        v = beta * v - A @ (x + beta * v)
        x = x + v / _LARGEST
        values.append(0.5 * x @ A @ x)
    return np.array(values)


CLAIMS: tuple[Claim, ...] = (x7,)
