"""Slow, independent answers for small convex sets: exact rational arithmetic and enumeration."""

from fractions import Fraction
from itertools import combinations

import numpy as np
from scipy.optimize import linprog


def exact_nearest(points, point):
    """The point of conv(points) nearest to `point`, exactly: the best face of all faces.

    Every affinely independent subset is tried whose affine projection has weights ≥ 0 (one of
    them holds the nearest point, by Carathéodory's theorem). `points` and `point` are integers or
    fractions. Returns (squared distance, nearest point) in fractions.
    """
    points = [[Fraction(entry) for entry in row] for row in points]
    point = [Fraction(entry) for entry in point]
    best = None
    for size in range(1, len(point) + 2):
        for subset in combinations(points, size):
            weights = _affine_weights(subset, point)
            if weights is None or min(weights) < 0:
                continue
            nearest = [
                sum(w * p[i] for w, p in zip(weights, subset, strict=True))
                for i in range(len(point))
            ]
            squared = sum((a - b) ** 2 for a, b in zip(nearest, point, strict=True))
            if best is None or squared < best[0]:
                best = squared, nearest
    return best


def exact_vertices(points):
    """The extreme points among integer points: those that are not in the hull of the others."""
    distinct = sorted({tuple(int(entry) for entry in row) for row in points})
    if len(distinct) == 1:
        return np.array(distinct, dtype=float)
    extreme = [p for p in distinct if exact_nearest([q for q in distinct if q != p], p)[0] > 0]
    return np.array(extreme, dtype=float)


def zonotope_vertices_by_programs(center, generators):
    """The vertices center + Σ s_i g_i over the sign vectors s that some direction realises.

    One linear program a sign vector: s_i⟨g_i, u⟩ ≥ 1. No generator may be zero; parallel ones are
    all right.
    """
    m, d = generators.shape
    found = []
    for number in range(2**m):
        signs = np.array([1.0 if number >> i & 1 else -1.0 for i in range(m)])
        answer = linprog(
            np.zeros(d), A_ub=-signs[:, None] * generators, b_ub=-np.ones(m), bounds=(None, None)
        )
        if answer.status == 0:
            found.append(center + signs @ generators)
    return np.array(found)


def _affine_weights(subset, point):
    """Barycentric coordinates of the projection of `point` on aff(subset), None if dependent."""
    base, *others = subset
    edges = [[a - b for a, b in zip(other, base, strict=True)] for other in others]
    target = [a - b for a, b in zip(point, base, strict=True)]
    gram = [[_dot(e, f) for f in edges] + [_dot(e, target)] for e in edges]
    rest = _solve(gram)
    return None if rest is None else [1 - sum(rest), *rest]


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def _solve(rows):
    """Gauss–Jordan elimination on an augmented matrix of fractions; None if singular."""
    n = len(rows)
    for column in range(n):
        pivot = next((i for i in range(column, n) if rows[i][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        inverse = 1 / rows[column][column]
        rows[column] = [inverse * entry for entry in rows[column]]
        for i in range(n):
            if i != column and rows[i][column]:
                factor = rows[i][column]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[column], strict=True)]
    return [row[-1] for row in rows]
