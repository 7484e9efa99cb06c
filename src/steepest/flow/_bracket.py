"""Where a number turns negative, narrowed down within compiled code.

By false position with the Illinois rule (Dowell and Jarratt 1971): the value at an end that stays
is halved. Every third point is the middle, which bounds their number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp


class Bracket(NamedTuple):
    """Positive at one end, negative at the other.

    Attributes:
        low, high: the ends.
        above, below: the values there, or half of them.
        was_late: whether the last point took the place of `high`.
        points: how many points there were.
    """

    low: Any
    high: Any
    above: Any
    below: Any
    was_late: Any
    points: Any

    @classmethod
    def of(cls, low: Any, high: Any, above: Any, below: Any) -> Bracket:
        """At first neither end has stayed: what is halved then is bounded by the middles."""
        return cls(low, high, above, below, jnp.asarray(False), jnp.asarray(0))

    def point(self) -> Any:
        """Where to look next."""
        low, high = self.low, self.high
        t = (low * self.below - high * self.above) / (self.below - self.above)
        between = (self.points % 3 < 2) & (t > low) & (t < high)
        return jnp.where(between, t, 0.5 * (low + high))

    def narrowed(self, t: Any, value: Any) -> Bracket:
        """With the value at a point in between."""
        late = value < 0
        stayed = jnp.where(late, self.was_late, ~self.was_late)
        half = jnp.where(stayed, 0.5, 1.0)
        return Bracket(
            low=jnp.where(late, self.low, t),
            high=jnp.where(late, t, self.high),
            above=jnp.where(late, half * self.above, value),
            below=jnp.where(late, value, half * self.below),
            was_late=late,
            points=self.points + 1,
        )
