"""Where one of some numbers turns negative, narrowed down within compiled code.

By the method of Oliveira and Takahashi (2020, "An enhancement of the bisection method average
performance preserving minmax optimality"): false position, moved a little to the middle so that the
root comes to lie on the other side, and never so far from the middle that it would take more than a
few points more than halving does. Each number has a false position of its own, and the first of
them counts: the least of all has a kink where it goes from one to another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

_MOVED = 0.02  # of the bracket, for a share of 1 that it is of the first one
_SPARE = 16.0  # how much wider it may be than halving leaves it


class Bracket(NamedTuple):
    """All are positive at one end, and some negative at the other.

    Attributes:
        low, high: the ends.
        above, below: the numbers there: one, or an array of them.
        first: how wide it was at first.
        points: how many points there were.
    """

    low: Any
    high: Any
    above: Any
    below: Any
    first: Any
    points: Any

    @classmethod
    def of(cls, low: Any, high: Any, above: Any, below: Any) -> Bracket:
        return cls(low, high, above, below, high - low, jnp.asarray(0))

    def point(self) -> Any:
        """Where to look next."""
        width, middle = self.high - self.low, 0.5 * (self.low + self.high)
        falls = self.above - self.below
        share = self.above / jnp.where(falls > 0, falls, 1.0)
        t = self.low + width * jnp.min(jnp.where(self.below < 0, share, 1.0), initial=1.0)
        ahead = middle - t
        moved = _MOVED * width**2 / jnp.where(self.first > 0, self.first, 1.0)
        t = t + jnp.sign(ahead) * jnp.minimum(moved, jnp.abs(ahead))
        reach = jnp.maximum(_SPARE / 2 * self.first * 0.5**self.points - width / 2, 0.0)
        t = jnp.clip(t, middle - reach, middle + reach)
        return jnp.where((t > self.low) & (t < self.high), t, middle)

    def narrowed(self, t: Any, numbers: Any) -> Bracket:
        """With the numbers at a point in between."""
        late = jnp.any(numbers < 0)
        return self._replace(
            low=jnp.where(late, self.low, t),
            high=jnp.where(late, t, self.high),
            above=jnp.where(late, self.above, numbers),
            below=jnp.where(late, numbers, self.below),
            points=self.points + 1,
        )
