"""The point of a parametrised set nearest to a given one."""

import numpy as np
from jaxtyping import Float

from ._blocks import Ball
from ._convex_set import ConvexSet
from ._least_norm import Goal, least_norm, least_norm_from_inside, uncertainty
from ._wolfe import wolfe

# Up to here Wolfe's method, which keeps up to d + 1 vertices, is a cheap third opinion.
_FEW_DIMENSIONS = 40


def nearest_in_sum(shape: ConvexSet, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Proposes the point of `shape` nearest to `point`, from its parametrisation.

    Faces first; what they leave open goes to the interior-point method, then in few dimensions to
    `wolfe`, and the best of all is taken.
    """
    center, parts = shape._parametrised()
    parts = [part for part in parts if part.matrix.shape[1]]
    if not parts:
        return center
    rounding = 1e-13 * shape._scales(point)[1]

    def sharp(x: np.ndarray) -> float:
        if np.linalg.norm(x) <= rounding:
            return np.inf
        return shape._allowed_gap(point, point + x, slack=0.01, rounding=0.0)

    goal = Goal(
        gap=lambda x: shape._gap(point, point + x),
        sharp=sharp,
        enough=lambda x: shape._allowed_gap(point, point + x, slack=0.01, rounding=3e-15),
    )
    best, done = least_norm(center - point, parts, goal)
    if not done:
        x, done = least_norm_from_inside(center - point, parts, goal)
        best = _better(best, x, goal)
    round_ = any(isinstance(part.block, Ball) for part in parts)
    if not done and not round_ and point.size <= _FEW_DIMENSIONS:
        start = shape.support_point(-best) - point
        x = wolfe(lambda u: shape.support_point(u) - point, start, target=goal.sharp)
        best = _better(best, x, goal)
    return point + best


def _better(x: np.ndarray, y: np.ndarray, goal: Goal) -> np.ndarray:
    return min(x, y, key=lambda z: uncertainty(z, goal.gap(z)))
