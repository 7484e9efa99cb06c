"""The image of the unit ball under an affine map: an ellipsoid, perhaps a flat one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from steepest.errors import TooManyPiecesError

from ._arrays import Matrix, operator, vector
from ._blocks import Ball, Part
from ._convex_set import ConvexSet
from ._trust_region import least_squares_in_ball


@dataclass(frozen=True, eq=False, repr=False)
class BallImage(ConvexSet):
    """{center + A u : ‖u‖ ≤ 1}: what the norm ‖Aᵀx‖ has for a Clarke differential at Aᵀx = 0.

    `A` has shape (d, m), dense or sparse. Rows and columns that are zero cost nothing: one group
    of a group lasso is a small problem in any dimension.

    Raises `ArgumentError` if shapes disagree or an entry is not finite.

    >>> disc = BallImage(np.array([3.0, 0.0]), np.eye(2))
    >>> disc.min_norm(), disc.support(np.array([0.0, 2.0]))
    (array([2., 0.]), 2.0)
    """

    center: Float[np.ndarray, " d"]
    A: Matrix

    def __post_init__(self):
        object.__setattr__(self, "A", operator(self.A, "A"))
        object.__setattr__(self, "center", vector(self.center, "center", self.A.shape[0]))

    @classmethod
    def unit(cls, dimension: int) -> "BallImage":
        """The unit ball of R^d."""
        return cls(np.zeros(dimension), np.eye(dimension))

    def __repr__(self) -> str:
        return f"BallImage of a ball of R^{self.A.shape[1]} in R^{self.dimension}"

    @property
    def dimension(self) -> int:
        return self.center.size

    def support(self, direction: Float[np.ndarray, " d"]) -> float:
        direction = vector(direction, "direction", self.dimension)
        return float(self.center @ direction + np.linalg.norm(self.A.T @ direction))

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        pulled = self.A.T @ direction
        length = float(np.linalg.norm(pulled))
        return self.center + self.A @ (pulled / length) if length > 0.0 else self.center

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        squares = self.A * self.A if isinstance(self.A, np.ndarray) else self.A.power(2)
        reach = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
        return self.center - reach, self.center + reach

    def translate(self, offset: Float[np.ndarray, " d"]) -> "BallImage":
        return BallImage(self.center + vector(offset, "offset", self.dimension), self.A)

    def linear_image(self, A: Matrix) -> "BallImage":
        A = operator(A, "A")
        return BallImage(A @ self.center, A @ self.A)

    @cached_property
    def _decomposition(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows of A that are not zero, and their left singular vectors and singular values."""
        rows, columns = (np.unique(index) for index in sp.coo_array(self.A).coords)
        core = self.A[np.ix_(rows, columns)]
        left, singular, _ = np.linalg.svd(
            core if isinstance(core, np.ndarray) else core.toarray(), full_matrices=False
        )
        return rows, left, singular

    def _parametrised(self) -> tuple[Float[np.ndarray, " d"], Sequence[Part]]:
        _, _, singular = self._decomposition
        if not singular.any():
            return self.center, []
        size = float(singular[0])
        return self.center, [Part(self.A / size, Ball(self.A.shape[1], size))]

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        rows, left, singular = self._decomposition
        nearest = self.center.copy()
        if singular.size:
            wanted = left.T @ (point - self.center)[rows]
            nearest[rows] += left @ (singular * least_squares_in_ball(singular, wanted))
        return nearest

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        _, left, singular = self._decomposition
        if np.sum(singular > 1e-12 * singular.max(initial=0.0)) > 1:
            raise TooManyPiecesError(
                f"{self!r} is round: it has no finite list of extreme points; ask for its support, "
                "its least-norm element or whether it contains a point instead"
            )
        if not singular.size:
            return self.center[None, :]
        half = self.center * 0.0
        half[self._decomposition[0]] = singular[0] * left[:, 0]
        return np.stack([self.center - half, self.center + half])
