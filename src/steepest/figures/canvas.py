"""Axes to draw on, when the caller has none."""

from __future__ import annotations

from math import ceil
from typing import Any

from matplotlib.layout_engine import ConstrainedLayoutEngine

from steepest.figures.backend import Axes, Figure, in_notebook
from steepest.figures.style import PANEL, SINGLE


def new_axes(panels: int) -> list[Axes]:
    """Axes for `panels` panels on a new figure: alone, or in a grid two wide.

    The figure belongs to the caller: it is made without `pyplot`, hence is freed with its last
    reference. In a notebook it is made with `pyplot`, so that the notebook shows and closes it.
    """
    columns = 1 if panels == 1 else 2
    rows = ceil(panels / columns)
    width, height = SINGLE if panels == 1 else PANEL
    engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.05)
    figure = _new_figure(figsize=(width * columns, height * rows), layout=engine)
    grid = figure.add_gridspec(rows, columns)
    return [figure.add_subplot(grid[divmod(k, columns)]) for k in range(panels)]


def _new_figure(**options: Any) -> Figure:
    if not in_notebook():
        return Figure(**options)
    import matplotlib.pyplot as plt

    return plt.figure(**options)
