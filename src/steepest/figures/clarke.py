"""The Clarke differential of a function of two variables: the set, and the gradients it is of."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from steepest.clarke import ClarkeDifferential
from steepest.errors import ArgumentError, TooManyPiecesError
from steepest.figures.backend import Axes

_MOST_LABELLED = 8


def draw_differential(D: ClarkeDifferential, ax: Axes) -> None:
    """∂f(x) for d = 2 (a polygon or a round set) or d = 1 (an interval).

    The gradient of each proved piece is a point, labelled with the outcomes of the tied choices
    that make it (0 the first candidate, 1 the second, …), whose lines the legend names. The element
    of least norm and the origin are marked.

    Raises:
        ArgumentError: d > 2, or the set is only bracketed.
    """
    if D.point.dimension > 2:
        raise ArgumentError(f"a set in R^{D.point.dimension} cannot be drawn; d must be 1 or 2")
    if not D.exact:
        raise ArgumentError(f"this differential is only bracketed ({D.evidence}): nothing to draw")
    outline = _on_plane(_outline(D))
    if len(outline) > 1:
        closed = np.vstack([outline, outline[:1]])
        ax.fill(*closed.T, alpha=0.25, linewidth=0)
        ax.plot(*closed.T, linewidth=1.2)
    _draw_gradients(D, ax)
    least = _on_plane(np.atleast_2d(D.set.min_norm()))[0]
    ax.plot(*least, "*", markersize=11, label="least norm")
    ax.plot(0, 0, "+", color="0.3", markersize=9, label="origin")
    ax.set_xlabel(r"$s_1$")
    ax.set_ylabel(r"$s_2$" if D.point.dimension == 2 else "")
    if D.point.dimension == 1:
        ax.set_yticks([])
    else:
        ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.15)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=1, frameon=False, fontsize=8)


def _on_plane(points: np.ndarray) -> np.ndarray:
    """Points of R¹ on a line of R²."""
    return points if points.shape[1] == 2 else np.column_stack([points[:, 0], 0 * points[:, 0]])


def _outline(D: ClarkeDifferential) -> np.ndarray:
    """The boundary, in order."""
    try:
        vertices = D.vertices
    except TooManyPiecesError:
        angles = np.linspace(0, 2 * np.pi, 181)[:-1]
        return np.array([D.set.support_point(np.array([np.cos(a), np.sin(a)])) for a in angles])
    if vertices.shape[1] == 1 or len(vertices) < 3:
        return vertices
    try:
        return vertices[ConvexHull(vertices).vertices]
    except QhullError:  # all on one line
        return vertices


def _draw_gradients(D: ClarkeDifferential, ax: Axes) -> None:
    try:
        pieces = D.pieces
    except TooManyPiecesError:
        return
    if not pieces:
        return
    gradients = _on_plane(np.array([piece.gradient for piece in pieces]))
    lines = dict.fromkeys(_short(where) for piece in pieces for where, _ in piece.pattern)
    shown = ", ".join([*lines][:2]) + (", …" if len(lines) > 2 else "")
    made_by = f"gradients, by outcome of {shown}" if shown else "gradient"
    ax.plot(*gradients.T, "o", markersize=5, label=made_by)
    seen: set[tuple[float, ...]] = set()
    for piece, at in zip(pieces, gradients, strict=True):
        spot = tuple(np.round(at, 9))
        if spot in seen or len(seen) >= _MOST_LABELLED:
            continue
        seen.add(spot)
        outcomes = "".join(str(outcome) for _, outcome in piece.pattern)
        ax.annotate(outcomes, at, textcoords="offset points", xytext=(5, 4), fontsize=8)


def _short(where: str) -> str:
    """`max at dir/file.py:12:4 (f) [0]` without its folder, column and function."""
    name, _, line = where.partition(" at ")
    file = line.split(" ")[0].rsplit("/", 1)[-1]
    return f"{name} {':'.join(file.split(':')[:2])}".strip()
