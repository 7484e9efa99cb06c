"""What is put on a panel beside its lines: marked points with their notes, and infinite values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from steepest.figures.backend import Axes
from steepest.figures.labels import label
from steepest.figures.style import GREY, PANEL
from steepest.theorems.curves import Mark

_FONT = 9.0
_ROW = 0.05  # of the axes' height, for a curve's infinite values


def draw_marks(ax: Axes, marks: Sequence[tuple[Mark, str]]) -> None:
    """A ring at each mark, and its note right of the axes at its height or close to it.

    Notes are moved apart as little as keeps them legible; a short line leads from each to its
    height.
    """
    noted = [(mark, colour) for mark, colour in marks if mark.note]
    limits = ax.get_xlim(), ax.get_ylim()
    for mark, colour in marks:
        ax.plot(
            [mark.x],
            [mark.y],
            linestyle="none",
            marker="o",
            markersize=6.0,
            markerfacecolor="white",
            markeredgecolor=colour,
            markeredgewidth=1.6,
            zorder=4,
            label="_nolegend_",
        )
    ax.set(xlim=limits[0], ylim=limits[1])
    if not noted:
        return
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = np.array([to_axes.transform((mark.x, mark.y))[1] for mark, _ in noted])
    for (mark, colour), height, place in zip(noted, heights, spread(heights, _line()), strict=True):
        ax.plot(
            [1.005, 1.025],
            [height, place],
            transform=ax.transAxes,
            color=colour,
            linewidth=0.9,
            clip_on=False,
            label="_nolegend_",
        )
        ax.text(
            1.035,
            place,
            label(mark.note),
            transform=ax.transAxes,
            color=colour,
            fontsize=_FONT,
            va="center",
        )


def draw_infinite(ax: Axes, curves: Sequence[tuple[np.ndarray, str, str]]) -> None:
    """A row of crosses for each curve's infinite values, above a line over all finite ones.

    Each row is (x, colour, what they are called), the last written right of the axes.
    """
    rows = [row for row in curves if len(row[0])]
    if not rows:
        return
    bottom, top = ax.transScale.transform([(1.0, y) for y in ax.get_ylim()])[:, 1]
    share = 1 - _ROW * (len(rows) + 1)  # of the height, which the finite values keep
    top = bottom + (top - bottom) / share
    ax.set_ylim(top=float(ax.transScale.inverted().transform((1.0, top))[1]))
    ax.axhline(
        float(ax.transScale.inverted().transform((1.0, bottom + (top - bottom) * share))[1]),
        color=GREY,
        linewidth=0.8,
        label="_nolegend_",
    )
    for k, (x, colour, _) in enumerate(rows, 1):
        ax.plot(
            x,
            np.full(len(x), share + _ROW * (k - 0.1)),
            transform=ax.get_xaxis_transform(),
            linestyle="none",
            marker="x",
            markersize=5,
            markeredgewidth=1.5,
            color=colour,
            label="_nolegend_",
        )
    ax.text(
        1.035,
        (1 + share) / 2,
        ", ".join(dict.fromkeys(called for _, _, called in rows)),
        transform=ax.transAxes,
        color=GREY,
        fontsize=_FONT,
        va="center",
    )


def spread(heights: np.ndarray, apart: float) -> np.ndarray:
    """The heights in [0, 1], moved as little as keeps them `apart` (in the least squares' sense).

    Example:
        >>> spread(np.array([0.5, 0.5, 0.9]), 0.1).round(6).tolist()
        [0.45, 0.55, 0.9]
    """
    order = np.argsort(heights, kind="stable")
    ranks = apart * np.arange(len(heights))
    room = max(0.0, 1.0 - ranks[-1]) if len(heights) else 0.0
    fitted = isotonic_regression(heights[order] - ranks).x
    places = np.empty(len(heights))
    places[order] = np.clip(fitted, 0.0, room) + ranks
    return places


def _line() -> float:
    """The height of a line of notes, as a part of the axes' of one panel of several."""
    axes = 0.62 * PANEL[1]  # the rest is labels, legend and title
    return 1.25 * _FONT / 72 / axes
