"""The empty set."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError

from ._arrays import Matrix, operator, vector
from ._convex_set import ConvexSet


@dataclass(frozen=True, eq=False)
class Empty(ConvexSet):
    """∅ in R^d: the inner bracket of a set of which nothing is proved yet.

    It contains nothing, its support is −inf, it has no vertices, and no nearest point:
    `min_norm` and `project` raise `ArgumentError`.

    >>> Empty(2).contains(np.zeros(2)), Empty(2).support(np.ones(2)), Empty(2).vertices.shape
    (False, -inf, (0, 2))
    """

    d: int

    @property
    def dimension(self) -> int:
        return self.d

    def support(self, direction: Float[np.ndarray, " d"]) -> float:
        vector(direction, "direction", self.d)
        return -np.inf

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        raise self._no_point()

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        raise self._no_point()

    def contains(self, s: Float[np.ndarray, " d"], tol: float = 1e-8) -> bool:
        vector(s, "s", self.d)
        return False

    def distance(self, point: Float[np.ndarray, " d"]) -> float:
        vector(point, "point", self.d)
        return np.inf

    def is_singleton(self, tol: float = 1e-8) -> bool:
        return False

    def translate(self, offset: Float[np.ndarray, " d"]) -> "Empty":
        vector(offset, "offset", self.d)
        return self

    def linear_image(self, A: Matrix) -> "Empty":
        return Empty(operator(A, "A").shape[0])

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        raise self._no_point()

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        return np.empty((0, self.d))

    def _no_point(self) -> ArgumentError:
        return ArgumentError(f"the empty set of R^{self.d} has no point to give")
