"""Slide section "AdaDelta"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from steepest.lecture.claim import Claim, Setting, claim
from steepest.lecture.erratum import erratum
from steepest.theorems import adadelta_units
from steepest.theorems.adadelta_units import in_units
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem
from steepest.theorems.rescaled_run import MethodInUnits, RescaledRun, rescaled_run, steps_scale

_HEADING = "AdaDelta"
_SOURCE = "Zeiler 2012, ADADELTA: an adaptive learning rate method, Section 3.2"
_RHO, _EPS = 0.9, 1e-8
_FACTORS = np.array([1.0, 1024.0])  # powers of two: floating point multiplies by them exactly


def valley() -> Problem:
    """A quadratic of condition number about 9 with a small term of fourth degree."""
    f = lambda x: (x[0] - x[1]) ** 2 + 0.25 * (x[0] + x[1]) ** 2 + 0.01 * x[0] ** 4
    return Problem(f, np.array([2.0, 1.0]))


@claim(
    "D10",
    title="Rescaling a coordinate by c rescales AdaDelta's step by c, if both ε are rescaled",
    statement=r"AdaDelta's step $\sqrt{u + \varepsilon_s}/\sqrt{G + \varepsilon_g}\; g$ has the "
    r"units of $x$, like Newton's: on $f(y/c)$ it is $c$ times as long, where gradient descent's "
    r"is divided by $c$. That needs $\varepsilon_s$ to scale like $x^2$ and $\varepsilon_g$ like "
    r"$(\partial f)^2$. With one $\varepsilon = 10^{-8}$ for both it is lost for hundreds of "
    r"steps: both are shown, for $c = 1024$, where the rescaled run is equal bit for bit.",
    heading=_HEADING,
    source=_SOURCE,
)
def d10(setting: Setting) -> Certificate:
    steps = setting.pick(quick=600, paper=3000)
    scale = float(_FACTORS[1])
    c = adadelta_units(valley(), steps, scale, _RHO, _EPS)
    with_one_eps = c.figure[0].curves[1].y
    lost = int(np.sum(np.abs(np.log(with_one_eps)) > np.log(2)))
    seen = Hypothesis(
        "with one ε = 1e-8 for both the property is lost for hundreds of steps",
        Evidence.MEASURED if lost >= 200 else Evidence.VIOLATED,
        f"off by a factor over 2 at {lost} of {len(with_one_eps)} steps",
    )
    return replace(c, hypotheses=(*c.hypotheses, seen))


def slide_adadelta(eta: float, *, scalar: bool) -> MethodInUnits:
    """The slide's update: a stray η, and u the average of the scalar ‖Δx‖².

    With `scalar=False` u is kept coordinate by coordinate, and η alone is the slide's. Each ε is
    rescaled with its units, so that nothing else is amiss.
    """

    def of(factors: Any) -> optax.GradientTransformation:
        def init(params: Any) -> Any:
            return jnp.zeros_like(params), jnp.zeros_like(jnp.sum(params) if scalar else params)

        def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
            G, u = state
            G = _RHO * G + (1 - _RHO) * updates**2
            numerator = jnp.sqrt(u + _EPS * factors**2)
            step = eta * numerator / jnp.sqrt(G + _EPS / factors**2) * updates
            square = jnp.sum(step**2) if scalar else step**2
            return -step, (G, _RHO * u + (1 - _RHO) * square)

        return optax.GradientTransformation(init, update)

    return of


@claim(
    "X6",
    title="AdaDelta averages Δx² coordinate by coordinate, not the scalar ‖Δx‖²",
    statement=r"The slide's update carries a stray $\eta$ and lets $u$ average the scalar "
    r"$\|\Delta x\|^2$. The constant is harmless to the units. The scalar is not: with the second "
    r"coordinate in units $1024$ times as small, $\|\Delta x\|^2$ adds squares of different units, "
    r"and the step in neither coordinate is $c$ times what it was. With $u \leftarrow \rho u + "
    r"(1 - \rho)\Delta x^2$ in each coordinate it is.",
    heading=_HEADING,
    source=_SOURCE,
)
def x6(setting: Setting) -> Certificate:
    p, steps = valley(), setting.pick(quick=200, paper=2000)
    corrected = adadelta_units(p, steps, _FACTORS, _RHO, _EPS)
    right = rescaled_run(p, in_units(_RHO, _EPS), steps, _FACTORS)
    slide = rescaled_run(p, slide_adadelta(0.5, scalar=True), steps, _FACTORS)
    stray = rescaled_run(p, slide_adadelta(0.5, scalar=False), steps, _FACTORS)
    harmless = steps_scale(corrected.statement, stray)
    seen = Hypothesis(
        "the stray η alone leaves the units right",
        Evidence.MEASURED if harmless.holds else Evidence.VIOLATED,
        f"slack {harmless.slack:.3g}",
    )
    failing = steps_scale(corrected.statement, slide)
    c = erratum(corrected, failing, "√(u + ε)/√(G + ε) with u the average of ‖Δx‖²")
    return replace(c, hypotheses=(*c.hypotheses, seen), figure=(_ratios(right, slide),))


def _ratios(right: RescaledRun, slide: RescaledRun) -> Curves:
    curves = []
    for run, name in ((slide, "the slide's"), (right, "AdaDelta's")):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(run.steps / (run.factors * run.in_old_units))
        t = np.arange(1.0, len(ratio) + 1)
        curves += [Curve(t, ratio[:, i], f"{name}, coordinate {i + 1}") for i in range(2)]
    curves[-2:] = [replace(curve, role="bound") for curve in curves[-2:]]
    return Curves(
        tuple(curves),
        xlabel="step",
        ylabel="rescaled step over c · step",
        title="c = (1, 1024)",
        yscale="log",
    )


CLAIMS: tuple[Claim, ...] = (d10, x6)
