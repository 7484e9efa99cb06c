"""The data behind a figure: named curves over common axes. Drawing them is `figures`' work.

A panel of a figure is a `Curves`, or any other object that `steepest.plot` draws; `Titled` puts a
title over it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Mark:
    """A point of a curve that is to be seen, with a note of a word or two beside the axes."""

    x: float
    y: float
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """One line: points (x, y), a label for the legend, and what it stands for.

    `role` decides how it is drawn: "data" a solid line in the next colour, "bound" a dashed dark
    line, "reference" a thin grey one, "points" markers without a line.

    Attributes:
        band: the low and the high side of a band around it.
        mark: a point of it to mark.
        infinite: what points with y = ∞ are called, which are then shown above all others; where
            it is empty they are not shown.
    """

    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    label: str
    role: Literal["data", "bound", "reference", "points"] = "data"
    band: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]] | None = None
    mark: Mark | None = None
    infinite: str = ""


@dataclass(frozen=True)
class Curves:
    """One panel of a figure.

    Scales: "log2" names powers of two; "symlog" is logarithmic down to the least positive value
    and linear from there to 0, for values that fall to 0 itself.
    """

    curves: tuple[Curve, ...]
    xlabel: str
    ylabel: str
    title: str = ""
    xscale: Literal["linear", "log", "log2"] = "linear"
    yscale: Literal["linear", "log", "symlog"] = "linear"


@dataclass(frozen=True)
class Titled:
    """A panel under a title."""

    panel: Any
    title: str


class Panelled(ABC):
    """What is drawn as several panels."""

    @property
    @abstractmethod
    def panels(self) -> tuple[Any, ...]:
        """The panels, in order."""
