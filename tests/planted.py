"""Certificates and claims made by hand, for the tests of what runs, draws and writes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from steepest.lecture.claim import Claim, Setting
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves

STATEMENT = Statement(
    name="planted",
    id="P1",
    left=r"$\|\nabla f(x_t)\|^2/(2\beta)$",
    right="$f(x_t) - f(x_{t+1})$",
    latex=r"$\|\nabla f(x_t)\|^2/(2\beta) \le f(x_t) - f(x_{t+1})$",
    source="A. Author 1999, theorem 1",
)


def certificate(
    measured: Any = (1.0, 0.5, 0.002), bound: Any = (1.25, 1.0, 0.1), **changes: Any
) -> Certificate:
    """A certificate with these two sides; it holds as it is."""
    measured, bound = np.asarray(measured, np.float64), np.asarray(bound, np.float64)
    made = Certificate(
        statement=STATEMENT,
        hypotheses=(Hypothesis("f is β-smooth", Evidence.PROVED, "a quadratic", 4.0),),
        steps=np.arange(len(measured), dtype=np.float64),
        measured=measured,
        bound=bound,
        allowance=np.zeros(len(measured)),
        notes=(r"Tight for $\frac{\beta}{2}x^2$.",),
    )
    return replace(made, **changes)


def panel(title: str = "", **changes: Any) -> Curves:
    """A panel with one curve of each role."""
    x = np.arange(1.0, 9.0)
    roles: tuple[Any, ...] = ("data", "bound", "reference", "points")
    curves = tuple(Curve(x, x * k, rf"$\|W_{k}\|^2$", role) for k, role in enumerate(roles, 1))
    return replace(Curves(curves, "iteration", r"$\lVert W \rVert^2$", title), **changes)


def planted_claim(id: str, run: Any, *, title: str = "", heading: str = "Planted") -> Claim:
    """A claim that runs `run(setting)`."""
    return Claim(
        id=id,
        title=title or f"a planted claim, {id}",
        statement=r"For every $t$ it is so that $\|\nabla f(x_t)\|^2 \le 2\beta\,(f(x_t) - f^*)$.",
        heading=heading,
        source="A. Author 1999, theorem 1",
        run=run,
    )


def _false(setting: Setting) -> Certificate:
    return certificate(bound=(1.25, 0.4, 0.1))


def _raise(setting: Setting) -> Certificate:
    raise ValueError("the images are <not> there")


def _draws_badly(setting: Setting) -> Certificate:
    return certificate(figure=("no panel",))


def _interrupted(setting: Setting) -> Certificate:
    raise KeyboardInterrupt


TRUE = planted_claim("C1", lambda setting: certificate(), heading="Norm preservation")
FOUR_PANELS = planted_claim(
    "C2",
    lambda setting: certificate(figure=tuple(panel(f"panel {k}") for k in range(4))),
    heading="Norm preservation",
    title="squared norms ‖W₁‖² − ‖W₂‖² in [0.9, 1.1], [b]plainly[/b] & <i>safely</i>",
)
FALSE = planted_claim("D1", _false, heading="Gradient descent")
RAISING = planted_claim("D2", _raise, heading="Gradient descent")
UNCOMPARED = planted_claim("D10", lambda setting: certificate((), ()), heading="Momentum")
DRAWS_BADLY = planted_claim("X1", _draws_badly, heading="Errata")
INTERRUPTED = planted_claim("X2", _interrupted, heading="Errata")

ENDING = (TRUE, FOUR_PANELS, FALSE, RAISING, UNCOMPARED)
"""Claims that end: two hold, one fails, one raises, one compares nothing."""


def draw_stand_ins(monkeypatch: Any) -> None:
    """Let the figures be stand-ins, where drawing is not what is tested: it takes most of a run."""
    from steepest import figures  # here: a test plants claims where Matplotlib is missing

    blank = b'<svg xmlns="http://www.w3.org/2000/svg" width="9pt" height="9pt"/>'
    stand_ins = dict.fromkeys(figures.FORMATS, blank)
    monkeypatch.setattr(figures, "render_figure", lambda figure: stand_ins)
