"""Where one of many numbers first turns negative in a stretch of time, within compiled code.

They are looked at at a few times. What dips below zero and comes back between two of these is seen
by the parabola through three of them: where it comes near to zero is looked at again, and so on.
A norm or a root falls to its zero and rises from it on straight lines, and is seen by those. The
earliest such place comes first, and after it what is left, up to where something turned negative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

_POINTS = 6  # of each stretch, its ends among them
_MOST_STRETCHES = 30
_NEAR = 0.1  # of a second difference: what a parabola through three values may miss
_FLAT = 0.1  # of the change of slope: what the lines on both sides of a dip may miss
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
        until: what is to be looked at in the end.
        first: what was found so far.
        goes_on: whether to look at all.
        count: how many stretches were before.
    """

    begin: Any
    end: Any
    until: Any
    first: First
    goes_on: Any
    count: Any

    @classmethod
    def of(cls, begin: Any, end: Any) -> Stretch:
        """The first one. What is negative at its begin is not told."""
        one, zero = 1.0 + 0.0 * begin, jnp.asarray(0)
        first = First(jnp.asarray(False), begin, end, one, one)
        return cls(begin, end, end, first, jnp.asarray(True), zero)

    def time(self, k: Any, last: Any) -> Any:
        """The k-th of the times at equal distances, up to the last."""
        return self.begin + k / last * (self.end - self.begin)

    def looked_at(self, found: Any, last: Any, smooth: int | None = None) -> Stretch:
        """What to look at next.

        Args:
            found: numbers at these times, (times, numbers).
            last: those after this one are no times.
            smooth: how many of the numbers, the first ones, are smooth; all by default.
        """
        least, places = jnp.min(found, axis=1, initial=jnp.inf), jnp.arange(len(found))
        negative = (least < 0) & (places > 0) & (places <= last)
        met, after = jnp.any(negative), jnp.argmax(negative)
        k = jnp.maximum(after - 1, 0)
        here = First(met, self.time(k, last), self.time(after, last), least[k], least[after])
        first = jax.tree.map(lambda a, b: jnp.where(met, a, b), here, self.first)
        bound = jnp.where(met, after, last)
        dips, are_near = _parabolas(found, last)
        if smooth is not None:
            lines, are_lines = _lines(found[:, smooth:], last)
            dips, are_near = jnp.append(dips, lines), jnp.append(are_near, are_lines)
        place, is_near = _earliest(dips, are_near, bound)
        # Around it; not from beyond the time before what was met, where that is negative already.
        low = jnp.clip(place - _AROUND, 0.0, jnp.where(met, k, last - _AROUND))
        high = jnp.clip(place + _AROUND, low + _AROUND, bound)
        until = jnp.where(met, first.high, self.until)
        begin = jnp.where(is_near, self.time(low, last), self.end)
        end = jnp.where(is_near, self.time(high, last), until)
        goes_on = (begin < end) & (self.count < _MOST_STRETCHES)
        return Stretch(begin, end, until, first, goes_on, self.count + 1)


def first_negative(values: Callable[[Any], Any], begin: Any, end: Any, smooth: int) -> First:
    """See the module.

    Args:
        values: of a time, (numbers,).
        begin, end: of the stretch. What is negative at its begin is not told.
        smooth: how many of the numbers, the first ones, are smooth; the others are norms and roots.
    """
    last = _POINTS - 1

    def look(s: Stretch) -> Stretch:
        found = lax.map(values, s.time(jnp.arange(_POINTS), last))
        return s.looked_at(found, last, smooth)

    return lax.while_loop(lambda s: s.goes_on, look, Stretch.of(begin, end)).first


def _earliest(places: Any, are_near: Any, bound: Any) -> tuple[Any, Any]:
    """(the earliest place of some dips that are near and before a bound, whether there is one)."""
    counts = are_near & (places < bound)
    return jnp.min(jnp.where(counts, places, bound), initial=jnp.inf), jnp.any(counts)


def _parabolas(found: Any, last: Any) -> tuple[Any, Any]:
    """(the places at which numbers come nearest to zero between three of them, by the parabola
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
    return (middles + lowest).ravel(), dips.ravel()


def _lines(found: Any, last: Any) -> tuple[Any, Any]:
    """The same between two of them, by the lines through the two before and the two after.

    At an end, where one line is not known, it is the steepest of all.
    """
    steepest = jnp.max(jnp.abs(jnp.diff(found, axis=0)), axis=0, keepdims=True)
    found = jnp.concatenate([found[:1] + steepest, found, found[-1:] + steepest])
    fall, rise = found[1:-2] - found[:-3], found[3:] - found[2:-1]
    turn = rise - fall
    share = (found[1:-2] - found[2:-1] + rise) / jnp.where(turn > 0, turn, 1.0)
    dips = (fall < 0) & (rise > 0) & (jnp.abs(share - 0.5) <= 0.5 + _AROUND)
    share = jnp.clip(share, 0.0, 1.0)
    least = found[1:-2] + share * fall
    places = jnp.arange(len(share))[:, None]
    dips &= (least < _FLAT * turn) & (places < last)
    return (places + share).ravel(), dips.ravel()
