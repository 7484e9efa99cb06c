"""How every figure looks: palette, sizes, grid, and the four roles of a curve."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from matplotlib import rc_context

# Okabe and Ito (2008): distinguishable under the common forms of colour blindness. The yellow is
# left out, which is too pale on white paper.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#22262B"
GREY = "#8A9199"
GRID = "#E3E6EA"

STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "font.family": "DejaVu Sans",  # shipped with Matplotlib: the same on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 8.0,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.offset_threshold": 7,  # 1.0002, and not 0.0002 under a "+1"
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}

ROLES: dict[str, dict[str, Any]] = {
    "data": {"linestyle": "-"},
    "bound": {"color": INK, "linestyle": (0, (5, 2.5)), "linewidth": 1.5, "zorder": 3},
    "reference": {"color": GREY, "linestyle": "-", "linewidth": 1.0, "zorder": 1.5},
    "points": {"linestyle": "none", "marker": "o", "markersize": 4.5, "markeredgewidth": 0},
}
"""Keyword arguments of `Axes.plot` for each role of a `Curve`; "data" and "points" take the
palette's next colour."""

BAND: dict[str, Any] = {"alpha": 0.16, "linewidth": 0, "zorder": 1.2}
"""Keyword arguments of the band around a curve, of its colour."""

PANEL = (5.2, 3.7)
SINGLE = (6.8, 4.2)
"""Inches: one panel of several, and a panel alone."""


def styled(**more: Any) -> AbstractContextManager[None]:
    """Matplotlib under this style, and as the caller had set it again afterwards."""
    options: Any = STYLE | {name.replace("__", "."): value for name, value in more.items()}
    return rc_context(options)
