"""What a figure shows, in words: the alternative text for who cannot see it."""

from __future__ import annotations

from steepest.figures.certificate import panels_of
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curves


def describe(obj: Certificate | Curves) -> str:
    """The panels, their axes and their curves, in one sentence a panel.

    Example:
        >>> describe(Curves((), xlabel="step", ylabel="$f$", title="descent"))
        'descent: f against step.'
    """
    panels = (obj,) if isinstance(obj, Curves) else panels_of(obj)
    if len(panels) == 1:
        return _panel(panels[0])
    return " ".join(f"Panel {k}: {_panel(panel)}" for k, panel in enumerate(panels, 1))


def _panel(panel: Curves) -> str:
    title = f"{panel.title}: " if panel.title else ""
    scale = ", logarithmic" if panel.yscale == "log" else ""
    labels = [curve.label for curve in panel.curves if curve.label]
    curves = f"; curves: {', '.join(labels)}" if labels else ""
    return f"{title}{panel.ylabel}{scale} against {panel.xlabel}{curves}.".replace("$", "")
