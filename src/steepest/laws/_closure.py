"""The dimension of the Lie algebra that fields generate, at a point, from below.

V₁ is the span of the fields, V_k+1 that of V_k and its brackets with them. Brackets of random fields
at a generic point leave a span, or not, as all brackets there do; once those of one depth stay
inside, all deeper ones do, and the algebra is what was reached (Jacobi's identity).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from steepest.laws._fields import Fields
from steepest.laws._rank import Rank, rank

_TESTED = 8  # brackets, to see whether any leaves the span
_DEEPEST = 5


class Reached(NamedTuple):
    """The rank is at least `least`; `closed` says that nothing is missing."""

    least: int
    closed: bool


def closure(fields: Fields, point: np.ndarray) -> Iterator[Reached]:
    """What is reached at the point (D,), depth after depth; the last one may be closed."""
    d = len(point)
    # Of tokens, too few pairs are met to say that all brackets stay inside.
    enough = fields.model.draws_all
    rows = np.zeros((0, d))
    found, more = Rank(0, False), d
    while True:
        rows = _condensed(np.concatenate([rows, _finite(fields, point, more, 1)]))
        before, found = found, rank(rows)
        if found.least in (before.least, d):
            break
        more = d - found.least + fields.model.enough
    yield Reached(found.least, found.least == d)
    for depth in range(2, _DEEPEST + 1):
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


def _finite(fields: Fields, point: np.ndarray, count: int, depth: int) -> np.ndarray:
    rows = fields.brackets(np.broadcast_to(point, (count, len(point))), depth)
    return rows[np.isfinite(rows).all(1)]


def _condensed(rows: np.ndarray) -> np.ndarray:
    """Not more than D rows with the same span."""
    return rows if len(rows) <= rows.shape[1] else np.linalg.qr(rows, mode="r")
