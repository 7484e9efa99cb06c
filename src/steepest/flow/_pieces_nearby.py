"""Whether a mode moves as pieces do that f has nearby.

A program can have pieces that are taken nowhere, or only on a surface: in min(relu(x), x), which is
x, the one on which the relu is zero and is the minimum is the point 0. A flow that holds still in
it, or slides along it, solves nothing: its velocity is none of the gradients nearby, nor between
them. To first order a piece is there if some direction leads to where all that it takes is ahead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import nnls

from steepest.flow._mode import Mode

_MOST = 64  # pieces that are looked at
_OFF = 1e-6  # of the gradients: velocities this near are one; of unit vectors: they balance
_SAME = 1e-7  # of the gradients of what ties: nearer ones are one and the same

# (the change of the gradient, the gradient of key_base − key_other) at a mode, a base and an other
Change = Callable[[Mode, int, int], tuple[np.ndarray, np.ndarray]]


def mixes_pieces_nearby(
    mode: Mode,
    stays: list[tuple[int, int]],
    velocity: np.ndarray,
    change: Change,
    slope: Callable[[Mode], np.ndarray],
) -> bool | None:
    """Whether minus the velocity is a mixture of the gradients of pieces nearby; None where that is
    not known: norms are held, there are many pieces, or none to first order.

    Args:
        mode: what is taken and held.
        stays: (base, other), which tie and stay so, though `other` is not held.
        velocity: the mode's.
        change, slope: of modes at the state.
    """
    mode = mode.explicit()
    places = _places(mode, stays)
    if mode.norms or mode.joined or np.prod([len(c) for c in places], dtype=float) > _MOST:
        return None
    pieces = [_piece(mode, taken, places) for taken in itertools.product(*places)]
    slopes = np.array([slope(piece) for piece in pieces])
    if np.all(np.isfinite(slopes)) and not _mixes(slopes, -velocity):
        return False
    rows = [_rows(piece, places, change) for piece in pieces]
    largest = max(np.linalg.norm(some, axis=1).max(initial=0.0) for some in rows)
    there = [_is_there(some, _SAME * largest) for some in rows]
    return _mixes(slopes[there], -velocity) if any(there) else None


def _places(mode: Mode, stays: list[tuple[int, int]]) -> list[list[int]]:
    """The candidates that tie, of each place at which some do."""
    found: dict[Any, list[int]] = {}
    for base, other in [*mode.pairs, *stays]:
        site, place, _ = mode.place_of(base)
        tied = found.setdefault((site.start, place), mode.members(base))
        tied += [other] if other not in tied else []
    return list(found.values())


def _piece(mode: Mode, taken: tuple[int, ...], places: list[list[int]]) -> Mode:
    weights, active = mode.weights.copy(), mode.active.copy()
    for one, tied in zip(taken, places, strict=True):
        weights[tied], active[tied] = 0.0, False
        weights[one], active[one] = 1.0, True
    return mode.replaced(weights, active)


def _rows(piece: Mode, places: list[list[int]], change: Change) -> np.ndarray:
    """The gradients of how far what is taken is ahead of each that ties with it."""
    ties = [(one, k) for tied in places for one in tied if piece.active[one] for k in tied]
    return np.array([change(piece, *tie)[1] for tie in ties if tie[0] != tie[1]])


def _is_there(rows: np.ndarray, same: float) -> bool:
    """Whether some direction has positive products with all rows that are not zero: there is none
    where a mixture of them is zero (Gordan 1873)."""
    sizes = np.linalg.norm(rows, axis=1)
    rows = rows[sizes > same] / sizes[sizes > same, None]
    return not len(rows) or not _mixes(rows, np.zeros(rows.shape[1]), 1.0)


def _mixes(points: np.ndarray, target: np.ndarray, size: float | None = None) -> bool:
    """Whether the target is a mixture of the points, to a share of their size."""
    size = float(np.max(np.linalg.norm(points, axis=1))) if size is None else size
    if size == 0:
        return not np.any(target)
    system = np.vstack([points.T / size, np.ones(len(points))])
    return bool(nnls(system, np.append(target / size, 1.0))[1] <= _OFF)
