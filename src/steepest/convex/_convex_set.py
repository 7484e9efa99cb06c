"""Closed convex sets of R^d as data: what every kind of set can be asked."""

import abc
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError, SolverError

from ._arrays import Matrix, vector
from ._blocks import Part


class ConvexSet(abc.ABC):
    """A closed convex set S of R^d, described by its data, in NumPy float64.

    A kind of set says where it is farthest in a direction, which box holds it, and how it proposes
    the nearest point; the rest is the same for all kinds. In particular a projection is handed
    out only with a certificate (see `project`), so that it does not depend on trust in a solver.

    Sets are immutable. Vectors have shape (d,), lists of points (k, d).
    """

    # ---- what a kind defines

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """d, the dimension of the space in which the set lies."""

    @abc.abstractmethod
    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """A point of S farthest in `direction`: a maximiser of ⟨s, direction⟩."""

    @abc.abstractmethod
    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """The smallest box that holds S: its lower and its upper corner."""

    @abc.abstractmethod
    def translate(self, offset: Float[np.ndarray, " d"]) -> "ConvexSet":
        """The set S + offset."""

    @abc.abstractmethod
    def linear_image(self, A: Matrix) -> "ConvexSet":
        """The set {A s : s ∈ S}, for a matrix A of shape (e, d), dense or sparse."""

    @abc.abstractmethod
    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """A point of S proposed as the nearest to `point`; `project` certifies it."""

    @abc.abstractmethod
    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        """The extreme points in any order, or `TooManyPiecesError`."""

    def _parametrised(self) -> tuple[Float[np.ndarray, " d"], Sequence[Part]]:
        """S as center + Σ matrix·block, for sums; the sets that are not compact have no such."""
        raise ArgumentError(f"{self!r} cannot be a summand of a projection")

    # ---- what every set can be asked

    def support(self, direction: Float[np.ndarray, " d"]) -> float:
        """The support function: max ⟨s, direction⟩ over s ∈ S (inf if there is no maximum)."""
        direction = vector(direction, "direction", self.dimension)
        return float(direction @ self.support_point(direction))

    def project(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """The point of S nearest to `point`, certified.

        With r = p − point, the gap ⟨r, p⟩ + support(−r) = max ⟨r, p − s⟩ is computed for the
        proposed p. It is at least |p − p*|² for the true projection p*, and |r| − gap/|r| bounds
        the distance from below. A p is handed out only when

            gap ≤ (w + 1e-4 R) (1e-10 |r| + 1e-14 R)   or   |r| ≤ 1e-10 (w + 1e-4 R),

        with w the diagonal of the bounding box and R the largest of the norms in that box and of
        `point`. The terms in R are what rounding leaves of a gap that is zero; the second case is
        a point of S, up to 1e-10 of the size of S, and |p − p*| ≤ |r| says enough.

        Raises `SolverError` if no solver comes that near. Source of the certificate: Wolfe 1976,
        "Finding the nearest point in a polytope", theorem 2.1.
        """
        point = vector(point, "point", self.dimension)
        nearest = self._nearest(point)
        gap, allowed = self._gap(point, nearest), self._allowed_gap(point, nearest)
        width, radius = self._scales(point)
        inside = np.linalg.norm(nearest - point) <= 1e-10 * (width + 1e-4 * radius)
        # `not <=` so that a NaN fails too.
        if not (gap <= allowed or inside):
            raise SolverError(
                f"the projection on {self!r} is certified only to a gap of {gap:.2e}, where "
                f"{allowed:.2e} is asked for; the data may be too badly scaled for float64"
            )
        return nearest

    def min_norm(self) -> Float[np.ndarray, " d"]:
        """The least-norm element of S, certified as in `project`."""
        return self._min_norm.copy()

    def distance(self, point: Float[np.ndarray, " d"]) -> float:
        """The Euclidean distance from `point` to S."""
        point = vector(point, "point", self.dimension)
        return float(np.linalg.norm(self.project(point) - point))

    def contains(self, s: Float[np.ndarray, " d"], tol: float = 1e-8) -> bool:
        """Whether s is in S: distance(s) ≤ tol·(1 + |s|), beyond the rounding of S's own data.

        That rounding is counted as 1e-14 times the largest norm in the bounding box. A distance of
        the order of √eps is itself only known to a small factor, so that an answer is sharp for
        distances well under or well over the tolerance.
        """
        s = vector(s, "s", self.dimension)
        lower, upper = self.bounding_box()
        outside = np.linalg.norm(np.maximum(np.maximum(lower - s, s - upper), 0.0))
        allowed = tol * (1.0 + float(np.linalg.norm(s))) + 1e-14 * _largest_norm(lower, upper)
        # The box decides most points that are far away, without a solver.
        return bool(outside <= allowed and self.distance(s) <= allowed)

    def is_singleton(self, tol: float = 1e-8) -> bool:
        """Whether S is one point: its bounding box has a diagonal of at most tol·(1 + |centre|)."""
        lower, upper = self.bounding_box()
        centre = lower + (upper - lower) / 2
        return bool(np.linalg.norm(upper - lower) <= tol * (1.0 + np.linalg.norm(centre)))

    @cached_property
    def vertices(self) -> Float[np.ndarray, "k d"]:
        """The extreme points, in lexicographic order, without repetition.

        Raises `TooManyPiecesError` when S is round or has more of them than can be listed.
        """
        points = self._extreme_points() + 0.0  # −0 and 0 sort and print alike
        points = points[np.lexsort(points.T[::-1])] if points.size else points
        points.flags.writeable = False
        return points

    # ---- the certificate

    @cached_property
    def _min_norm(self) -> Float[np.ndarray, " d"]:
        return self.project(np.zeros(self.dimension))

    def _gap(self, point: np.ndarray, nearest: np.ndarray) -> float:
        residual = nearest - point
        # The difference first: the two inner products may be large and nearly equal.
        return float(residual @ (nearest - self.support_point(-residual)))

    def _allowed_gap(
        self, point: np.ndarray, nearest: np.ndarray, slack: float = 1.0, rounding: float = 1e-14
    ) -> float:
        """What `project` asks for; with smaller constants, what a solver may stop at."""
        width, radius = self._scales(point)
        distance = float(np.linalg.norm(nearest - point))
        return (width + 1e-4 * radius) * (1e-10 * slack * distance + rounding * radius)

    def _scales(self, point: np.ndarray) -> tuple[float, float]:
        """The diagonal of the bounding box; the largest norm in it and of `point`."""
        lower, upper = self.bounding_box()
        radius = max(_largest_norm(lower, upper), float(np.linalg.norm(point)))
        return float(np.linalg.norm(upper - lower)), radius


def _largest_norm(lower: np.ndarray, upper: np.ndarray) -> float:
    return float(np.linalg.norm(np.maximum(np.abs(lower), np.abs(upper))))
