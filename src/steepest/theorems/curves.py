"""The data behind a figure: named curves over common axes. Drawing them is `figures`' work.

A panel of a figure is a `Curves`, or any other object that `steepest.plot` draws; `Titled` puts a
title over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Curve:
    """One line: points (x, y), a label for the legend, and what it stands for.

    `role` decides how it is drawn: "data" a solid line in the next colour, "bound" a dashed dark
    line, "reference" a thin grey one, "points" markers without a line.
    """

    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    label: str
    role: Literal["data", "bound", "reference", "points"] = "data"


@dataclass(frozen=True)
class Curves:
    """One panel of a figure."""

    curves: tuple[Curve, ...]
    xlabel: str
    ylabel: str
    title: str = ""
    xscale: Literal["linear", "log"] = "linear"
    yscale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Titled:
    """A panel under a title."""

    panel: Any
    title: str
