"""The least-norm element of a sum of simplices' images, from a point that is nearly one.

The subdifferential of f = c·x + Σ_i max_k a_ik·x at a point is c + Σ_i conv{a_ik : k ties at i}.
Its element of least norm is found by an active set: on a *face*, where some weights are free and
the rest are zero, it is a projection; a free weight that would turn negative leaves the face, and a
candidate along which the norm falls joins it. The norm falls from face to face, so that it ends.
From the weights of a moment ago that is a step or two.

Source: the method is that of Wolfe 1976, "Finding the nearest point in a polytope", with one
simplex for each place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from steepest.convex._programs import lstsq

_DENSE = 64  # up to so many rows a face is projected on by dense algebra
_FULL = 0.2  # … and as many as there are, where more than this share of the entries is not zero
_NEGATIVE = 1e-11  # a weight below minus this leaves the face
_SHIFT = 1e-13  # makes dependent rows no obstacle to a factor; refined away


class NoEnd(Exception):  # noqa: N818 - the caller says it in its own words
    """The active set did not come to rest."""


class LeastSlope(NamedTuple):
    """What was found.

    Attributes:
        weights: of the candidates; those of a place sum to one.
        slope: the element of least norm.
        tied: whether a candidate still ties when the state moves along −slope.
        face: what holds the free candidates together; None where nothing is held.
        held, base: the pairs of candidates whose difference is a row of the face.
    """

    weights: np.ndarray
    slope: np.ndarray
    tied: np.ndarray
    face: Face | None
    held: np.ndarray
    base: np.ndarray


class Face:
    """Projections on and along {s : D s = 0}, for differences D of the free candidates' rows."""

    def __init__(self, differences: Any):
        self.lu: Any = None
        few = differences.shape[0] <= _DENSE
        if sp.issparse(differences):
            full = differences.nnz > _FULL * np.prod(differences.shape)
            self.rows = differences.toarray() if few or full else differences
        else:
            full = few or np.count_nonzero(differences) > _FULL * differences.size
            self.rows: Any = differences if full else sp.csr_array(differences)
        if sp.issparse(self.rows):
            self.lu = _factor(self.rows)

    def shortest(self, slope: np.ndarray) -> np.ndarray:
        """The s for which slope + Dᵀs is shortest."""
        if self.lu is None:
            return self._dense(slope)
        total = np.zeros(self.rows.shape[0])
        for _ in range(3):
            right = np.concatenate([slope + self.rows.T @ total, np.zeros(len(total))])
            total += self.lu.solve(right)[len(slope) :]
        return total

    def _dense(self, slope: np.ndarray) -> np.ndarray:
        seen = self.rows @ slope
        if len(seen) == 1:
            size = float(self.rows[0] @ self.rows[0])
            return -seen / size if size > 0 else 0.0 * seen
        # By normal equations, where these are good enough: they cost a tenth.
        try:
            s = np.linalg.solve(self.rows @ self.rows.T, -seen)
        except np.linalg.LinAlgError:
            s = np.full(len(seen), np.inf)
        size = np.max(np.abs(self.rows)) * (1 + np.max(np.abs(slope)))
        with np.errstate(invalid="ignore", over="ignore"):
            left = np.max(np.abs(self.rows @ (slope + s @ self.rows)))
        if left <= 1e-12 * size and np.max(np.abs(s)) <= 1e3 * size:
            return s
        return _least_squares(self.rows.T, -slope)

    def projected(self, slope: np.ndarray) -> np.ndarray:
        """The slope without what D sees of it, to rounding of its own size."""
        for _ in range(3):
            seen = np.max(np.abs(self.rows @ slope), initial=0.0)
            if seen <= 1e-15 * np.max(np.abs(slope), initial=0.0):
                break
            slope = slope + self.rows.T @ self.shortest(slope)
        return slope

    def correction(self, gaps: np.ndarray) -> np.ndarray:
        """The shortest move that takes gaps = D x + … to zero."""
        if self.lu is None:
            return _least_squares(self.rows, -gaps)
        size = self.rows.shape[1]
        return self.lu.solve(np.concatenate([np.zeros(size), -gaps]))[:size]


def least_slope(
    rows: Any,
    starts: np.ndarray,
    weights: np.ndarray,
    fixed: np.ndarray,
    free: np.ndarray,
    room: np.ndarray,
) -> LeastSlope:
    """The least-norm element of fixed + Σ_i conv(rows of place i).

    Args:
        rows: a row for each candidate, place after place; dense or CSR.
        starts: where the candidates of each place begin.
        weights: to begin from.
        fixed: what does not tie.
        free: the candidates to hold at first; all with a weight are among them.
        room: below this the rates of two candidates are equal (for each candidate).

    Raises:
        NoEnd: it did not come to rest.
    """
    count = len(weights)
    place = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, count)))
    search = _Search(rows, starts, place, weights, fixed, free)
    one_by_one, barred = False, np.zeros(count, bool)
    length = np.inf
    for _ in range(100 + 10 * count):
        slope, face = search.settle()
        shorter = float(slope @ slope)
        if shorter < length * (1 - 1e-14):
            barred[:] = False
        else:
            if one_by_one:
                barred[search.added] = True
            one_by_one = True
        length = min(length, shorter)
        rates = rows @ slope
        least = np.minimum.reduceat(np.where(search.free, rates, np.inf), starts)[place]
        ahead = np.where(search.free | barred, 0.0, least - room - rates)
        if not np.any(ahead > 0):
            return LeastSlope(search.weights, slope, rates <= least + room, face, *search.pairs)
        search.added = np.array([np.argmax(ahead)]) if one_by_one else np.flatnonzero(ahead > 0)
        search.free[search.added] = True
    raise NoEnd


class _Search:
    """The weights on their way, and which are free."""

    def __init__(self, rows: Any, starts: Any, place: Any, weights: Any, fixed: Any, free: Any):
        self.rows, self.starts, self.place, self.fixed = rows, starts, place, fixed
        self.weights, self.free = weights.copy(), free.copy()
        self.added = np.zeros(0, int)
        self.pairs = self.added, self.added

    def slope(self) -> np.ndarray:
        return self.fixed + self.rows.T @ self.weights

    def settle(self) -> tuple[np.ndarray, Face | None]:
        """Go to the shortest element on the face, or on a smaller one; its slope and the face."""
        while True:
            slope = self.slope()
            held, base = self.pairs = self.held()
            if not len(held):
                return slope, None
            face = Face(self.rows[held] - self.rows[base])
            s = face.shortest(slope)
            step = np.zeros(len(self.weights))
            step[held] = s
            step -= np.bincount(base, s, len(step))
            after = self.weights + step
            low = after < -_NEGATIVE
            if not low.any():
                # Weights cut at zero stay in the face, and their error with them.
                self.weights = np.maximum(after, 0.0)
                return face.projected(self.slope()), face
            reach = np.where(low, self.weights / np.where(low, -step, 1.0), np.inf)
            length = float(np.min(reach))
            blocked = reach <= length * (1 + 1e-12)
            self.weights = np.maximum(self.weights + length * step, 0.0)
            self.weights[blocked] = 0.0
            self.free &= ~blocked

    def held(self) -> tuple[np.ndarray, np.ndarray]:
        """The free candidates but one at each place, and for each of them that one."""
        sizes = np.add.reduceat(self.free.astype(int), self.starts)
        among = np.flatnonzero(self.free & (sizes > 1)[self.place])
        if not len(among):
            return among, among
        # The heaviest of each place is its base.
        order = among[np.lexsort((-self.weights[among], self.place[among]))]
        first = np.append(True, self.place[order[1:]] != self.place[order[:-1]])
        base = order[first][np.cumsum(first) - 1]
        return order[~first], base[~first]


def _factor(rows: Any) -> Any:
    """A factor of [[1, −Dᵀ], [D, ε]]: of the slope and the weights that make it shortest.

    Sparse wherever D is, which DDᵀ need not be. It is put together here column by column, since
    SciPy's block matrices take longer than the factor.
    """
    from scipy.sparse.linalg import splu  # here, since it is slow to import

    count, size = rows.shape
    columns = sp.csc_array(rows)
    shift = _SHIFT * float(np.max(np.abs(rows.data), initial=1e-300)) ** 2
    first, second = np.diff(columns.indptr), np.diff(rows.indptr)
    ends = np.concatenate([[0], np.cumsum(np.concatenate([first, second]) + 1)])
    data, indices = np.empty(ends[-1]), np.empty(ends[-1], np.int32)
    data[ends[:size]], indices[ends[:size]] = 1.0, np.arange(size)
    last = ends[size + 1 :] - 1
    data[last], indices[last] = shift, size + np.arange(count)
    rest = np.ones(ends[-1], bool)
    rest[ends[:size]] = rest[last] = False
    data[rest] = np.concatenate([columns.data, -rows.data])
    indices[rest] = np.concatenate([size + columns.indices, rows.indices])
    matrix = sp.csc_array((data, indices, ends.astype(np.int32)), shape=(size + count,) * 2)
    return splu(matrix)


def _least_squares(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return lstsq(matrix, right, cond=1e-12, lapack_driver="gelsd", check_finite=False)[0]
