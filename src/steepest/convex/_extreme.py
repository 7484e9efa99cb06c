"""The extreme points among finitely many: those that no convex combination of others gives."""

import numpy as np
from jaxtyping import Float

from ._nearest_in_hull import nearest_in_hull

# Two sets are the same to `extreme_points` when they are this near, relative to their size.
TOLERANCE = 1e-10

# Rows of the table of inner products that are held at a time.
_BLOCK = 512


def extreme_points(points: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "m d"]:
    """The extreme points of conv(points), up to 1e-10 of its size.

    Every point left out is within 1e-10·size of the hull of those returned, so that points that
    agree to rounding count once, and so do points that lie on an edge up to rounding.

    Three stages: repeated points go; points that one of a few directions proves extreme (by a
    margin, in one table of inner products) are kept; for each of the others, Clarkson's test: it
    is in the hull of those kept so far, or the separating direction leads to a new extreme point.

    Source of the last stage: Clarkson 1994, "More output-sensitive geometric algorithms".

    >>> extreme_points(np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    array([[0., 0.],
           [2., 0.]])
    """
    points = np.unique(points, axis=0)
    centred = points - points.mean(axis=0)
    size = float(np.linalg.norm(centred, axis=1).max())
    rounding = 4e-16 * float(np.abs(points).max(initial=0.0))
    tolerance = max(TOLERANCE * size, rounding * np.sqrt(points.shape[1]))
    if len(points) == 1 or size <= tolerance:
        return points[:1]
    proved = _proved_extreme(centred, tolerance)
    kept = proved.copy()
    for index in np.flatnonzero(~kept).tolist():
        _clarkson(centred, index, kept, tolerance)
    _drop_redundant(centred, kept, np.flatnonzero(kept & ~proved), tolerance)
    return points[kept]


def _proved_extreme(centred: np.ndarray, tolerance: float) -> np.ndarray:
    """Marks points that a direction separates from all others by more than the tolerance.

    The directions tried for a point p are p − mean, and the same after making the covariance the
    identity: the latter proves every vertex of a simplex, however flat.
    """
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    rank = int(np.sum(singular > singular[0] * 1e-9))
    proved = np.zeros(len(centred), dtype=bool)
    # U Σ⁻¹ Vᵀ holds the directions Σ⁻² of the covariance in rows; their products with the
    # points are U Uᵀ and their norms those of the rows of U Σ⁻¹.
    whitened = left[:, :rank]
    norms = np.linalg.norm(whitened / singular[:rank], axis=1)
    for rows in _blocks(len(centred)):
        proved[rows] |= _separated(centred[rows] @ centred.T, rows) > tolerance * np.linalg.norm(
            centred[rows], axis=1
        )
        proved[rows] |= _separated(whitened[rows] @ whitened.T, rows) > tolerance * norms[rows]
    return proved


def _separated(products: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """By how much each row's own entry exceeds the largest of the others."""
    own = products[np.arange(len(rows)), rows].copy()
    products[np.arange(len(rows)), rows] = -np.inf
    return own - products.max(axis=1)


def _blocks(count: int) -> list[np.ndarray]:
    return np.split(np.arange(count), range(_BLOCK, count, _BLOCK))


def _clarkson(centred: np.ndarray, index: int, kept: np.ndarray, tolerance: float) -> None:
    """Adds extreme points to `kept` until point `index` is within the tolerance of their hull."""
    point = centred[index]
    if not np.any(kept):
        kept[_lexicographic_last(centred, np.arange(len(centred)))] = True
    while not kept[index]:
        away = point - nearest_in_hull(centred[kept], point)
        distance = float(np.linalg.norm(away))
        if distance <= tolerance:
            return
        heights = centred @ (away / distance)
        tied = np.flatnonzero(heights >= heights.max() - 1e-3 * tolerance)
        new = _lexicographic_last(centred, tied)
        # Rounding may lead to a point that is kept already; then the point itself is the one.
        kept[index if kept[new] else new] = True


def _lexicographic_last(points: np.ndarray, among: np.ndarray) -> int:
    """Of the points `among`, the last in lexicographic order: an extreme point of their hull."""
    return int(among[np.lexsort(points[among].T[::-1])[-1]])


def _drop_redundant(
    centred: np.ndarray, kept: np.ndarray, doubtful: np.ndarray, tolerance: float
) -> None:
    """Of points that tie up to rounding a wrong one may have been kept: looks once more."""
    for index in doubtful:
        kept[index] = False
        away = centred[index] - nearest_in_hull(centred[kept], centred[index])
        kept[index] = np.linalg.norm(away) > tolerance
