"""Wolfe's algorithm: the point of a polytope nearest to the origin, from its support points."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def wolfe(
    farthest: Callable[[np.ndarray], np.ndarray],
    start: Float[np.ndarray, " d"],
    *,
    target: Callable[[np.ndarray], float],
    max_steps: int = 1000,
) -> Float[np.ndarray, " d"]:
    """The least-norm point of a polytope that is known by its support points alone.

    Keeps a *corral*: affinely independent vertices whose convex hull holds the current point x,
    the least-norm point of their affine hull. A major step adds the vertex farthest in −x; minor
    steps walk to the new affine minimiser and drop the vertices whose weight falls to zero. The
    norm falls strictly and there are finitely many corrals, so it ends; in float64 it ends when
    the gap is at most `target(x)` or rounding stops the descent. The caller checks the certificate.

    Source: Wolfe 1976, "Finding the nearest point in a polytope", Math. Programming 11.

    >>> corners = np.array([[1.0, 3.0], [1.0, -1.0], [4.0, 0.0]])
    >>> wolfe(lambda u: corners[np.argmax(corners @ u)], corners[0], target=lambda x: 1e-15)
    array([1., 0.])
    """
    corral, weights = start[None, :].copy(), np.ones(1)
    best, best_gap = start, np.inf
    least, stalled = np.inf, 0
    for _ in range(max_steps):
        x = weights @ corral
        vertex = farthest(-x)
        gap = float(x @ (x - vertex))
        if gap < best_gap:
            best, best_gap = x, gap
        # The norm falls at every major step, the gap need not.
        norm = float(np.linalg.norm(x))
        stalled = stalled + 1 if norm >= least else 0
        least = min(least, norm)
        if gap <= target(x) or stalled > 3 or np.any(np.all(corral == vertex, axis=1)):
            break
        corral, weights = np.vstack([corral, vertex]), np.append(weights, 0.0)
        corral, weights = _minor_steps(corral, weights)
    return best


def _minor_steps(corral: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walks to the least-norm point of the hull's face, dropping vertices on the way."""
    while True:
        affine = affine_minimiser(corral)
        if np.all(affine >= 0.0):
            return corral, affine
        falling = affine < 0.0
        ratios = weights[falling] / (weights[falling] - affine[falling])
        step = float(np.min(ratios))
        weights = weights + step * (affine - weights)
        # The blocking vertex goes whatever rounding makes of its weight.
        weights[np.flatnonzero(falling)[np.argmin(ratios)]] = 0.0
        keep = weights > 0.0
        corral, weights = corral[keep], weights[keep] / weights[keep].sum()


def affine_minimiser(points: Float[np.ndarray, "k d"]) -> Float[np.ndarray, " k"]:
    """Weights of sum one, of any sign, for which weights @ points has the least norm.

    Solved on differences from the point of least norm: a cluster far from the origin keeps its
    digits, and nothing is squared.
    """
    base = int(np.argmin(np.einsum("ij,ij->i", points, points)))
    others = np.delete(points, base, axis=0) - points[base]
    rest = np.linalg.lstsq(others.T, -points[base], rcond=None)[0]
    return np.insert(rest, base, 1.0 - rest.sum())
