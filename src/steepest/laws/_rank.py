"""Numerical ranks with a clear gap, and null spaces written in small fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

_GAP = 1e6
_ROUNDING = 1e-12  # of the largest singular value: what rounding makes of a zero, at most
_LARGEST_DENOMINATOR = 12


class Rank(NamedTuple):
    """A rank that is at least `least`, and that exactly where `clear`."""

    least: int
    clear: bool


def rank(rows: np.ndarray) -> Rank:
    """The rank of vectors of size about 1, each known to rounding.

    Columns are brought to one size first, within bounds. A singular value counts where it is 10⁸
    times smaller than the largest at most; the rank is clear where the next one is 10⁶ times
    smaller than the last that counts, and no more than rounding makes.
    """
    if not rows.size:
        return Rank(0, True)
    size = np.sqrt(np.mean(rows**2, 0))
    largest = size.max()
    if not largest:
        return Rank(0, True)
    scaled = rows / np.maximum(size, 1e-3 * largest)
    values = np.linalg.svd(scaled, compute_uv=False)
    least = int(np.sum(values > 100 * _GAP * 1e-16 * values[0]))
    if least == rows.shape[1]:
        return Rank(least, True)
    if least == len(values):  # too few rows to see an end
        return Rank(least, False)
    after = values[least]
    clear = after <= _ROUNDING * values[0] and after * _GAP <= values[least - 1]
    return Rank(least, bool(clear))


def null_space(rows: np.ndarray, tolerance: float = 1e-12) -> np.ndarray | None:
    """A basis (k, n) of the vectors that rows (m, n) send to 0; None where that is not clear.

    Args:
        rows: of size about 1, with m ≥ n.
        tolerance: of the largest singular value; _GAP times that is needed of what counts.
    """
    if not rows.shape[1]:
        return np.zeros((0, 0))
    _, values, vectors = np.linalg.svd(rows, full_matrices=len(rows) < rows.shape[1])
    values = np.pad(values, (0, len(vectors) - len(values)))
    largest = max(values[0], 1e-300)
    small = values <= tolerance * largest
    if np.any((values > tolerance * largest) & (values < _GAP * tolerance * largest)):
        return None
    return vectors[small]


def in_fractions(basis: np.ndarray) -> list[dict[int, Fraction]]:
    """A basis of the same space in small whole numbers, as sparse vectors.

    By elimination, each pivot taken as far left as can be. Vectors that are not fractions with
    small denominators are left out.
    """
    reduced = np.array(basis, float)
    pivots = 0
    for column in range(reduced.shape[1]):
        if pivots == len(reduced):
            break
        best = pivots + int(np.argmax(np.abs(reduced[pivots:, column])))
        size = abs(reduced[best, column])
        if size <= 1e-7:
            reduced[pivots:, column] = 0.0
            continue
        reduced[[pivots, best]] = reduced[[best, pivots]]
        reduced[pivots] /= reduced[pivots, column]
        others = np.arange(len(reduced)) != pivots
        reduced[others] -= np.outer(reduced[others, column], reduced[pivots])
        pivots += 1
    found = (_in_fractions(row) for row in reduced[:pivots])
    return [vector for vector in found if vector]


def _in_fractions(row: np.ndarray) -> dict[int, Fraction] | None:
    vector: dict[int, Fraction] = {}
    for i in np.flatnonzero(np.abs(row) > 1e-6):
        fraction = Fraction(float(row[i])).limit_denominator(_LARGEST_DENOMINATOR)
        if abs(float(fraction) - row[i]) > 1e-6:
            return None
        vector[int(i)] = fraction
    return vector


def independent(vectors: np.ndarray, more: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Which of `more`, taken in turn, are clearly not in the span of those before; and a basis.

    Args:
        vectors: (k, n), orthonormal or empty, that are there already.
        more: (m, n).
    """
    basis = np.zeros((len(vectors) + len(more), more.shape[1]))
    basis[: len(vectors)] = vectors
    count, chosen = len(vectors), []
    for i, vector in enumerate(more):
        size = np.linalg.norm(vector)
        if not size or not np.isfinite(size):
            continue
        rest = vector / size
        for _ in range(2):  # once more, against rounding
            rest = rest - basis[:count].T @ (basis[:count] @ rest)
        left = np.linalg.norm(rest)
        if left > 1e-6:
            basis[count] = rest / left
            count += 1
            chosen.append(i)
    return chosen, basis[:count]
