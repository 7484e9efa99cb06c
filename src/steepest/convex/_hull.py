"""The convex hull of finitely many points."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError

from ._arrays import Matrix, matrix, operator, vector
from ._blocks import Part, Simplex
from ._convex_set import ConvexSet
from ._extreme import extreme_points
from ._nearest_in_hull import nearest_in_hull


@dataclass(frozen=True, eq=False, repr=False)
class Hull(ConvexSet):
    """conv{p_1, …, p_k}: the convex hull of k ≥ 1 points of R^d, the rows of `points`.

    Repeated, collinear, interior points and fewer points than dimensions are all right.

    Raises `ArgumentError` if there is no point or an entry is not finite.

    >>> triangle = Hull(np.array([[1.0, 1.0], [3.0, 1.0], [1.0, 3.0], [1.5, 1.5]]))
    >>> triangle.min_norm()
    array([1., 1.])
    >>> triangle.vertices
    array([[1., 1.],
           [1., 3.],
           [3., 1.]])
    """

    points: Float[np.ndarray, "k d"]

    def __post_init__(self):
        object.__setattr__(self, "points", matrix(self.points, "points"))
        if len(self.points) == 0:
            raise ArgumentError("a hull needs at least one point; for no points take Empty(d)")

    def __repr__(self) -> str:
        return f"Hull of {len(self.points)} points in R^{self.dimension}"

    @property
    def dimension(self) -> int:
        return self.points.shape[1]

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return self.points[np.argmax(self.points @ direction)]

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        return self._box

    def translate(self, offset: Float[np.ndarray, " d"]) -> "Hull":
        return Hull(self.points + vector(offset, "offset", self.dimension))

    def linear_image(self, A: Matrix) -> "Hull":
        return Hull(np.asarray((operator(A, "A") @ self.points.T).T))

    @cached_property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        return self.points.min(axis=0), self.points.max(axis=0)

    def _parametrised(self) -> tuple[Float[np.ndarray, " d"], Sequence[Part]]:
        center = self.points.mean(axis=0)
        differences = (self.points - center).T
        size = float(np.linalg.norm(differences, axis=0).max())
        if size == 0.0:
            return self.points[0], []
        return center, [Part(differences / size, Simplex(len(self.points), size))]

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return nearest_in_hull(self.points, point)

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        return extreme_points(self.points)
