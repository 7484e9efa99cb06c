"""Kinks that a path passes, of programs whose choices cannot be read: by derivatives alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float

from steepest.flow._jumps import Derivatives, arms, at, hairs
from steepest.flow._passed_kinks import Passed
from steepest.pieces import Program

_PARTS = 8  # of a way
_FADED = 1e-7  # what has fallen to this share of itself has no jump in it


class KinksByHalving:
    """Looks for jumps by second differences of a derivative: what is smooth makes them fall with
    the square of the distance, a jump keeps them up.

    Each way is followed to the one place where they stay largest: a jump is not seen beside a
    larger change, which is why `KinksPassed` is asked where it can be.

    Args:
        program, order: as for `Derivatives`.
    """

    def __init__(self, program: Program, order: Literal[1, 2] = 1):
        self._derivatives = Derivatives(program, order)

    def first(self, ways: Float[np.ndarray, "n 4 d"]) -> Passed | None:
        """The first kink that is seen on the ways."""
        with np.errstate(all="ignore"):
            for k, (way, hair) in enumerate(zip(ways, hairs(ways), strict=True)):
                if not hair < 1 / (8 * _PARTS) or not np.isfinite(way).all():
                    continue
                for derivative in self._derivatives.each[1:]:
                    share = _followed(derivative, way, float(hair))
                    jump = self._derivatives.jump(*arms(way, share), float(hair))
                    if jump is not None:
                        words = "no choice or root that can be read tells of it"
                        return Passed(k, share, at(way, share), jump, words)
        return None


def _followed(
    derivative: Callable[[np.ndarray], np.ndarray], way: np.ndarray, hair: float
) -> float:
    """Where on a way a derivative's second differences stay largest, as the distance falls."""

    def rows(shares: np.ndarray) -> np.ndarray:
        points = np.array([at(way, float(s)) for s in shares])
        return np.asarray(derivative(points)).reshape(len(points), -1)

    def bends(of: np.ndarray) -> np.ndarray:
        """Of each three in a row: those of a cusp vanish where it stands at some places, not for
        two of them at once."""
        return np.nan_to_num(np.linalg.norm(of[:-2] - 2 * of[1:-1] + of[2:], axis=1))

    shares = np.linspace(0.0, 1.0, 2 * _PARTS + 1)
    known = rows(shares)
    bent = bends(known)
    part = int(np.argmax(bent))
    first = bent[part]
    shares, known = shares[part : part + 3], known[part : part + 3]
    while shares[2] - shares[0] > hair:
        quarters = (shares[:2] + shares[1:]) / 2
        more = rows(quarters)
        finer = np.array([shares[0], quarters[0], shares[1], quarters[1], shares[2]])
        every = np.stack([known[0], more[0], known[1], more[1], known[2]])
        bent = bends(every)
        part = int(np.argmax(bent))
        if not bent[part] > _FADED * first:
            break
        shares, known = finer[part : part + 3], every[part : part + 3]
    return float(shares[1])
