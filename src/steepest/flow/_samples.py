"""Multipliers at a few times of a step, looked at one after another."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from steepest.flow._dips import Stretch

_LOOKS = 3  # in a whole step, its end among them


class Samples(NamedTuple):
    """See the module.

    Attributes:
        stretch: of the step.
        width: of the whole step.
        at: which time of the stretch is looked at next.
        values: what was found, (times, numbers).
        then: what the loop is at after them.
    """

    stretch: Stretch
    width: Any
    at: Any
    values: Any
    then: Any

    @classmethod
    def none(cls, t: Any, values: Any) -> Samples:
        zero = jnp.asarray(0)
        return cls(Stretch.of(t, t), 0.0 * t, zero, jnp.tile(values, (_LOOKS + 1, 1)), zero)

    def last(self) -> Any:
        """The number of looks at the stretch: in its due share of the step, or in one that came
        near to zero in a stretch before, no less than a parabola needs."""
        stretch = self.stretch
        share = (stretch.end - stretch.begin) / jnp.where(self.width > 0, self.width, 1.0)
        due = jnp.clip(jnp.ceil(_LOOKS * share - 1e-6), 1, _LOOKS).astype(int)
        return jnp.where(stretch.count > 0, _LOOKS, due)

    def time(self) -> Any:
        """At which to look next."""
        last = self.last()
        return jnp.where(self.at == last, self.stretch.end, self.stretch.time(self.at, last))

    def looked_at(self, found: Any) -> Samples:
        """With what was found there; `stretch.goes_on` tells whether to look again."""
        last, values = self.last(), self.values.at[self.at].set(found)
        done = self.at == last
        after = self.stretch.looked_at(values, last)
        stretch = jax.tree.map(lambda a, b: jnp.where(done, a, b), after, self.stretch)
        return self._replace(stretch=stretch, at=jnp.where(done, 0, self.at + 1), values=values)
