"""The largest norm on a convex set, between the norm of a member and an upper bound."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order, connected_components

from steepest.errors import TooManyPiecesError

from ._ball_image import BallImage
from ._composite import Composite, HullOf, NormOf, SumOf
from ._convex_set import ConvexSet
from ._empty import Empty
from ._everything import Everything
from ._hull import Hull
from ._minkowski_sum import MinkowskiSum
from ._zonotope import Zonotope
from ._zonotope_vertices import zonotope_vertices

_SHARP = 1e-12  # relative: what rounding leaves between two numbers that are equal
_MOST_GENERATORS = 2_000  # of a zonotope whose Gram matrix is written out
_LISTED = 12  # generators whose signs are listed one by one
_MOST_POINTS = 2_000  # translates of a ball's image, or sums of vertices


class Extent(NamedTuple):
    """`attained` ≤ max ‖s‖ over s ∈ S ≤ `above`; `attained` is the norm of a member."""

    attained: float
    above: float

    @property
    def sharp(self) -> bool:
        """Whether the two are one number, to rounding."""
        return bool(self.above <= self.attained * (1 + _SHARP))


def largest_norm(S: ConvexSet) -> Extent:
    """max ‖s‖ over S: exact for hulls, balls' images, and zonotopes whose vertices are few.

    A convex function is largest at an extreme point, and to find that one is hard in general. It
    is done where the extreme points can be listed, where a set falls into orthogonal parts, and on
    a ball's image (Moré and Sorensen 1983, "Computing a trust region step"); also on a sum of one
    such image and sets with few vertices. Else `attained` is what climbing from a few members
    comes to, and `above` what a box around the set or the sum of its parts allows.

    An empty set has 0.

    >>> stadium = MinkowskiSum([Hull(np.array([[-3.0, 0.0], [4.0, 0.0]])), BallImage.unit(2)])
    >>> largest_norm(stadium).attained, largest_norm(stadium).sharp
    (5.0, True)
    """
    if isinstance(S, Empty):
        return Extent(0.0, 0.0)
    if isinstance(S, Everything):
        return Extent(0.0, np.inf if S.dimension else 0.0)
    if isinstance(S, Hull):
        return _exactly(float(np.linalg.norm(S.points, axis=1).max()))
    if isinstance(S, BallImage):
        return _of_ball_image(S)
    if isinstance(S, Zonotope):
        return _of_zonotope(S)
    found = None
    if isinstance(S, MinkowskiSum):
        found = _of_sum(S)
    elif isinstance(S, Composite):
        found = _of_composite(S.whole)
    return _climbed(S) if found is None else found


def _exactly(value: float) -> Extent:
    return Extent(value, value)


def _of_union(extents: Sequence[Extent]) -> Extent:
    return Extent(max(e.attained for e in extents), max(e.above for e in extents))


# ---- a ball's image


def _of_ball_image(S: BallImage) -> Extent:
    rows, left, singular = S._decomposition
    if not singular.any():
        return _exactly(float(np.linalg.norm(S.center)))
    return _of_ellipsoid(S.center, rows, left, singular)


def _of_ellipsoid(
    center: np.ndarray, rows: np.ndarray, left: np.ndarray, singular: np.ndarray
) -> Extent:
    """The farthest point of center + left (singular ∘ u), ‖u‖ ≤ 1, in the rows named.

    With b the centre in the basis `left`: for every λ ≥ s₁² the maximum of Σ (bᵢ + sᵢuᵢ)² is at
    most λ + Σ bᵢ²λ/(λ − sᵢ²), and equal to it at uᵢ = sᵢbᵢ/(λ − sᵢ²) where that has length one.
    """
    scale = float(np.hypot(np.linalg.norm(center), singular[0]))
    along = left.T @ (center[rows] / scale)
    outside = max(float(np.sum((center / scale) ** 2) - np.sum(along**2)), 0.0)
    s, top = singular / scale, float(singular[0] / scale)
    pull = s * along
    gaps = (top - s) * (top + s)  # s₁² − sᵢ²
    leading = gaps <= 1e-15 * top**2
    length = lambda more: float(np.linalg.norm(pull / (gaps + more)))
    # λ = s₁² + more; ‖u‖ falls in it, from more = low, where it is at least one, to high.
    low, high = float(np.linalg.norm(pull[leading])) / 2, float(np.linalg.norm(pull)) + 1e-300
    if low == 0.0 or length(low) < 1.0:  # the hard case, or one that rounding makes of it
        rest = np.where(leading, 0.0, pull / np.where(leading, 1.0, gaps))
        if np.linalg.norm(rest) <= 1.0:
            u = rest.copy()
            first = int(np.argmax(leading))
            sign = -1.0 if along[first] < 0 else 1.0
            u[first] = sign * np.sqrt(max(1.0 - float(rest @ rest), 0.0))
            reached = np.sqrt(outside + float(np.sum((along + s * u) ** 2)))
            factors = 1 + np.where(leading, 0.0, s**2 / np.where(leading, 1.0, gaps))
            bound = top**2 + outside + float(np.sum(along**2 * factors)) + 4 * low
            return Extent(scale * float(reached), scale * float(np.sqrt(bound)))
        low = 0.0
    for _ in range(200):
        middle = (low + high) / 2 if low == 0.0 or high <= 2 * low else np.sqrt(low * high)
        if not low < middle < high:
            break
        low, high = (middle, high) if length(middle) >= 1.0 else (low, middle)
    u = pull / (gaps + high)
    u /= np.linalg.norm(u)
    reached = np.sqrt(outside + float(np.sum((along + s * u) ** 2)))
    bound = top**2 + high + outside + float(np.sum(along**2 * (1 + s**2 / (gaps + high))))
    return Extent(scale * float(reached), scale * float(np.sqrt(bound)))


# ---- zonotopes


def _of_zonotope(S: Zonotope) -> Extent:
    """Block by block of generators that are orthogonal to all others."""
    m = S.generators.shape[0]
    if m > _MOST_GENERATORS:
        return _climbed(S)
    gram = S.generators @ S.generators.T
    gram = gram.toarray() if sp.issparse(gram) else np.asarray(gram)
    pull = np.asarray(S.generators @ S.center).ravel()
    lengths = np.sqrt(np.diag(gram))
    touching = np.abs(gram) > 4 * np.finfo(float).eps * np.outer(lengths, lengths)
    count, block = connected_components(sp.csr_array(touching), directed=False)
    signs, sharp, above = np.zeros(m), True, float(S.center @ S.center)
    for k in range(count):
        inside = block == k
        found = _best_signs(S, inside, gram[np.ix_(inside, inside)], pull[inside])
        sharp &= found is not None
        K, b = gram[np.ix_(inside, inside)], pull[inside]
        if found is None:
            above += 2 * float(np.sum(np.abs(b))) + float(
                min(np.sum(np.abs(K)), len(b) * np.linalg.eigvalsh(K)[-1])
            )
            found = _flipped(K, b)
        else:
            above += float(found @ K @ found + 2 * b @ found)
        signs[inside] = found
    attained = float(np.linalg.norm(S.center + S.generators.T @ signs))
    return _exactly(attained) if sharp else Extent(attained, max(float(np.sqrt(above)), attained))


def _best_signs(S: Zonotope, inside: np.ndarray, K: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The signs t with the largest t·Kt + 2b·t, or None where they are not to be had."""
    agreed = _agreeing_signs(K, b)
    if agreed is not None:
        return agreed
    m = len(b)
    if m <= _LISTED:
        signs = 2.0 * ((np.arange(2**m)[:, None] >> np.arange(m)) & 1) - 1.0
    else:
        dense = S.generators[inside]
        dense = dense.toarray() if sp.issparse(dense) else dense
        try:
            vertices = zonotope_vertices(np.zeros(S.dimension), dense)
        except TooManyPiecesError:
            return None
        # A vertex is farthest in the direction of itself and the centre if it is the best one.
        best = vertices[np.argmax(np.linalg.norm(S.center + vertices, axis=1))]
        signs = np.sign(dense @ (S.center + best))[None, :]
        signs[signs == 0] = 1.0
    values = np.sum((signs @ K) * signs, axis=1) + 2 * signs @ b
    return signs[np.argmax(values)]


def _agreeing_signs(K: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """Signs that make every term of t·Kt + 2b·t as large as it can be, if there are such."""
    terms = np.block([[np.zeros((1, 1)), b[None, :]], [b[:, None], K]])
    signs = np.zeros(len(terms))
    for root in range(len(terms)):
        if signs[root]:
            continue
        order, before = breadth_first_order(sp.csr_array(terms != 0), root, directed=False)
        signs[root] = 1.0
        for node in order[1:]:
            signs[node] = signs[before[node]] * np.sign(terms[before[node], node])
    if np.any(signs[:, None] * terms * signs < 0):
        return None
    return signs[0] * signs[1:]


def _flipped(K: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Signs that no single change makes better."""
    t = np.where(b < 0, -1.0, 1.0)
    for _ in range(100 * len(t)):
        gain = -4 * t * (K @ t - np.diag(K) * t + b)
        best = int(np.argmax(gain))
        if not gain[best] > 1e-12 * float(np.sum(np.abs(K))):
            break
        t[best] = -t[best]
    return t


# ---- sums and composites


def _of_sum(S: MinkowskiSum) -> Extent | None:
    """Exact where all summands but one ball's image have few vertices."""
    points, balls, count = [], [], 1
    for part in S.summands:
        try:
            listed = part.points if isinstance(part, Hull) else part.vertices
        except TooManyPiecesError:
            if not isinstance(part, BallImage):
                return None
            balls.append(part)
            continue
        count *= len(listed)
        if count > _MOST_POINTS:
            return None
        points.append(listed)
    centers = np.zeros((1, S.dimension))
    for listed in points:
        centers = (centers[:, None, :] + listed[None, :, :]).reshape(-1, S.dimension)
    if not balls:
        return _exactly(float(np.linalg.norm(centers, axis=1).max()))
    if len(balls) > 1:
        return _of_apart(S, balls) if len(centers) == 1 else None
    rows, left, singular = balls[0]._decomposition
    centers = centers + balls[0].center
    return _of_union([_of_ellipsoid(center, rows, left, singular) for center in centers])


def _of_apart(S: MinkowskiSum, balls: list[BallImage]) -> Extent | None:
    """Several balls' images and a point: exact where no two of the images share a coordinate."""
    rows = [ball._decomposition[0] for ball in balls]
    taken = np.concatenate(rows)
    if len(np.unique(taken)) < len(taken):
        return None
    lower, upper = S.bounding_box()
    center = lower + (upper - lower) / 2
    rest = np.delete(center, taken)
    extents = [
        _of_ellipsoid(center[own], np.arange(len(own)), *ball._decomposition[1:])
        for own, ball in zip(rows, balls, strict=True)
    ]
    each = [float(np.linalg.norm(rest)), *[e.attained for e in extents]]
    above = [float(np.linalg.norm(rest)), *[e.above for e in extents]]
    return Extent(float(np.linalg.norm(each)), float(np.linalg.norm(above)))


def _of_composite(whole: SumOf) -> Extent | None:
    """Exact for a hull of a union of exact ones, and for a norm of linear terms."""
    if not whole.terms:
        return _exactly(float(np.linalg.norm(whole.center)))
    if len(whole.terms) > 1:
        return None
    ((weight, term),) = whole.terms
    if isinstance(term, HullOf):
        moved = [
            SumOf(whole.center + weight * p.center, [(weight * w, t) for w, t in p.terms])
            for p in term.parts
        ]
        extents = [_of_composite(part) for part in moved]
        return None if None in extents else _of_union([e for e in extents if e is not None])
    if isinstance(term, NormOf) and not term.parts:
        return _of_ball_image(BallImage(whole.center, weight * term.A.T))
    return None


# ---- any set


def _climbed(S: ConvexSet) -> Extent:
    """The best of some members, each the farthest in the direction of the one before it."""
    lower, upper = S.bounding_box()
    corner = np.where(np.abs(lower) > np.abs(upper), lower, upper)
    rng = np.random.default_rng(0)
    starts = itertools.chain([corner], rng.standard_normal((16, S.dimension)))
    attained = 0.0
    for direction in starts:
        before = -1.0
        for _ in range(100):
            s = S.support_point(direction)
            size = float(np.linalg.norm(s))
            attained = max(attained, size)
            if not size > before * (1 + 1e-9):
                break
            direction, before = s, size
    above = float(np.linalg.norm(corner))
    if isinstance(S, MinkowskiSum):
        above = min(above, sum(largest_norm(part).above for part in S.summands))
    return Extent(attained, max(above, attained))
