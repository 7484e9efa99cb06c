"""All of R^d."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError, TooManyPiecesError

from ._arrays import Matrix, operator, vector
from ._convex_set import ConvexSet


@dataclass(frozen=True, eq=False)
class Everything(ConvexSet):
    """R^d: the outer bracket of a set that nothing bounds yet.

    It contains every point, its support is inf (0 in direction 0), its least-norm element is 0.

    >>> Everything(2).contains(np.ones(2)), Everything(2).support(np.ones(2))
    (True, inf)
    """

    d: int

    @property
    def dimension(self) -> int:
        return self.d

    def support(self, direction: Float[np.ndarray, " d"]) -> float:
        return np.inf if np.any(vector(direction, "direction", self.d)) else 0.0

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        if np.any(vector(direction, "direction", self.d)):
            raise ArgumentError(f"R^{self.d} has no farthest point in any direction")
        return np.zeros(self.d)

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        return np.full(self.d, -np.inf), np.full(self.d, np.inf)

    def project(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return self._nearest(vector(point, "point", self.d))

    def contains(self, s: Float[np.ndarray, " d"], tol: float = 1e-8) -> bool:
        vector(s, "s", self.d)
        return True

    def is_singleton(self, tol: float = 1e-8) -> bool:
        return self.d == 0

    def translate(self, offset: Float[np.ndarray, " d"]) -> "Everything":
        vector(offset, "offset", self.d)
        return self

    def linear_image(self, A: Matrix) -> "Everything":
        """R^e for a matrix of rank e; the proper subspaces of R^e are no set of this package."""
        A = operator(A, "A")
        dense = A if isinstance(A, np.ndarray) else A.toarray()
        if np.linalg.matrix_rank(dense) < len(dense):
            raise ArgumentError("the image of R^d is a subspace: A must have independent rows")
        return Everything(len(dense))

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return point.copy()

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        raise TooManyPiecesError(
            f"R^{self.d} has no extreme points to list: nothing bounds this set yet"
        )
