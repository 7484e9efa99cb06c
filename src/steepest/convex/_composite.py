"""Sets that are built from sets by sums, hulls and norms: known by where they are farthest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from steepest.errors import TooManyPiecesError

from ._arrays import Matrix, vector
from ._convex_set import ConvexSet
from ._wolfe import wolfe

Known = dict[int, np.ndarray]


@dataclass(frozen=True, eq=False)
class SumOf:
    """center + Σ weight·set, with weights ≥ 0."""

    center: np.ndarray
    terms: Sequence[tuple[float, HullOf | NormOf]] = ()

    def farthest(self, direction: np.ndarray, known: Known) -> np.ndarray:
        point = self.center
        for weight, term in self.terms:
            if id(term) not in known:
                known[id(term)] = term.farthest(direction, known)
            point = point + weight * known[id(term)]
        return point

    def upper(self, sign: float) -> np.ndarray:
        """The supports in the directions sign·e_i."""
        return sign * self.center + sum(w * term.upper(sign) for w, term in self.terms)

    def image(self, A: Matrix) -> SumOf:
        return SumOf(A @ self.center, [(w, term.image(A)) for w, term in self.terms])


@dataclass(frozen=True, eq=False)
class HullOf:
    """The convex hull of a union: what a maximum of regular functions that tie has."""

    parts: Sequence[SumOf]

    def farthest(self, direction: np.ndarray, known: Known) -> np.ndarray:
        points = [part.farthest(direction, known) for part in self.parts]
        return points[int(np.argmax([direction @ p for p in points]))]

    def upper(self, sign: float) -> np.ndarray:
        return np.max([part.upper(sign) for part in self.parts], axis=0)

    def image(self, A: Matrix) -> HullOf:
        return HullOf([part.image(A) for part in self.parts])


@dataclass(frozen=True, eq=False)
class NormOf:
    """{Aᵀu + Σ w_i s_i : ‖(u, w)‖ ≤ 1, w ≥ 0, s_i ∈ S_i}.

    What ‖(A x, y_1, y_2, …)‖ has at zero, for y_i ≥ 0 with the differentials S_i. Its support
    function is the norm of A d and of the positive parts of the S_i's.
    """

    A: Float[np.ndarray, "m d"]
    parts: Sequence[SumOf] = ()

    def farthest(self, direction: np.ndarray, known: Known) -> np.ndarray:
        points = [part.farthest(direction, known) for part in self.parts]
        rows = np.concatenate([self.A, np.reshape(points, (len(points), direction.size))])
        weights = rows @ direction
        weights[len(self.A) :] = np.maximum(weights[len(self.A) :], 0.0)
        size = float(np.linalg.norm(weights))
        return weights @ rows / size if size > 0.0 else np.zeros(direction.size)

    def upper(self, sign: float) -> np.ndarray:
        squares = (self.A**2).sum(axis=0)
        for part in self.parts:
            squares = squares + np.maximum(part.upper(sign), 0.0) ** 2
        return np.sqrt(squares)

    def image(self, A: Matrix) -> NormOf:
        return NormOf((A @ self.A.T).T, [part.image(A) for part in self.parts])


@dataclass(frozen=True, eq=False, repr=False)
class Composite(ConvexSet):
    """A set that is built by sums, hulls and norms: ∂ of max(‖x‖, 2 x₀), or of ‖relu(x)‖, at 0.

    >>> disc = NormOf(np.eye(2))
    >>> drop = Composite(SumOf(np.zeros(2), [(1.0, HullOf([SumOf(np.zeros(2), [(1.0, disc)]),
    ...                                                    SumOf(np.array([2.0, 0.0]))]))]))
    >>> drop.support(np.array([1.0, 0.0])), drop.support(np.array([-1.0, 0.0]))
    (2.0, 1.0)
    """

    whole: SumOf

    def __repr__(self) -> str:
        return f"Composite of hulls and norms in R^{self.dimension}"

    @property
    def dimension(self) -> int:
        return self.whole.center.size

    def support_point(self, direction: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        return self.whole.farthest(direction, {})

    def bounding_box(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        return -self.whole.upper(-1.0), self.whole.upper(1.0)

    def translate(self, offset: Float[np.ndarray, " d"]) -> Composite:
        offset = vector(offset, "offset", self.dimension)
        return Composite(SumOf(self.whole.center + offset, self.whole.terms))

    def linear_image(self, A: Matrix) -> Composite:
        return Composite(self.whole.image(A))

    def _nearest(self, point: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        width, radius = self._scales(point)

        def target(x: np.ndarray) -> float:
            return (width + 1e-4 * radius) * (1e-11 * float(np.linalg.norm(x)) + 1e-15 * radius)

        farthest = lambda direction: self.support_point(direction) - point
        return point + wolfe(farthest, farthest(point - self.whole.center), target=target)

    def _extreme_points(self) -> Float[np.ndarray, "k d"]:
        raise TooManyPiecesError(
            f"{self!r} may be round: it has no finite list of extreme points; ask for its support, "
            "its least-norm element or whether it contains a point instead"
        )
