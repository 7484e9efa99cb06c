"""When what is watched turns negative in a step, and the states within one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.flow._bracket import Bracket
from steepest.flow._dips import Stretch, first_negative
from steepest.flow._field import Fields
from steepest.flow._standing import Step
from steepest.flow._stepper import Stepper

_INSIDE = 5  # points of a step at which nothing may be ahead that is not at its end
_NARROW = 2.0**-30  # a time is located to this share of where it was found in
_MOST_POINTS = 60


class Watching:
    """See the module.

    Args:
        fields, stepper: of the solve.
    """

    def __init__(self, fields: Fields, stepper: Stepper):
        self.fields, self.stepper = fields, stepper

    def within(self, s: Step, t: Any) -> Any:
        return self.stepper.within(s.begin, s.t, s.dense, t)

    def watched(self, s: Step, needed: Any) -> Step:
        """With when something was met, to the accuracy of the dense output."""
        margins = lambda t: self.fields.watched(self.within(s, t), s.mode)
        smooth = self.fields.gated.places  # choices; norms and roots come after them
        first = lax.cond(
            needed,
            lambda: first_negative(margins, s.begin, s.t, smooth),
            lambda: Stretch.of(s.begin, s.t).first,
        )
        s = s._replace(met=first.met, low=first.low, when=first.high)
        return lax.cond(s.met, lambda: self._narrowed(s, margins), lambda: s)

    def stays(self, s: Step, turned: Any) -> Any:
        """Whether nothing else turns negative in the last step, for a while, than these places."""
        smooth = self.fields.gated.places

        def others(t: Any) -> Any:
            margins = self.fields.watched(self.within(s, t), s.mode)
            return jnp.where(jnp.zeros(margins.size, bool).at[:smooth].set(turned), 1.0, margins)

        return ~first_negative(others, s.begin, s.t, smooth).met

    def states(self, s: Step) -> Any:
        """In the last step, at times of equal distance; the last is the step's own end."""
        times = s.begin + jnp.linspace(0.0, 1.0, _INSIDE + 1)[1:] * (s.t - s.begin)
        return jax.vmap(lambda t: self.within(s, t))(times).at[-1].set(s.y)

    def _narrowed(self, s: Step, margins: Any) -> Step:
        """With the time narrowed down at which what is watched turned negative."""
        width = _NARROW * (s.when - s.low)
        goes_on = lambda b: (b.points < _MOST_POINTS) & (b.high - b.low > width)

        def narrow(b: Bracket) -> Bracket:
            t = b.point()
            return b.narrowed(t, margins(t))

        begin = Bracket.of(s.low, s.when, margins(s.low), margins(s.when))
        found = lax.while_loop(goes_on, narrow, begin)
        return s._replace(low=found.low, when=found.high)
