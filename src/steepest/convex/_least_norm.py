"""The least-norm point of an affine image of a product of boxes, simplices and balls."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator, lsmr

from ._arrays import Matrix
from ._blocks import Block

# Above this many entries a face is solved by LSMR instead of a dense factorisation.
_DENSE_FACE = 4_000_000


class Part(NamedTuple):
    """matrix · block, one term of the sum; `matrix` has shape (d, m)."""

    matrix: Matrix
    block: Block


def least_norm(
    offset: Float[np.ndarray, " d"],
    parts: Sequence[Part],
    gap: Callable[[np.ndarray], float],
    target: Callable[[np.ndarray], float],
    *,
    rounds: int = 60,
) -> Float[np.ndarray, " d"]:
    """Proposes the x = offset + Σ M_b t_b, t_b in block b, of least norm; the caller certifies it.

    Two methods in turn. Accelerated projected gradients, restarted when they turn uphill, find
    the face on which the solution lies; no matrix is factored. A Newton step on that face (least
    squares with the other parameters fixed) then finishes exactly, or meets a bound and shortens
    the face. Stops when gap(x) ≤ target(x), or when neither improves the gap any more.

    Sources: Beck, Teboulle 2009 (acceleration); O'Donoghue, Candès 2015 (restart); Moré, Toraldo
    1991, "On the solution of large quadratic programming problems with bound constraints".
    """
    product = _Product(offset, parts)
    t = product.start()
    best, best_gap, stalled = product.image(t), np.inf, 0
    inverse_lipschitz = 1.0 / product.lipschitz()
    for _ in range(rounds):
        t = _accelerated(product, t, inverse_lipschitz, steps=50)
        for _ in range(20):
            moved = _face_step(product, t)
            if moved is None:
                break
            t = moved
        x = product.image(t)
        now = gap(x)
        stalled = stalled + 1 if now > 0.5 * best_gap else 0
        if now < best_gap:
            best, best_gap = x, now
        if best_gap <= target(best) or stalled > 8:
            break
    return best


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


def _face_step(product: _Product, t: np.ndarray) -> np.ndarray | None:
    """A Newton step within the face of t, or None if it makes no progress."""
    x = product.image(t)
    step = _newton(product, t, x)
    reach = min(
        block.reach(t[own], step[own])
        for block, own in zip(product.blocks, product.slices, strict=True)
    )
    candidates = [product.project(t + alpha * step) for alpha in {1.0, reach}]
    values = [float(np.linalg.norm(product.image(candidate))) for candidate in candidates]
    chosen = int(np.argmin(values))
    return candidates[chosen] if values[chosen] < float(np.linalg.norm(x)) else None


def _newton(product: _Product, t: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The step that minimises |x + M s|² + Σ μ_b |s_b|² over the directions of the face."""
    slope = product.matrix.T @ x
    free = np.zeros(product.size, dtype=bool)
    curvature = np.zeros(product.size)
    normals = np.zeros((product.size, len(product.blocks)))
    for index, (block, own) in enumerate(zip(product.blocks, product.slices, strict=True)):
        free[own] = block.free(t[own], slope[own])
        curvature[own] = np.sqrt(block.multiplier(t[own], slope[own]))
        normals[own, index] = block.normal(t[own], free[own])
    step = np.zeros(product.size)
    columns = np.flatnonzero(free)
    if columns.size == 0:
        return step
    matrix, normals = product.matrix[:, columns], normals[columns]
    normals = normals[:, np.any(normals != 0, axis=0)]
    curved = curvature[columns]

    def tangent(s: np.ndarray) -> np.ndarray:
        return s - normals @ (normals.T @ s)

    right = np.concatenate([-x, np.zeros(columns.size)])
    if (x.size + columns.size) * columns.size <= _DENSE_FACE:
        dense = matrix.toarray() if sp.issparse(matrix) else matrix
        system = np.vstack([dense - (dense @ normals) @ normals.T, np.diag(curved)])
        found = np.linalg.lstsq(system, right, rcond=None)[0]
    else:
        system = LinearOperator(
            (right.size, columns.size),
            matvec=lambda s: np.concatenate([matrix @ tangent(s), curved * tangent(s)]),
            rmatvec=lambda y: tangent(matrix.T @ y[: x.size] + curved * y[x.size :]),
            dtype=np.float64,
        )
        found = lsmr(system, right, atol=1e-15, btol=1e-15, conlim=0.0, maxiter=400)[0]
    step[columns] = tangent(found)
    return step
