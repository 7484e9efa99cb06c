"""The data behind a map of a function of two variables, with paths and arrows on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from steepest.theorems.curves import Curve


@dataclass(frozen=True)
class Arrow:
    """A step drawn as a vector: from `start` by `step`, with a label for the legend."""

    start: Float[np.ndarray, "2"]
    step: Float[np.ndarray, "2"]
    label: str


@dataclass(frozen=True)
class Landscape:
    """Level curves of a function of two variables under paths and arrows.

    Attributes:
        x, y: the grid's coordinates.
        values: the function there, a row for each y; level curves are drawn at its quantiles.
        paths: curves in the plane, each with its role.
        arrows: steps drawn as vectors.
        title: above the panel.
        xlabel, ylabel: of the axes.
    """

    x: Float[np.ndarray, " nx"]
    y: Float[np.ndarray, " ny"]
    values: Float[np.ndarray, "ny nx"]
    paths: tuple[Curve, ...] = ()
    arrows: tuple[Arrow, ...] = ()
    title: str = ""
    xlabel: str = "$x_1$"
    ylabel: str = "$x_2$"


def values_on(
    f: Callable[[Any], Any], x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"]
) -> Float[np.ndarray, "ny nx"]:
    """f((x, y)) on a grid, in float64, a row for each y.

    Example:
        >>> values_on(lambda z: z[0] + 10 * z[1], np.array([0.0, 1.0]), np.array([0.0, 2.0]))
        array([[ 0.,  1.],
               [20., 21.]])
    """
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(jax.vmap(f)))(grid), np.float64)
