"""The least-norm point of an affine image of a product of boxes, simplices and balls."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from steepest.convex._programs import lsmr, lstsq

from ._arrays import Matrix
from ._blocks import Part
from ._conic import conic_least_norm

# Above this many entries a face is solved by LSMR instead of a dense factorisation.
_DENSE_FACE = 4_000_000


class Goal(NamedTuple):
    """How near is near enough, as bounds on the gap of x."""

    gap: Callable[[np.ndarray], float]
    sharp: Callable[[np.ndarray], float]
    """Under this nothing is left to gain."""
    enough: Callable[[np.ndarray], float]
    """Under this x will do, once further rounds do not shorten it."""


def least_norm(
    offset: Float[np.ndarray, " d"], parts: Sequence[Part], goal: Goal, *, rounds: int = 20
) -> tuple[Float[np.ndarray, " d"], bool]:
    """Proposes the x = offset + Σ M_b t_b, t_b in block b, of least norm; the caller certifies it.

    Two methods in turn. Accelerated projected gradients, restarted when they turn uphill, find
    the face on which the solution lies; no matrix is factored. Newton steps on that face (least
    squares with the other parameters fixed) then finish exactly, or meet bounds and shorten the
    face. Returns x and whether it is as good as the goal asks; if not the problem is badly
    conditioned, or degenerate.

    Sources: Beck, Teboulle 2009 (acceleration); O'Donoghue, Candès 2015 (restart); Moré, Toraldo
    1991, "On the solution of large quadratic programming problems with bound constraints".
    """
    product = _Product(offset, parts)
    return _rounds(product, product.start(), goal, rounds)


def least_norm_from_inside(
    offset: Float[np.ndarray, " d"], parts: Sequence[Part], goal: Goal, *, rounds: int = 20
) -> tuple[Float[np.ndarray, " d"], bool]:
    """As `least_norm`, from where an interior-point method has come next to the solution."""
    product = _Product(offset, parts)
    return _rounds(product, product.snapped(conic_least_norm(offset, parts)), goal, rounds)


def _rounds(product: "_Product", t: np.ndarray, goal: Goal, rounds: int) -> tuple[np.ndarray, bool]:
    """The best x met, and whether it is as good as the goal asks."""
    accelerate = partial(_accelerated, product, step=1.0 / product.lipschitz, steps=100)
    descend = partial(_descend_on_face, product, steps=10)
    best, best_gap = product.offset, np.inf
    slow = 0
    for _ in range(rounds):
        before, gap_before = float(np.linalg.norm(best)), best_gap
        for move in (accelerate, descend):
            t = move(t)
            x = product.image(t)
            gap = goal.gap(x)
            if uncertainty(x, gap) < uncertainty(best, best_gap):
                best, best_gap = x, gap
            if gap <= goal.sharp(x):
                return x, True
        # Near a boundary a gap of the size of rounding still allows an error of its square root.
        if best_gap <= goal.enough(best) and np.linalg.norm(best) > 0.99 * before:
            return best, True
        slow = slow + 1 if best_gap > 0.5 * gap_before else 0
        if slow > 2:
            break
    return best, False


def uncertainty(x: np.ndarray, gap: float) -> float:
    """By how much |x| may exceed the least norm: that is between |x| − gap/|x| and |x|, and ≥ 0."""
    norm = float(np.linalg.norm(x))
    return min(gap / norm, norm) if norm > 0.0 and gap < np.inf else gap


class _Product:
    """offset + M t for t in the product of the blocks."""

    def __init__(self, offset: np.ndarray, parts: Sequence[Part]):
        self.offset = offset
        self.blocks = [part.block for part in parts]
        stops = np.cumsum([0, *(part.matrix.shape[1] for part in parts)])
        self.slices = [slice(*ends) for ends in pairwise(stops)]
        matrices = [part.matrix for part in parts]
        if any(sp.issparse(matrix) for matrix in matrices):
            self.matrix: Matrix = sp.csc_array(sp.hstack([sp.csc_array(m) for m in matrices]))
        else:
            self.matrix = np.hstack(matrices)
        self.size = int(stops[-1])

    def start(self) -> np.ndarray:
        return np.concatenate([block.start() for block in self.blocks])

    def image(self, t: np.ndarray) -> np.ndarray:
        return self.offset + self.matrix @ t

    def gradient(self, t: np.ndarray) -> np.ndarray:
        return self.matrix.T @ self.image(t)

    def project(self, t: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [block.project(t[own]) for block, own in zip(self.blocks, self.slices, strict=True)]
        )

    def face(self, t: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which coordinates the gradient does not hold at a bound; the multipliers of each."""
        free, multipliers = np.zeros(self.size, dtype=bool), np.zeros(self.size)
        for block, own in zip(self.blocks, self.slices, strict=True):
            free[own] = block.free(t[own], slope[own])
            multipliers[own] = block.multiplier(t[own], slope[own])
        return free, multipliers

    def normals(self, t: np.ndarray, free: np.ndarray, multipliers: np.ndarray) -> Matrix:
        """Orthonormal columns (sparse) to which a step in the free coordinates is orthogonal."""
        columns = [
            sp.coo_array(block.normal(t[own], free[own], bool(multipliers[own].any()))[:, None])
            for block, own in zip(self.blocks, self.slices, strict=True)
        ]
        return sp.csr_array(sp.block_diag(columns))

    def reach(self, t: np.ndarray, step: np.ndarray) -> float:
        """The largest α ≤ 1 for which t + α·step has crossed no bound."""
        return min(
            block.reach(t[own], step[own])
            for block, own in zip(self.blocks, self.slices, strict=True)
        )

    def interior(self, t: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Which coordinates are not at a bound against which the step pushes."""
        return np.concatenate(
            [
                block.interior(t[own], step[own])
                for block, own in zip(self.blocks, self.slices, strict=True)
            ]
        )

    def snapped(self, t: np.ndarray) -> np.ndarray:
        """t, with what is at a bound up to the accuracy of an interior point put on it."""
        return self.project(
            np.concatenate(
                [block.snap(t[own]) for block, own in zip(self.blocks, self.slices, strict=True)]
            )
        )

    @cached_property
    def lipschitz(self) -> float:
        """The largest eigenvalue of MᵀM, from above: power iterations and a margin."""
        v = np.random.default_rng(0).standard_normal(self.size)
        largest = 0.0
        for _ in range(20):
            v = v / np.linalg.norm(v)
            w = self.matrix.T @ (self.matrix @ v)
            largest, v = float(np.linalg.norm(w)), w
            if largest == 0.0:
                return 1.0
        return 1.1 * largest


def _accelerated(product: _Product, t: np.ndarray, step: float, steps: int) -> np.ndarray:
    ahead, momentum, last = t, 1.0, np.inf
    for _ in range(steps):
        x = product.image(ahead)
        new = product.project(ahead - step * (product.matrix.T @ x))
        value = float(x @ x)
        if (ahead - new) @ (new - t) > 0 or value > last:
            momentum = 1.0
        last = value
        growth = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = new + (momentum - 1) / growth * (new - t)
        t, momentum = new, growth
    return t


def _descend_on_face(product: _Product, t: np.ndarray, steps: int) -> np.ndarray:
    """Newton steps on the face of t, each within what the last one left free, to its end.

    The face is not enlarged on the way: releasing a bound before the face's own minimiser is
    reached makes a degenerate problem zigzag in steps of length zero.
    """
    x = product.image(t)
    free, multipliers = product.face(t, product.matrix.T @ x)
    for _ in range(steps):
        step = _newton(product, t, x, free, multipliers)
        reach = product.reach(t, step)
        # Projected steps may meet many bounds at a time; the cut one always descends.
        lengths = {1.0, 0.5, 0.25, 0.05, reach}
        candidates = [product.project(t + length * step) for length in lengths]
        images = [product.image(candidate) for candidate in candidates]
        chosen = int(np.argmin([np.linalg.norm(image) for image in images]))
        if not np.linalg.norm(images[chosen]) < np.linalg.norm(x):
            if reach == 1.0:
                break
            # Blocked where it stands: the bounds met at once leave the face.
        else:
            t, x = candidates[chosen], images[chosen]
        held = free & ~product.interior(t, step)
        if not held.any():
            break
        free = free & ~held
    return t


def _newton(
    product: _Product, t: np.ndarray, x: np.ndarray, free: np.ndarray, multipliers: np.ndarray
) -> np.ndarray:
    """The step that minimises |x + M s|² + Σ μ_b |s_b|² over the directions of the face."""
    step = np.zeros(product.size)
    columns = np.flatnonzero(free)
    if columns.size == 0:
        return step
    matrix, normals = product.matrix[:, columns], product.normals(t, free, multipliers)[columns]
    curved = np.sqrt(multipliers[columns])

    def tangent(s: np.ndarray) -> np.ndarray:
        return s - normals @ (normals.T @ s)

    right = np.concatenate([-x, np.zeros(columns.size)])
    if (x.size + columns.size) * columns.size <= _DENSE_FACE:
        dense = matrix.toarray() if sp.issparse(matrix) else matrix
        system = np.vstack([dense - (dense @ normals) @ normals.T, np.diag(curved)])
        # By a pivoted QR: of a thousand free parameters the usual SVD takes seconds.
        cut = max(system.shape) * float(np.finfo(np.float64).eps)
        solution: Any = lstsq(system, right, cond=cut, lapack_driver="gelsy", check_finite=False)
        found = solution[0]
    else:
        found = lsmr(
            _Face(matrix, curved, tangent), right, atol=1e-15, btol=1e-15, conlim=0.0, maxiter=400
        )[0]
    step[columns] = tangent(found)
    return step


class _Face:
    """The matrix of a Newton step, for LSMR: products only."""

    dtype = np.dtype(np.float64)

    def __init__(self, matrix: Matrix, curved: np.ndarray, tangent: Callable):
        self.matrix, self.curved, self.tangent = matrix, curved, tangent
        self.shape = (sum(matrix.shape), matrix.shape[1])

    def matvec(self, s: np.ndarray) -> np.ndarray:
        s = self.tangent(s.ravel())
        return np.concatenate([self.matrix @ s, self.curved * s])

    def rmatvec(self, y: np.ndarray) -> np.ndarray:
        rows = self.matrix.shape[0]
        return self.tangent(self.matrix.T @ y[:rows] + self.curved * y[rows:])
