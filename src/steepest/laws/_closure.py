"""The dimension of the Lie algebra that fields generate, at a point, from below.

V₁ is the span of the fields, V_k+1 that of V_k and its brackets with them. Brackets of random
fields at a generic point leave a span, or not, as all brackets there do; once those of one depth
stay inside, all deeper ones do, and the algebra is what was reached (Jacobi's identity).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from steepest.laws._fields import Fields
from steepest.laws._rank import Rank, rank

_TESTED = 8  # brackets, to see whether any leaves the span
_DEEPEST, _DEEPEST_OF_MANY, _MANY = 5, 3, 100  # deep brackets take long
_MOST = 40_000_000  # numbers in all fields that are looked at
_QUIET = 10_000  # fields that add nothing, after which no more are sought
_OUTSIDE = 1e-7  # of a field's size, that is no rounding


class Reached(NamedTuple):
    """The rank is at least `least`; `closed` says that nothing is missing."""

    least: int
    closed: bool


def closure(
    fields: Fields, point: np.ndarray, wanted: Callable[[], int], *, branches: bool
) -> Iterator[Reached]:
    """What is reached at the point (D,), depth after depth; the last one may be closed.

    Args:
        wanted: a rank beyond which nothing can be, as far as is known by now.
        branches: whether fields come from regions of inputs, of which some may be small.
    """
    d = len(point)
    # Of tokens, too few pairs are met to say that all brackets stay inside.
    enough = fields.model.draws_all
    sought = branches and fields.model.draws_all
    rows, found = _span(fields, point, wanted(), _QUIET if sought else fields.model.enough)
    yield Reached(found.least, found.least == d)
    for depth in range(2, (_DEEPEST_OF_MANY if branches or d > _MANY else _DEEPEST) + 1):
        if found.least == d:
            return
        more = _finite(fields, point, _TESTED, depth)
        enough &= len(more) >= _TESTED // 2
        before, rows = found, np.concatenate([rows, more])
        found = rank(rows)
        if found.least > before.least or not found.clear:
            rows = np.concatenate([rows, _finite(fields, point, d - before.least + 8, depth)])
            found = rank(rows)
            rows = _condensed(rows)
        stays = found.clear and before.clear and found.least == before.least
        closed = enough and (stays or found.least == d)
        yield Reached(found.least, closed)
        if closed:
            return


def _span(fields: Fields, point: np.ndarray, wanted: int, quiet: int) -> tuple[np.ndarray, Rank]:
    """Fields that span V₁ with their rank: until so many more add nothing.

    What is in the span already is told by projecting on it; the rank is found at the end, once.
    """
    d = len(point)
    rows = _finite(fields, point, 2 * d + 8, 1)
    size = np.sqrt(np.mean(rows**2, 0)) if len(rows) else np.ones(d)
    scale = np.maximum(size, max(1e-3 * size.max(), 1e-300))
    basis = _orthonormal(rows / scale, _OUTSIDE)
    count = max(d, min(quiet, 2000))
    seen, silent, most = len(rows), 0, min(_MOST // d, 20 * max(quiet, d))
    while len(basis) < min(wanted, d) and silent < quiet and seen < most:
        more = _finite(fields, point, count, 1)
        seen, silent = seen + count, silent + len(more)
        left = more / scale
        for _ in range(2):  # once more, against rounding
            left = left - (left @ basis.T) @ basis
        outside = np.linalg.norm(left, axis=1) > _OUTSIDE * np.linalg.norm(more / scale, axis=1)
        fresh = _orthonormal(left[outside], _OUTSIDE)
        if len(fresh):
            basis, silent = np.concatenate([basis, fresh]), 0
            rows = np.concatenate([rows, more[outside]])
    rows = _condensed(rows)
    found = rank(rows)
    ended = len(basis) >= min(wanted, d) or silent >= quiet
    return rows, found if ended else Rank(found.least, False)


def _orthonormal(rows: np.ndarray, least: float) -> np.ndarray:
    """An orthonormal basis of what the rows clearly span."""
    if not len(rows):
        return rows
    _, values, vectors = np.linalg.svd(_condensed(rows), full_matrices=False)
    return vectors[values > max(least * values[0], 1e-300)]


def _finite(fields: Fields, point: np.ndarray, count: int, depth: int) -> np.ndarray:
    rows = fields.brackets(np.broadcast_to(point, (count, len(point))), depth)
    return rows[np.isfinite(rows).all(1)]


def _condensed(rows: np.ndarray) -> np.ndarray:
    """Not more than D rows with the same span."""
    return rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"))
