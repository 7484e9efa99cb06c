"""The vertices of a zonotope, from its facets down."""

from itertools import combinations
from math import comb

import numpy as np
from jaxtyping import Float

from steepest.errors import TooManyPiecesError

# More vertices than this are not listed.
MAX_VERTICES = 20_000

# Generators, and angles between them, below this are taken for zero.
_TOLERANCE = 1e-11


def zonotope_vertices(
    center: Float[np.ndarray, " d"], generators: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "k d"]:
    """The vertices of {center + Σ t_i g_i : |t_i| ≤ 1}, each once, in no particular order.

    Generators that are zero go and parallel ones are added up first, so that what is left are m
    vectors of rank r, no two parallel. A vertex is a sign vector s with s_i⟨g_i, u⟩ > 0 for some
    u. Every vertex lies on a facet; a facet has a normal orthogonal to r − 1 independent
    generators, which fixes the signs of the others, and is itself a zonotope of rank r − 1. The
    recursion ends when the generators are independent: every sign vector is a vertex.

    Raises `TooManyPiecesError` when 2 Σ_{i<r} C(m−1, i), the number of vertices for generators in
    general position (fewer in special position), exceeds 20,000.

    Source: Zaslavsky 1975 (the count); Ziegler 1995, "Lectures on Polytopes", section 7.3.

    >>> hexagon = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
    >>> len(zonotope_vertices(np.zeros(2), hexagon))
    6
    """
    merged = merge_parallel(generators)
    if len(merged) == 0:
        return center[None, :]
    coordinates = _coordinates(merged)
    m, rank = coordinates.shape
    count = 2 * sum(comb(m - 1, i) for i in range(rank))
    if count > MAX_VERTICES:
        raise TooManyPiecesError(
            f"a zonotope of {m} generators that are not parallel and rank {rank} may have {count} "
            f"vertices, and at most {MAX_VERTICES} are listed; its support, its least-norm element "
            "and whether it contains a point need no list"
        )
    return center + _signs(coordinates) @ merged


def merge_parallel(generators: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n d"]:
    """Generators of the same zonotope (up to a relative 1e-11), no two of them parallel.

    >>> merge_parallel(np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 0.0], [0.0, 1.0]]))
    array([[3., 0.],
           [0., 1.]])
    """
    lengths = np.linalg.norm(generators, axis=1)
    rest = generators[lengths > _TOLERANCE * lengths.max(initial=0.0)]
    merged = []
    while len(rest):
        unit = rest[0] / np.linalg.norm(rest[0])
        along = rest @ unit
        off = np.linalg.norm(rest - along[:, None] * unit, axis=1)
        parallel = off <= _TOLERANCE * np.abs(along)
        merged.append((np.sign(along[parallel])[:, None] * rest[parallel]).sum(axis=0))
        rest = rest[~parallel]
    return np.array(merged).reshape(-1, generators.shape[1])


def _coordinates(generators: np.ndarray) -> np.ndarray:
    """Unit multiples of the generators in an orthonormal basis of their span, (m, r)."""
    units = generators / np.linalg.norm(generators, axis=1)[:, None]
    _, singular, right = np.linalg.svd(units, full_matrices=False)
    basis = right[singular > _TOLERANCE * singular[0] * np.sqrt(len(units))]
    return units @ basis.T


def _signs(units: Float[np.ndarray, "m r"]) -> np.ndarray:
    """The sign vectors (rows of ±1) of the vertices, for unit generators of rank r."""
    m, rank = units.shape
    if m == rank:
        return _all_signs(m)
    found, seen = [], set()
    for chosen in combinations(range(m), rank - 1):
        normal = _normal(units[list(chosen)])
        if normal is None:
            continue
        heights = units @ normal
        flat = np.abs(heights) <= _TOLERANCE
        flat[list(chosen)] = True
        key = flat.tobytes()
        if key in seen:
            continue
        seen.add(key)
        facet = _signs(_coordinates(units[flat]))
        signs = np.empty((len(facet), m))
        signs[:, flat] = facet
        signs[:, ~flat] = np.sign(heights[~flat])
        found += [signs, -signs]
    return np.unique(np.concatenate(found), axis=0)


def _normal(units: np.ndarray) -> np.ndarray | None:
    """The unit vector orthogonal to r − 1 vectors of R^r, or None if they are dependent."""
    rank = units.shape[1]
    if len(units) == 0:
        return np.ones(rank)
    _, singular, right = np.linalg.svd(units)
    return right[-1] if singular[-1] > _TOLERANCE else None


def _all_signs(m: int) -> np.ndarray:
    return 2.0 * ((np.arange(2**m)[:, None] >> np.arange(m)) & 1) - 1.0
