"""One panel: named curves over common axes."""

from __future__ import annotations

import re

import numpy as np

from steepest.figures.backend import Axes
from steepest.figures.labels import label
from steepest.figures.marks import draw_infinite, draw_marks
from steepest.figures.scales import set_scale
from steepest.figures.style import BAND, PALETTE, ROLES, styled
from steepest.theorems.curves import Curves

# Beyond this many, markers are stored as pixels inside the vector formats, which would else weigh
# megabytes and take seconds to show.
_MANY_MARKERS = 3_000
# Beyond the palette's colours they come again, dashed and dotted.
_LINES = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)))
_BELOW = 1.7  # how far, as a ratio, a band may lead below the lowest curve
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)")


def draw_curves(curves: Curves, ax: Axes) -> None:
    """Draw one panel on `ax`: lines, bands, marks, scales, and a legend below the axes."""
    with styled():
        # The palette is given to these axes, which the caller may have made under another style.
        ax.set_prop_cycle(color=PALETTE)
        coloured, colours = 0, []
        for curve in curves.curves:
            options = dict(ROLES[curve.role])
            if curve.role == "points" and len(curve.x) > _MANY_MARKERS:
                options["rasterized"] = True
            if curve.role == "data":
                options["linestyle"] = _LINES[coloured // len(PALETTE) % len(_LINES)]
            coloured += "color" not in options
            if len(curve.x) == 1:  # a line through one point is invisible
                options |= {"marker": "o", "markersize": 6}
            (line,) = ax.plot(curve.x, curve.y, label=label(curve.label) or "_nolegend_", **options)
            colours.append(str(line.get_color()))
            if curve.band is not None:
                ax.fill_between(curve.x, *curve.band, color=colours[-1], **BAND)
        set_scale(ax, "x", curves.xscale, [curve.x for curve in curves.curves])
        set_scale(ax, "y", curves.yscale, [curve.y for curve in curves.curves])
        _hold_bands(curves, ax)
        pairs = list(zip(curves.curves, colours, strict=True))
        above = [(c.x[np.isposinf(c.y)], colour, c.infinite) for c, colour in pairs if c.infinite]
        draw_infinite(ax, above)
        draw_marks(ax, [(c.mark, colour) for c, colour in pairs if c.mark is not None])
        ax.set_xlabel(label(curves.xlabel))
        ax.set_ylabel(label(curves.ylabel))
        if curves.title:
            ax.set_title(label(curves.title))
        labels = [curve.label for curve in curves.curves if curve.label]
        if labels != [curves.ylabel]:
            legend_below(labels, ax)


def _hold_bands(curves: Curves, ax: Axes) -> None:
    """Keep bands from stretching a logarithmic axis: their low side may come near 0."""
    values = [c.y[np.isfinite(c.y) & (c.y > 0)] for c in curves.curves]
    values = [each.min() for each in values if len(each)]
    if ax.get_yscale() == "log" and values and any(c.band is not None for c in curves.curves):
        ax.set_ylim(bottom=max(ax.get_ylim()[0], min(values) / _BELOW))


def _width(text: str) -> int:
    """About how many characters wide a label is drawn: a LaTeX command is one, braces are none."""
    return len(re.sub(r"[{}$^_]", "", _COMMAND.sub("x", text)))


def legend_below(labels: list[str], ax: Axes) -> None:
    """A legend below the axes, where it can cover no data; none where nothing has a name."""
    if not labels:
        return
    widest = max(map(_width, labels))
    columns = max(1, min(len(labels), 3, 62 // (widest + 5)))
    ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        borderaxespad=3.7,  # in font sizes: clears the ticks and the axis label
        ncols=columns,
        frameon=False,
        columnspacing=1.4,
        handlelength=1.9,
    )
