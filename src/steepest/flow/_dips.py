"""Where one of many numbers first turns negative in a stretch of time, within compiled code.

They are looked at at a few times. What dips below zero and comes back between two of these is seen
by the parabola through three of them: where it comes near to zero is looked at again, and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

_POINTS = 6  # of each stretch, its ends among them
_MOST_STRETCHES = 10
_NEAR = 0.1  # of a second difference: what a parabola through three values may miss
_AROUND = 0.25  # of the distance of two times: as near as a parabola tells where the dip is


class First(NamedTuple):
    """Where the least of the numbers first turned negative.

    Attributes:
        met: whether it did.
        low, high: times before and after.
        above, below: the least of the numbers there.
    """

    met: Any
    low: Any
    high: Any
    above: Any
    below: Any


class Stretch(NamedTuple):
    """Of time, and what is known of the stretches before it.

    Attributes:
        begin, end: where to look.
        first: what was found so far.
        goes_on: whether to look at all.
        count: how many stretches were before.
    """

    begin: Any
    end: Any
    first: First
    goes_on: Any
    count: Any

    @classmethod
    def of(cls, begin: Any, end: Any) -> Stretch:
        """The first one. What is negative at its begin is not told."""
        one, zero = 1.0 + 0.0 * begin, jnp.asarray(0)
        first = First(jnp.asarray(False), begin, end, one, one)
        return cls(begin, end, first, jnp.asarray(True), zero)

    def time(self, k: Any, last: Any) -> Any:
        """The k-th of the times at equal distances, up to the last."""
        return self.begin + k / last * (self.end - self.begin)

    def looked_at(self, found: Any, last: Any) -> Stretch:
        """What to look at next.

        Args:
            found: numbers at these times, (times, numbers).
            last: those after this one are no times.
        """
        least, places = jnp.min(found, axis=1, initial=jnp.inf), jnp.arange(len(found))
        negative = (least < 0) & (places > 0) & (places <= last)
        met, after = jnp.any(negative), jnp.argmax(negative)
        k = jnp.maximum(after - 1, 0)
        here = First(met, self.time(k, last), self.time(after, last), least[k], least[after])
        first = jax.tree.map(lambda a, b: jnp.where(met, a, b), here, self.first)
        place, is_near = _nearest_dip(found, jnp.where(met, k, last))
        goes_on = is_near & (self.count < _MOST_STRETCHES)
        begin = self.time(jnp.maximum(place - _AROUND, 0.0), last)
        end = self.time(jnp.minimum(place + _AROUND, last), last)
        return Stretch(begin, end, first, goes_on, self.count + 1)


def first_negative(values: Callable[[Any], Any], begin: Any, end: Any) -> First:
    """See the module.

    Args:
        values: of a time, (numbers,).
        begin, end: of the stretch. What is negative at its begin is not told.
    """
    last = _POINTS - 1

    def look(s: Stretch) -> Stretch:
        return s.looked_at(lax.map(values, s.time(jnp.arange(_POINTS), last)), last)

    return lax.while_loop(lambda s: s.goes_on, look, Stretch.of(begin, end)).first


def _nearest_dip(found: Any, last: Any) -> tuple[Any, Any]:
    """(the place at which a number comes nearest to zero between three of them, by the parabola
    through these, whether that is near).

    Args:
        found: at equal distances, (times, numbers).
        last: only up to this one.
    """
    before, at, after = found[:-2], found[1:-1], found[2:]
    bend, slope = before - 2 * at + after, (after - before) / 2
    lowest = -slope / jnp.where(bend > 0, bend, 1.0)
    dips = (bend > 0) & (jnp.abs(lowest) < 1 + _AROUND)
    within = jnp.clip(lowest, -1.0, 1.0)
    least = at + within * (slope + within * bend / 2)
    middles = jnp.arange(1, len(found) - 1)[:, None]
    dips &= (least < _NEAR * bend) & (middles < last)
    if not least.size:
        return jnp.asarray(1.0), jnp.asarray(False)
    k = jnp.argmin(jnp.where(dips, least, jnp.inf))
    return (middles + lowest).ravel()[k], jnp.any(dips)
