"""Slide section "Nesterov's momentum": where the lookahead is."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Float

from steepest.descent import descend
from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.methods import nesterov
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="nesterov_lookahead",
    id="X7",
    left="f(xₙ) − f*",
    right="(1 − 1/√κ)ⁿ (f(x₀) − f* + μ‖x₀ − x*‖²/2)",
    latex=r"With $\eta = 1/L$ and momentum $\frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}$, "
    r"$v \leftarrow \beta v - \nabla f(x + \eta\beta v)$, $x \leftarrow x + \eta v$ has "
    r"$$f(x_n) - f^\star \;\le\; (1 - 1/\sqrt\kappa)^n\,"
    r"(f(x_0) - f^\star + \tfrac\mu2\|x_0 - x^\star\|^2).$$",
    source="Nesterov 2018, Lectures on Convex Optimization, Section 2.2; the form with v: "
    "Sutskever, Martens, Dahl, Hinton 2013",
)
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
    eigenvalues = np.geomspace(_LEAST, _LARGEST, d)
    A = (rotation * eigenvalues) @ rotation.T
    x0, steps = rng.standard_normal(d), 60
    corrected = _certificate(A, _as_corrected(A, x0, steps))
    slide = _certificate(A, _as_on_the_slide(A, x0, steps))
    (panel,) = corrected.figure
    with np.errstate(over="ignore"):
        shown = slide.measured < 1e12
    curve = Curve(slide.steps[shown], slide.measured[shown], "the slide's lookahead, x + βv")
    panel = replace(panel, curves=(panel.curves[0], curve, *panel.curves[1:]))
    return erratum(replace(corrected, figure=(panel,)), slide, "the gradient at x + βv")


def _momentum() -> float:
    root = np.sqrt(_LARGEST / _LEAST)
    return float((root - 1) / (root + 1))


def _as_corrected(
    A: Float[np.ndarray, "d d"], x0: Float[np.ndarray, " d"], steps: int
) -> Float[np.ndarray, "points d"]:
    """The library's method."""
    with jax.enable_x64(True):
        f = lambda x: 0.5 * x @ A @ x
        method = nesterov(1 / _LARGEST, _momentum())
        return np.asarray(descend(f, x0, method, steps, saveat=np.arange(steps + 1)).xs)


def _as_on_the_slide(
    A: Float[np.ndarray, "d d"], x0: Float[np.ndarray, " d"], steps: int
) -> Float[np.ndarray, "points d"]:
    """The slide's recursion, read literally."""
    beta, xs, v = _momentum(), [x0], np.zeros_like(x0)
    for _ in range(steps):
        v = beta * v - A @ (xs[-1] + beta * v)
        xs.append(xs[-1] + v / _LARGEST)
    return np.array(xs)


def _certificate(A: Float[np.ndarray, "d d"], xs: Float[np.ndarray, "points d"]) -> Certificate:
    """Nesterov's bound along a run on ½xᵀAx, whose minimum is 0 at 0."""
    gaps = 0.5 * np.einsum("ni,ij,nj->n", xs, A, xs)
    n = np.arange(1, len(xs), dtype=np.float64)
    factor = 1 - np.sqrt(_LEAST / _LARGEST)
    bound = factor**n * (gaps[0] + _LEAST / 2 * float(np.sum(xs[0] ** 2)))
    read = f"A is made with eigenvalues from {_LEAST:g} to {_LARGEST:g}"
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(
            Hypothesis("f is a quadratic, L-smooth and μ-strongly convex", Evidence.PROVED, read),
        ),
        steps=n,
        measured=gaps[1:],
        bound=bound,
        allowance=16 * len(A) * EPS * bound,
        figure=(
            Curves(
                (
                    Curve(n, gaps[1:], "Nesterov, lookahead x + ηβv"),
                    Curve(n, bound, _STATEMENT.right, "bound"),
                ),
                xlabel="step",
                ylabel="f(xₙ) − f*",
                yscale="log",
            ),
        ),
    )


CLAIMS: tuple[Claim, ...] = (x7,)
