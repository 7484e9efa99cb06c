"""An inequality between arrays of steps × coordinates, as a certificate over the steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from steepest.theorems.certificate import Certificate, Statement


def over_coordinates(
    statement: Statement,
    measured: Float[np.ndarray, "n d"],
    bound: Any,
    allowance: Any,
    *,
    left: str = "",
    right: str = "",
) -> Certificate:
    """The coordinate that comes out worst stands for each step t = 1 … n.

    Args:
        statement: what is claimed; `left` and `right` put other words in place of its sides.
        measured, bound, allowance: the two sides and the rounding allowed to the right one; numbers
            or arrays that broadcast to the left side's shape.

    Example:
        >>> s = Statement("", "", "x", "2", "", "")
        >>> c = over_coordinates(s, np.array([[0.5, 1.0], [3.0, 0.0]]), 2.0, 0.0)
        >>> c.measured.tolist(), c.holds
        ([1.0, 3.0], False)
    """
    if left or right:
        statement = replace(statement, left=left, right=right)
    sides = [
        np.broadcast_to(np.asarray(side, np.float64), measured.shape)
        for side in (measured, bound, allowance)
    ]
    each = [np.ravel(side) for side in sides]
    nothing = np.zeros(measured.size)
    ratios = Certificate(statement, (), nothing, each[0], each[1], each[2]).ratios
    worst = np.argmax(ratios.reshape(measured.shape), axis=1)
    rows = np.arange(len(measured))
    kept = [side[rows, worst] for side in sides]
    return Certificate(statement, (), rows + 1.0, kept[0], kept[1], kept[2])
