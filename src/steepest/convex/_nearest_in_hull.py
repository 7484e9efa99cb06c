"""The point of a convex hull nearest to a given one, by non-negative least squares."""

import numpy as np
from jaxtyping import Float

from steepest.convex._programs import nnls

from ._wolfe import affine_minimiser, wolfe


def nearest_in_hull(
    points: Float[np.ndarray, "k d"], point: Float[np.ndarray, " d"]
) -> Float[np.ndarray, " d"]:
    """Proposes the point of conv(points) nearest to `point`; the caller certifies it.

    With Q = points − point, scaled to size one, the weights λ ≥ 0 that minimise
    |Qᵀλ|² + (Σλ − 1)² are a multiple t of those of the projection: for λ = tμ, Σμ = 1, the least
    value over t is |Qᵀμ|² / (1 + |Qᵀμ|²), which grows with |Qᵀμ|. So the active set is found by
    Lawson and Hanson's method (1974, chapters 23 and 26) and then solved once more in
    differences, which keeps the digits of a small hull far from `point`. What that leaves open
    goes to `wolfe`.
    """
    shifted = points - point
    scale = float(np.linalg.norm(shifted, axis=1).max())
    if scale == 0.0 or len(points) == 1:
        return points[0]
    shifted = shifted / scale
    width = float(np.linalg.norm(np.ptp(shifted, axis=0)))

    def farthest(direction: np.ndarray) -> np.ndarray:
        return shifted[np.argmax(shifted @ direction)]

    def gap(x: np.ndarray) -> float:
        return float(x @ (x - farthest(-x)))

    def rounding(x: np.ndarray) -> float:
        return (width + 1e-4) * (1e-12 * float(np.linalg.norm(x)) + 1e-15)

    nearest = _by_least_squares(shifted)
    if nearest is None or gap(nearest) > rounding(nearest):
        start = shifted[np.argmin(np.einsum("ij,ij->i", shifted, shifted))]
        other = wolfe(farthest, start, target=rounding)
        if nearest is None or gap(other) < gap(nearest):
            nearest = other
    return point + scale * nearest


def _by_least_squares(points: np.ndarray) -> np.ndarray | None:
    system = np.vstack([points.T, np.ones(len(points))])
    right = np.append(np.zeros(points.shape[1]), 1.0)
    try:
        weights, _ = nnls(system, right, maxiter=10 * len(points))
    except RuntimeError:  # its iterations ran out
        return None
    active = weights > 0.0
    if not np.any(active):
        return None
    corral, weights = points[active], weights[active] / weights[active].sum()
    affine = affine_minimiser(corral)
    return (affine if np.all(affine >= 0.0) else weights) @ corral
