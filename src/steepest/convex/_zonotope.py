"""Zonotopes: sums of segments, images of cubes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from ._arrays import Matrix, operator, vector
from ._blocks import Box, Part
from ._convex_set import ConvexSet
from ._nearest_in_sum import nearest_in_sum
from ._zonotope_vertices import zonotope_vertices


@dataclass(frozen=True, eq=False, repr=False)
class Zonotope(ConvexSet):
    """{center + Σ t_i g_i : −1 ≤ t_i ≤ 1}, with m generators g_i, the rows of `generators`.

    What independent two-way ties make of a Clarke differential: a tie between the gradients a and
    b adds the segment [a, b]. The 2^m sums are never listed, except by `vertices` when they are
    few. `generators` has shape (m, d), dense or sparse; m = 0 is a point.

    Raises `ArgumentError` if shapes disagree or an entry is not finite.

    >>> square = Zonotope(np.array([2.0, 0.0]), np.eye(2))
    >>> square.min_norm(), square.support(np.ones(2)), len(square.vertices)
    (array([1., 0.]), 4.0, 4)
    """

    center: Float[np.ndarray, " d"]
    generators: Matrix

    def __post_init__(self):
        object.__setattr__(self, "generators", operator(self.generators, "generators"))
        width = self.generators.shape[1]
        object.__setattr__(self, "center", vector(self.center, "center", width))

    @classmethod
    def from_corner(cls, corner: Float[np.ndarray, " d"], edges: Matrix) -> "Zonotope":
        """{corner + Σ t_i e_i : 0 ≤ t_i ≤ 1} for the rows e_i of `edges`, dense or sparse.

        >>> Zonotope.from_corner(np.array([-1.0]), np.array([[2.0]])).vertices
        array([[-1.],
               [ 1.]])
        """
        edges = operator(edges, "edges")
        half = edges * 0.5
        corner = vector(corner, "corner", edges.shape[1])
        return cls(corner + np.asarray(half.sum(axis=0)).ravel(), half)

    @classmethod
    def sum(cls, zonotopes: Sequence["Zonotope"]) -> "Zonotope":
        """The Minkowski sum of zonotopes: the sum of centres, and all generators together."""
        matrices = [zonotope.generators for zonotope in zonotopes]
        sparse = any(sp.issparse(matrix) for matrix in matrices)
        return cls(
            np.sum([zonotope.center for zonotope in zonotopes], axis=0),
            sp.vstack([sp.csr_array(m) for m in matrices]) if sparse else np.vstack(matrices),
        )

    def __repr__(self) -> str:
        return f"Zonotope of {self.generators.shape[0]} generators in R^{self.dimension}"

    @property
    def dimension(self) -> int:
        return self.center.size

    def support(self, direction: Float[np.ndarray, " d"]) -> float:
        direction = vector(direction, "direction", self.dimension)
        return float(self.center @ direction + np.abs(self.generators @ direction).sum())

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return self.center + self.generators.T @ np.sign(self.generators @ direction)

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        return self._box

    def translate(self, offset: Float[np.ndarray, " d"]) -> "Zonotope":
        offset = vector(offset, "offset", self.dimension)
        return Zonotope(self.center + offset, self.generators)

    def linear_image(self, A: Matrix) -> "Zonotope":
        A = operator(A, "A")
        return Zonotope(A @ self.center, (A @ self.generators.T).T)

    @cached_property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        reach = np.asarray(abs(self.generators).sum(axis=0)).ravel()
        return self.center - reach, self.center + reach

    @cached_property
    def _part(self) -> Part:
        """The generators that are not zero, made unit vectors; their lengths go to the box."""
        squares = self.generators * self.generators
        lengths = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
        kept = lengths > 0.0
        units = self.generators[kept].T
        if sp.issparse(units):
            return Part(units @ sp.diags_array(1.0 / lengths[kept]), Box(lengths[kept]))
        return Part(units / lengths[kept], Box(lengths[kept]))

    def _parametrised(self) -> tuple[Float[np.ndarray, " d"], Sequence[Part]]:
        return self.center, [self._part]

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return nearest_in_sum(self, point)

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        dense = self.generators.toarray() if sp.issparse(self.generators) else self.generators
        return zonotope_vertices(self.center, dense)
