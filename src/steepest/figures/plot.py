"""`plot`: one function that draws any of the library's objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from steepest.autodiff import AutodiffCheck
from steepest.clarke import ClarkeDifferential
from steepest.errors import ArgumentError
from steepest.figures.backend import Axes
from steepest.figures.canvas import new_axes
from steepest.figures.certificate import panels_of
from steepest.figures.clarke import draw_differential
from steepest.figures.curves import draw_curves
from steepest.figures.landscape import draw_landscape
from steepest.figures.network import draw_network
from steepest.figures.style import styled
from steepest.inputs import as_point
from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve, Curves, Panelled, Titled
from steepest.theorems.landscape import Landscape
from steepest.theorems.network_degrees import NetworkDegrees
from steepest.trajectory import Trajectory

AxesOrSequence = Axes | Sequence[Any] | np.ndarray


@singledispatch
def plot(obj: Any, ax: Any = None) -> Any:
    """Draw `obj`, on `ax` where it is given, and return the axes drawn on.

    Without `ax` a new figure is made: `plot(obj).figure.savefig("name.pdf")` keeps it. It is a
    figure of its own, unknown to `pyplot`, so nothing leaks however many are drawn; inside a
    notebook it is one of `pyplot`'s, which the notebook shows below the cell.

    Arguments:
        obj: a `Curves` (one panel), a `Certificate` (the panels of its `figure`, else its two
            sides against the steps) or a `Trajectory` (f against
            time), a `ClarkeDifferential` or an `AutodiffCheck` (for d ≤ 2), a `NetworkDegrees`,
            a `Landscape` (level curves with paths and arrows), or the outcome of a study (its
            learning curves, its step sizes, its budgets).
        ax: Matplotlib axes; for an object of several panels, as many in a sequence or an array.

    Returns:
        The axes; for an object of several panels, a NumPy array of them.

    Raises:
        ArgumentError: nothing is known about drawing such an object, or the number of axes is not
            the number of panels.
        MissingExtraError: Matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from steepest.theorems.curves import Curve, Curves, Titled
        >>> t = np.linspace(0.0, 4.0, 50)
        >>> decay = Curve(t, np.exp(-t), "gradient flow")
        >>> ax = plot(Curves((decay,), xlabel="$t$", ylabel=r"$f(x(t)) - \\min f$", yscale="log"))
        >>> ax.get_yscale()
        'log'
    """
    known = sorted(kind.__name__ for kind in plot.registry if kind is not object)
    raise ArgumentError(
        f"plot does not know how to draw a {type(obj).__qualname__}; "
        f"it draws: {', '.join(known)}. For your own numbers make a Curves of them."
    )


@plot.register
def _(obj: Curves, ax: Any = None) -> Axes:
    (only,) = _axes_for(1, ax)
    draw_curves(obj, only)
    return only


@plot.register
def _(obj: Certificate, ax: Any = None) -> Any:
    return _panel_by_panel(panels_of(obj), ax)


@plot.register
def _(obj: Panelled, ax: Any = None) -> Any:
    return _panel_by_panel(obj.panels, ax)


@plot.register
def _(obj: NetworkDegrees, ax: Any = None) -> Axes:
    (only,) = _axes_for(1, ax)
    with styled():
        draw_network(obj, only)
    return only


@plot.register
def _(obj: Landscape, ax: Any = None) -> Axes:
    (only,) = _axes_for(1, ax)
    with styled():
        draw_landscape(obj, only)
    return only


@plot.register
def _(obj: Titled, ax: Any = None) -> Axes:
    only = plot(obj.panel, ax)
    only.set_title(obj.title)
    return only


@plot.register
def _(obj: Trajectory, ax: Any = None) -> Axes:
    ts, values = np.asarray(obj.ts, np.float64), np.asarray(obj.values, np.float64)
    if ts.ndim != 1:
        raise ArgumentError("the trajectory is a batch of runs; take one of them out to draw it")
    # A loss that stays positive falls over decades; a value that changes sign cannot.
    scale = "log" if np.all(values[np.isfinite(values)] > 0) else "linear"
    return plot(Curves((Curve(ts, values, "f"),), "time", "f", yscale=scale), ax)


@plot.register
def _(obj: ClarkeDifferential, ax: Any = None) -> Axes:
    (only,) = _axes_for(1, ax)
    with styled():
        draw_differential(obj, only)
    return only


@plot.register
def _(obj: AutodiffCheck, ax: Any = None) -> Axes:
    """The differential, with what automatic differentiation returned marked beside it."""
    only = plot(obj.differential, ax)
    at = np.concatenate([np.ravel(leaf) for leaf in as_point(obj.gradient, finite=False).leaves])
    only.plot(at[0], at[1] if len(at) > 1 else 0.0, "x", markersize=9, label="jax.grad")
    only.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=1, frameon=False, fontsize=8)
    return only


def _panel_by_panel(panels: tuple[Any, ...], ax: Any) -> Any:
    axes = _axes_for(len(panels), ax)
    for panel, each in zip(panels, axes, strict=True):
        plot(panel, each)
    return axes[0] if len(axes) == 1 else np.array(axes, dtype=object)


def _axes_for(panels: int, ax: AxesOrSequence | None) -> list[Axes]:
    if ax is None:
        with styled():
            return new_axes(panels)
    axes = [ax] if isinstance(ax, Axes) else list(np.ravel(np.asarray(ax, dtype=object)))
    wrong = [type(each).__qualname__ for each in axes if not isinstance(each, Axes)]
    if wrong:
        raise ArgumentError(
            f"ax must be Matplotlib axes or a sequence of them, not {', '.join(sorted(set(wrong)))}"
        )
    if len(axes) != panels:
        raise ArgumentError(
            f"ax holds {len(axes)} axes and the figure has {panels} panels: "
            f"make them with plt.subplots and give all {panels}, or leave ax out"
        )
    return axes
