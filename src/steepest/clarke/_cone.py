"""Is there a direction in which all margins grow? And if not, why not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.convex._programs import nnls

_OPEN = 1e-9  # relative to the rows' lengths: this much room is no rounding
_SHUT = 1e-13


@dataclass
class Answer:
    """`direction` with J d > 0; or `weights` λ ≥ 0, λ ≠ 0, with λᵀJ = 0; or neither: undecided."""

    direction: np.ndarray | None = None
    weights: np.ndarray | None = None


def open_cone(J: np.ndarray) -> Answer:
    """Decide {d : J d > 0} ≠ ∅ for J of shape (m, r), by Gordan's alternative.

    One non-negative least squares, min |λᵀJ|² + (1 − Σλ)² over λ ≥ 0 with the rows of J scaled to
    length one, answers both ways: its residual is the witness where there is one.
    """
    m = len(J)
    if m == 0:
        return Answer(direction=np.zeros(J.shape[1]))
    length = np.sqrt(np.einsum("ij,ij->i", J, J))
    if length.min() == 0:
        weights = np.zeros(m)
        weights[np.argmin(length)] = 1.0
        return Answer(weights=weights)
    unit = J / length[:, None]
    system = np.concatenate([unit.T, np.ones((1, m))])
    target = np.zeros(J.shape[1] + 1)
    target[-1] = 1.0
    weights, _ = nnls(system, target, maxiter=50 * m + 100)
    direction = unit.T @ weights
    size = math.sqrt(direction @ direction)
    if size > 0:
        direction = direction / size
        if (unit @ direction).min() > _OPEN:
            return Answer(direction=direction)
    total = float(weights.sum())
    if total > 0.5 and size <= _SHUT * total:
        return Answer(weights=weights / length / total)
    return Answer()
