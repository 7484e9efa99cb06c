"""What a figure shows, in words: the alternative text for who cannot see it."""

from __future__ import annotations

from typing import Any

from steepest.figures.certificate import panels_of
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve, Curves, Panelled, Titled
from steepest.theorems.landscape import Landscape
from steepest.theorems.network_degrees import NetworkDegrees


def describe(obj: Any) -> str:
    """The panels, their axes and their curves, in one sentence a panel.

    Example:
        >>> describe(Curves((), xlabel="step", ylabel="$f$", title="descent"))
        'descent: f against step.'
    """
    panels = (obj,)
    if isinstance(obj, Certificate):
        panels = panels_of(obj)
    elif isinstance(obj, Panelled):
        panels = obj.panels
    if len(panels) == 1:
        return _panel(panels[0])
    return " ".join(f"Panel {k}: {_panel(panel)}" for k, panel in enumerate(panels, 1))


def _panel(panel: Any) -> str:
    if isinstance(panel, Titled):
        return f"{panel.title}: {_panel(panel.panel)}".replace("$", "")
    if isinstance(panel, NetworkDegrees):
        title = f"{panel.title}: " if panel.title else ""
        return f"{title}{panel}.".replace("$", "")
    if isinstance(panel, Landscape):
        title = f"{panel.title}: " if panel.title else ""
        drawn = [each.label for each in (*panel.paths, *panel.arrows) if each.label]
        over = f"; on them: {', '.join(drawn)}" if drawn else ""
        return f"{title}level curves over {panel.xlabel} and {panel.ylabel}{over}.".replace("$", "")
    if not isinstance(panel, Curves):
        return f"{panel!r}."
    title = f"{panel.title}: " if panel.title else ""
    scale = ", logarithmic" if panel.yscale == "log" else ""
    labels = [_curve(curve) for curve in panel.curves if curve.label]
    curves = f"; curves: {', '.join(labels)}" if labels else ""
    return f"{title}{panel.ylabel}{scale} against {panel.xlabel}{curves}.".replace("$", "")


def _curve(curve: Curve) -> str:
    note = f" (marked: {curve.mark.note})" if curve.mark is not None and curve.mark.note else ""
    return f"{curve.label}{note}"
