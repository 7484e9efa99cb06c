"""A map of a function of two variables, with paths and arrows on it."""

from __future__ import annotations

from itertools import cycle, product

import numpy as np

from steepest.figures.backend import Axes
from steepest.figures.curves import legend_below
from steepest.figures.labels import label
from steepest.figures.style import GREY, PALETTE, ROLES
from steepest.theorems.landscape import Landscape

_LEVELS = 14
# Beyond the palette's colours they come again, dashed: eight methods are eight lines.
_LOOKS = tuple(product(("-", (0, (4, 1.5))), PALETTE))


def draw_landscape(landscape: Landscape, ax: Axes) -> None:
    """Draw level curves in grey, and over them the paths, each from its start, and the arrows."""
    finite = landscape.values[np.isfinite(landscape.values)]
    levels = np.unique(np.quantile(finite, np.linspace(0.0, 1.0, _LEVELS + 2)[1:-1] ** 1.5))
    ax.contour(
        landscape.x, landscape.y, landscape.values, levels=levels, colors=GREY, linewidths=0.6
    )
    looks = cycle(_LOOKS)
    for path in landscape.paths:
        options = dict(ROLES[path.role])
        if path.role == "data":
            options["linestyle"], options["color"] = next(looks)
            options |= {"linewidth": 1.4, "marker": "o", "markersize": 2.0}
        ax.plot(path.x, path.y, label=label(path.label) or "_nolegend_", **options)
    for arrow in landscape.arrows:
        _, colour = next(looks)
        ax.quiver(
            *arrow.start,
            *arrow.step,
            angles="xy",
            scale_units="xy",
            scale=1.0,
            color=colour,
            width=0.006,
            zorder=4,
            label=label(arrow.label) or "_nolegend_",
        )
    ax.set_xlim(float(landscape.x[0]), float(landscape.x[-1]))
    ax.set_ylim(float(landscape.y[0]), float(landscape.y[-1]))
    ax.set_xlabel(label(landscape.xlabel))
    ax.set_ylabel(label(landscape.ylabel))
    ax.grid(False)
    if landscape.title:
        ax.set_title(label(landscape.title))
    legend_below([each.label for each in (*landscape.paths, *landscape.arrows) if each.label], ax)
