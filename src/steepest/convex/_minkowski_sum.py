"""Minkowski sums."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError, TooManyPiecesError

from ._arrays import Matrix
from ._blocks import Part
from ._convex_set import ConvexSet
from ._empty import Empty
from ._everything import Everything
from ._extreme import extreme_points
from ._hull import Hull
from ._nearest_in_sum import nearest_in_sum
from ._zonotope import Zonotope
from ._zonotope_vertices import MAX_VERTICES


@dataclass(frozen=True, eq=False, repr=False)
class MinkowskiSum(ConvexSet):
    """{s_1 + … + s_n : s_i ∈ S_i}: what independent groups of choices add up to.

    `minkowski_sum` makes one, and simplifies it where it can.

    Raises `ArgumentError` if there is no summand, they lie in different spaces, or one of them is
    empty or unbounded.

    >>> import steepest.convex
    >>> segment = Zonotope(np.array([3.0, 0.0]), np.array([[1.0, 0.0]]))
    >>> stadium = MinkowskiSum([segment, steepest.convex.BallImage.unit(2)])
    >>> stadium.min_norm(), stadium.support(np.array([1.0, 0.0]))
    (array([1., 0.]), 5.0)
    """

    summands: Sequence[ConvexSet]

    def __post_init__(self):
        object.__setattr__(self, "summands", tuple(self.summands))
        spaces = {summand.dimension for summand in self.summands}
        if len(spaces) != 1:
            raise ArgumentError(
                f"a Minkowski sum needs summands of one space, and got dimensions {sorted(spaces)}"
            )
        if any(isinstance(summand, (Empty, Everything)) for summand in self.summands):
            raise ArgumentError("a summand is empty or all of R^d: take minkowski_sum(summands)")

    def __repr__(self) -> str:
        return f"MinkowskiSum of {len(self.summands)} sets in R^{self.dimension}"

    @property
    def dimension(self) -> int:
        return self.summands[0].dimension

    def support(self, direction: Float[np.ndarray, " d"]) -> float:
        return float(sum(summand.support(direction) for summand in self.summands))

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return np.sum([summand.support_point(direction) for summand in self.summands], axis=0)

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        return self._box

    def translate(self, offset: Float[np.ndarray, " d"]) -> "MinkowskiSum":
        first, *rest = self.summands
        return MinkowskiSum((first.translate(offset), *rest))

    def linear_image(self, A: Matrix) -> "MinkowskiSum":
        return MinkowskiSum([summand.linear_image(A) for summand in self.summands])

    @cached_property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        lower, upper = zip(*(summand.bounding_box() for summand in self.summands), strict=True)
        return np.sum(lower, axis=0), np.sum(upper, axis=0)

    @cached_property
    def _parts(self) -> tuple[np.ndarray, list[Part]]:
        centers, parts = zip(*(summand._parametrised() for summand in self.summands), strict=True)
        return np.sum(centers, axis=0), [part for group in parts for part in group]

    def _parametrised(self) -> tuple[Float[np.ndarray, " d"], Sequence[Part]]:
        return self._parts

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return nearest_in_sum(self, point)

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        points, rank = np.zeros((1, self.dimension)), 0
        for summand in self.summands:
            more = summand.vertices
            if len(points) * len(more) > MAX_VERTICES:
                raise TooManyPiecesError(
                    f"{self!r} may have {len(points) * len(more)} extreme points or more, and at "
                    f"most {MAX_VERTICES} are listed; its support, its least-norm element and "
                    "whether it contains a point need no list"
                )
            sums = (points[:, None, :] + more[None, :, :]).reshape(-1, self.dimension)
            added, total = _rank(more), _rank(sums)
            # Of sets in independent directions every sum of extreme points is one.
            points = sums if total == rank + added else extreme_points(sums)
            rank = total
        return points


def minkowski_sum(summands: Iterable[ConvexSet]) -> ConvexSet:
    """The Minkowski sum in its simplest form.

    Nested sums are opened; zonotopes and hulls of two points are joined to one zonotope; with an
    empty summand the sum is empty, else with all of R^d it is that; a sum of one is that one.

    Raises `ArgumentError` as `MinkowskiSum` does.

    >>> minkowski_sum([Zonotope(np.zeros(2), np.eye(2)), Zonotope(np.ones(2), np.eye(2))])
    Zonotope of 4 generators in R^2
    >>> minkowski_sum([Everything(2), Zonotope(np.zeros(2), np.eye(2))])
    Everything(d=2)
    """
    opened: list[ConvexSet] = []
    for summand in summands:
        opened += summand.summands if isinstance(summand, MinkowskiSum) else [summand]
    if len(opened) > 1:
        opened = [_as_zonotope_if_segment(summand) for summand in opened]
    if len({summand.dimension for summand in opened}) == 1:
        for kind in (Empty, Everything):
            if any(isinstance(summand, kind) for summand in opened):
                return kind(opened[0].dimension)
    zonotopes = [summand for summand in opened if isinstance(summand, Zonotope)]
    if len(zonotopes) > 1 and len({zonotope.dimension for zonotope in zonotopes}) == 1:
        opened = [summand for summand in opened if not isinstance(summand, Zonotope)]
        opened.append(Zonotope.sum(zonotopes))
    return opened[0] if len(opened) == 1 else MinkowskiSum(opened)


def _as_zonotope_if_segment(summand: ConvexSet) -> ConvexSet:
    if not isinstance(summand, Hull) or len(summand.points) != 2:
        return summand
    first, last = summand.points
    return Zonotope((first + last) / 2, ((last - first) / 2)[None, :])


def _rank(points: np.ndarray) -> int:
    return int(np.linalg.matrix_rank(points - points[0], rtol=1e-11)) if len(points) > 1 else 0
