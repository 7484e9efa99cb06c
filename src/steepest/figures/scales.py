"""Linear and logarithmic axes, with ticks that a person would write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.scale import LogScale, SymmetricalLogScale
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from steepest.figures.backend import Axes


def set_scale(
    ax: Axes,
    which: Literal["x", "y"],
    scale: Literal["linear", "log", "log2", "symlog"],
    data: Sequence[np.ndarray],
) -> None:
    """Set one axis's scale for these data, as far as they allow it.

    A logarithmic axis stays linear where no value is positive, since it has no limits then, and
    where all lie within a factor of two, since the two are the same to the eye and powers of ten
    name no value there. One of powers of two names them as such, as far as there is room.
    """
    axis = ax.xaxis if which == "x" else ax.yaxis
    values = np.concatenate([np.ravel(each) for each in data]) if data else np.zeros(0)
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    span = positive.max() / positive.min() if len(positive) else 1.0
    if scale == "log2" and len(positive):
        ax.set(**{f"{which}scale": LogScale(axis, base=2, subs=())})
        axis.set_major_locator(LogLocator(base=2, numticks=9))
        axis.set_minor_locator(NullLocator())
    elif scale == "symlog" and span > 2.0:
        transform = SymmetricalLogScale(axis, linthresh=float(positive.min()), linscale=0.4)
        ax.set(**{f"{which}scale": transform})
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.set(**{f"{which}lim": (-0.2 * float(positive.min()), None)})
    elif scale == "log" and span > 2.0:
        ax.set(**{f"{which}scale": "log"})
        if span < 10.0:
            if span > 4.0:  # all nine between two powers would run into each other
                axis.set_minor_locator(LogLocator(subs=(2.0, 3.0, 5.0)))
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(StrMethodFormatter("{x:g}"))
        elif span < 100.0:
            # Matplotlib would name 2, 3, 4, 6 of each decade, one over the other.
            axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    elif len(values) and np.all(values == np.round(values)):
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
