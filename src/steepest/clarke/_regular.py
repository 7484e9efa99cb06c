"""The rules of calculus where they hold with equality: regular functions.

If f = g(x, y₁, …, y_n) with g smooth, each y_i regular at x and ∂g/∂y_i ≥ 0 there, then
∂f = ∂g/∂x + Σ ∂g/∂y_i ∂y_i (Clarke 1983, theorem 2.3.9), and a maximum of regular functions is
regular with the hull of the tied differentials (proposition 2.3.12); a norm is regular. So for a
program whose kinks are maxima that enter with weights ≥ 0 nothing needs to be known about which
pieces are active. With all signs turned the same holds for −f.
"""

from __future__ import annotations

import numpy as np

from steepest.clarke._classes import Class
from steepest.clarke._expressions import Expressions
from steepest.clarke._sparse import Sparse, csr, diagonal, stacked
from steepest.convex import (
    BallImage,
    Composite,
    ConvexSet,
    Hull,
    HullOf,
    NormOf,
    SumOf,
    Zonotope,
    minkowski_sum,
)

MAX_POINTS = 4096
DENSE_DIMENSION = 2000  # sets in more dimensions keep their generators sparse


def regular_set(
    e: Expressions, center: np.ndarray, classes: list[int], symbols: list[int]
) -> ConvexSet | None:
    """∂f by the rules, or None where they do not give an equality (or too long a list)."""
    d = e.dimension
    if any(e.classes[c].forced for c in classes):
        return None
    weights = e.value[:, d:].toarray().ravel()
    for s in symbols:
        ball = e.classes[e.symbols[s].owner].ball
        if ball is not None:
            if not _monotone(e.classes[e.symbols[s].owner], d):
                return None
        elif not e.symbols[s].maximum:
            return None
        inner = csr(e.symbols[s].candidates[:, d:])
        if np.any(inner.data < 0):
            return None
    used = weights[weights != 0]
    if not (np.all(used > 0) or np.all(used < 0)):
        return None
    sign = 1.0 if np.all(used > 0) else -1.0
    if any(
        _feeds_or_is_fed(e, s) for s in symbols if e.classes[e.symbols[s].owner].ball is not None
    ):
        return _composite(e, center, sign)
    edges, corners, others = [], [], []
    points: dict[int, np.ndarray] = {}
    for s in np.flatnonzero(weights):
        symbol, weight = e.symbols[s], abs(weights[s])
        ball = e.classes[symbol.owner].ball
        rows = symbol.candidates
        if ball is not None:
            A = csr(ball[:, :d].T * weight)
            others.append(BallImage(np.zeros(d), A if d > DENSE_DIMENSION else A.toarray()))
        elif rows.shape[0] == 2 and not csr(rows[:, d:]).nnz:
            edges.append(sign * weight * (rows[[0], :d] - rows[[1], :d]))
            corners.append(sign * weight * rows[[1], :d])
        else:
            listed = _points(e, int(s), points)
            if listed is None:
                return None
            others.append(Hull(sign * weight * listed))
    corner = center + (np.asarray(stacked(corners).sum(axis=0)).ravel() if corners else 0.0)
    generators = stacked(edges) if edges else csr((0, d))
    if d <= DENSE_DIMENSION:
        generators = generators.toarray()
    return minkowski_sum([Zonotope.from_corner(corner, generators), *others])


def _monotone(c: Class, d: int) -> bool:
    """Whether a norm grows with the symbols that it hangs on: its components that do are ≥ 0.

    Of such components it is the maximum of Σ w_i y_i over a part of the ball with w ≥ 0, each sum
    regular, and so it is regular itself (Clarke 1983, theorem 2.8.2).
    """
    inner = csr(csr(c.ball)[:, d:])
    hangs = np.diff(inner.indptr) > 0
    return bool(np.all(inner.data > 0) and np.all(np.array(c.nonnegative, bool)[hangs]))


def _feeds_or_is_fed(e: Expressions, s: int) -> bool:
    """Whether a norm's symbol hangs on other symbols, or others on it."""
    d = e.dimension
    if csr(csr(e.classes[e.symbols[s].owner].ball)[:, d:]).nnz:
        return True
    rows = [symbol.candidates for symbol in e.symbols]
    rows += [c.ball for c in e.classes if c.ball is not None]
    return any(csr(r[:, [d + s]]).nnz for r in rows)


def _composite(e: Expressions, center: np.ndarray, sign: float) -> ConvexSet:
    """The rules as a set that is known by its support points."""
    d = e.dimension
    known: dict[int, HullOf | NormOf] = {}

    def sum_of(row: Sparse) -> SumOf:
        feeds = csr(row[:, d:])
        terms = [(float(w), term(int(s))) for s, w in zip(feeds.indices, feeds.data, strict=True)]
        return SumOf(row[:, :d].toarray().ravel(), terms)

    def term(s: int) -> HullOf | NormOf:
        if s not in known:
            ball, rows = e.classes[e.symbols[s].owner].ball, e.symbols[s].candidates
            if ball is None:
                known[s] = HullOf([sum_of(rows[[k]]) for k in range(rows.shape[0])])
            else:
                plain = np.diff(csr(ball[:, d:]).indptr) == 0
                parts = [sum_of(ball[[k]]) for k in np.flatnonzero(~plain)]
                known[s] = NormOf(ball[np.flatnonzero(plain), :d].toarray(), parts)
        return known[s]

    weights = e.value[:, d:].toarray().ravel()
    terms = [(float(abs(weights[s])), term(int(s))) for s in np.flatnonzero(weights)]
    found = Composite(SumOf(sign * center, terms))
    return found if sign > 0 else found.linear_image(diagonal(-np.ones(d)))


def _points(e: Expressions, s: int, known: dict[int, np.ndarray]) -> np.ndarray | None:
    """Points whose hull is the differential of symbol s, or None if they are too many."""
    if s in known:
        return known[s]
    symbol, d = e.symbols[s], e.dimension
    if e.classes[symbol.owner].ball is not None:
        return None
    listed = []
    for k in range(symbol.candidates.shape[0]):
        row = symbol.candidates[[k]]
        points = row[:, :d].toarray()
        feeds = csr(row[:, d:])
        for inner, weight in zip(feeds.indices, feeds.data, strict=True):
            below = _points(e, int(inner), known)
            if below is None or len(points) * len(below) > MAX_POINTS:
                return None
            points = (points[:, None] + weight * below[None]).reshape(-1, d)
            points = np.unique(points, axis=0)
        listed.append(points)
    joint = np.unique(np.concatenate(listed), axis=0)
    if len(joint) > MAX_POINTS:
        return None
    known[s] = joint
    return joint
