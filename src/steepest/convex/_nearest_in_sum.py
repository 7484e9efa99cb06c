"""The point of a parametrised set nearest to a given one."""

import numpy as np
from jaxtyping import Float

from ._convex_set import ConvexSet
from ._least_norm import Goal, least_norm


def nearest_in_sum(shape: ConvexSet, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Proposes the point of `shape` nearest to `point`, from its parametrisation."""
    center, parts = shape._parametrised()
    parts = [part for part in parts if part.matrix.shape[1]]
    if not parts:
        return center
    goal = Goal(
        gap=lambda x: shape._gap(point, point + x),
        sharp=lambda x: shape._allowed_gap(point, point + x, slack=0.01, rounding=1e-17),
        enough=lambda x: shape._allowed_gap(point, point + x, slack=0.01, rounding=3e-15),
    )
    return point + least_norm(center - point, parts, goal)
