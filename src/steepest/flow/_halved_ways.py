"""Kinks that a path passes, of programs whose choices cannot be read: by derivatives alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from steepest.flow._jumps import PARTS, Derivatives, arms, at, hairs, sharpest
from steepest.flow._passed_kinks import Passed


class KinksByHalving:
    """Looks for jumps by second differences of a derivative: what is smooth makes them fall with
    the square of the distance, a jump keeps them up.

    Each way is followed to the one place where they stay largest: a jump is not seen beside a
    larger change, which is why `KinksPassed` is asked where it can be.

    Args:
        derivatives: those that are asked.
    """

    def __init__(self, derivatives: Derivatives):
        self._derivatives = derivatives

    def first(self, ways: Float[np.ndarray, "n 4 d"]) -> Passed | None:
        """The first kink that is seen on the ways."""
        with np.errstate(all="ignore"):
            for k, (way, hair) in enumerate(zip(ways, hairs(ways), strict=True)):
                if not hair < 1 / (8 * PARTS) or not np.isfinite(way).all():
                    continue
                for derivative in self._derivatives.each[1:]:
                    share = sharpest(derivative, way, float(hair))
                    jump = self._derivatives.jump(*arms(way, share), float(hair))
                    if jump is not None:
                        words = "no choice or root that can be read tells of it"
                        return Passed(k, share, at(way, share), jump, words)
        return None
