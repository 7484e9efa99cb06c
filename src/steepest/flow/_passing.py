"""Crossings that are lost in the error of a step: it is gone on beyond them, without an event.

All that a step meets are passed together. Where they are more than it may lose, a shorter step may
lose some of them; where that is no gain, the first one is located.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.flow._crossing import ROUNDING, Crossings
from steepest.flow._field import Look
from steepest.flow._mode import Arguments
from steepest.flow._standing import Limits, Step

_GROUP = 3  # crossings: a step is not made shorter to pass fewer together
_SHORTER = 0.9  # of what a step may lose, a shorter one is to lose
_HALF = 0.5  # of the rest, where it is not known what is lost
_LONGER = 2.0  # times as long as the last one may a step beyond crossings be
_MOST_SHORTER = 4  # steps in a row: what is met at one instant is not parted by shorter ones


class End(NamedTuple):
    """What is done at the end of a step beyond crossings.

    Attributes:
        lost: whether it is gone on from there.
        shorter: whether a shorter step is taken in its place; if neither, what is met is located.
        next_t: where the next step is to end, if one of them.
    """

    lost: Any
    shorter: Any
    next_t: Any


class Passing:
    """See the module.

    Args:
        crossings: of the solve.
    """

    def __init__(self, crossings: Crossings):
        self.crossings, self.table = crossings, crossings.table
        self.fields, self.gated, self.scales = crossings.fields, crossings.gated, crossings.scales
        self._places = np.zeros(self.gated.size, int)  # which of all places a candidate is at
        for site in self.gated.sites:
            mine = site.start + np.arange(site.size)
            self._places[mine] = site.start + np.arange(site.size) % site.places + 1

    def beyond(self, states: Any, mode: Arguments) -> tuple[Arguments, Any]:
        """(the mode in which every candidate is taken that is ahead at the last of these states,
        how many are ahead at any).

        The mode itself, if another one was ahead at a state before, or is held with others.

        Args:
            states: in a step, (states, d).
            mode: that the step was taken in.
        """
        if not self.gated.sites:
            return mode, jnp.asarray(0)

        def ahead(y: Any) -> Any:
            keys, found = self.fields.program(y, mode.weights)[1], []
            for site in self.gated.sites:
                key, taken = self.table(keys, site), self.table(mode.active, site)
                least = jnp.min(jnp.where(taken, key, jnp.inf), axis=0)
                first = jnp.arange(site.candidates)[:, None] == jnp.argmax(key, axis=0)
                # What is held ties up to the errors of the steps: it is ahead of nothing.
                found.append(jnp.reshape(first & ~taken & (key > least), -1))
            found += [jnp.zeros(norm.size, bool) for norm in self.gated.norms]
            return jnp.concatenate(found)

        met = lax.map(ahead, states)
        here, ever = met[-1], jnp.any(met, axis=0)
        weights, active = jnp.asarray(mode.weights), jnp.asarray(mode.active)
        left, alone = jnp.zeros_like(active), jnp.asarray(True)
        for site in self.gated.sites:
            mine = slice(site.start, site.start + site.size)
            taken, crosses = self.table(active, site), jnp.any(self.table(here, site), axis=0)
            alone &= jnp.all(~crosses | (jnp.sum(taken, axis=0) == 1))
            left = left.at[mine].set(jnp.reshape(taken & crosses, -1))
        sound = alone & ~jnp.any(ever & ~here)
        pick = lambda new, old: jnp.where(sound, new, old)
        mode = mode._replace(
            weights=pick(jnp.where(here, 1.0, jnp.where(left, 0.0, weights)), weights),
            active=pick(here | (active & ~left), active),
        )
        return mode, jnp.sum(ever)

    def turned(self, before: Arguments, after: Arguments) -> Any:
        """Of each place that chooses, whether it does so otherwise after than before."""
        new = jnp.asarray(after.active) & ~jnp.asarray(before.active)
        found = [jnp.any(self.table(new, site), axis=0) for site in self.gated.sites]
        return jnp.concatenate(found) if found else jnp.zeros(0, bool)

    def loss(
        self, s: Step, before: Arguments, after: Arguments, until: Any
    ) -> tuple[Arguments, Any, Any]:
        """(the mode after with its multipliers as weights; by how much the end of a step is off if
        the way there is taken in the mode before, in shares of what it may be; how many gradients
        that took). Infinite where the step does not end in the mode after, or by the time that is
        asked for; beyond 1 it is at least so much.

        Args:
            s: with the step, and the look at its end in the mode after.
            before, after: see `beyond`.
            until: the time that is asked for next, at which the mode before is needed.
        """
        if not self.gated.sites:
            return after, jnp.asarray(jnp.inf), jnp.asarray(0)
        y, look, rest = s.y, s.look, s.t - s.low
        active, was = jnp.asarray(after.active), jnp.asarray(before.active)
        turned, goes_on = active & ~was, jnp.asarray(True)
        # What comes back when its turn is made slides: that is to be met.
        gains = jnp.where(turned, look.rates, 0.0) - jnp.where(was & ~active, look.rates, 0.0)
        for site in self.gated.sites:
            crosses = jnp.any(self.table(turned, site), axis=0)
            goes_on &= jnp.all(~crosses | (jnp.sum(self.table(gains, site), axis=0) > 0))
        sound = (
            (s.t <= until)
            & jnp.any(turned)
            & goes_on
            & jnp.all(look.watched >= 0)
            & self.crossings.no_root(look)
        )
        share = rest / self.scales.share(y)
        off = rest * jnp.linalg.norm(look.velocity)
        turn, spent = lax.cond(
            sound,
            lambda: self.turn(look, before, after, off, 1 / share),
            lambda: (jnp.asarray(jnp.inf), jnp.asarray(0)),
        )
        return self.crossings.with_weights(look.multipliers, after), turn * share, spent

    def turn(
        self, look: Look, before: Arguments, after: Arguments, off: Any, most: Any
    ) -> tuple[Any, Any]:
        """(by how much the gradient or the velocity turns in any entry as the choices turn one by
        one from one mode to another, in the order of their numbers and against it; how many
        gradients that took). The velocity alone turns where a choice makes another surface of a
        tie that nothing pushes against.

        Infinite where f is not continuous in this: one of two may take back what the other does.

        Args:
            look: beyond the crossings, by a distance of `off` at most, in the mode after.
            most: beyond this, it is at least what is given.
        """
        y = look.y
        places = jnp.asarray(self._places)
        turned = jnp.asarray(after.active) & ~jnp.asarray(before.active)
        numbers, weights = jnp.arange(1, turned.size + 1), jnp.asarray(before.weights)
        value_and_slope = jax.value_and_grad(lambda y, w: self.fields.program(y, w)[0])

        def at(weights: Any) -> tuple[Any, Any, Any]:
            value, slope = value_and_slope(y, weights)
            mode = before._replace(weights=weights)
            return value, slope, self.fields.velocity_of(slope, y, mode)

        value, *moves = at(weights)

        def change(*turned_to: Any) -> Any:
            gaps = [jnp.abs(a - b) for a, b in zip(turned_to, moves, strict=True)]
            return jnp.max(jnp.concatenate(gaps), initial=0.0)

        def one(carry: Any) -> Any:
            sign, left, weights, last, at_last, found, spent = carry
            k = jnp.argmax(jnp.where(left, sign * numbers, -turned.size - 1))
            weights = jnp.where(places == places[k], after.weights, weights)
            value, turned_to, velocity = at(weights)
            # The two pieces part by no more than the jump lets them: f is continuous.
            parted = 4 * off * jnp.linalg.norm(turned_to - at_last)
            rounding = ROUNDING * (jnp.abs(last) + jnp.abs(value))
            sound = jnp.isfinite(value) & (jnp.abs(value - last) <= parted + rounding)
            found = jnp.where(sound, jnp.maximum(found, change(turned_to, velocity)), jnp.inf)
            return sign, left.at[k].set(False), weights, value, turned_to, found, spent + 1

        def way(sign: Any, found: Any, spent: Any) -> Any:
            begin = jnp.asarray(sign), turned, weights, value, moves[0], found, spent
            goes_on = lambda c: jnp.any(c[1]) & (c[-2] <= most)
            return lax.while_loop(goes_on, one, begin)[-2:]

        found, spent = way(1, change(look.slope, look.velocity), jnp.asarray(1))
        # One alone turns in one order only.
        again = jnp.sum(turned) > 1
        return lax.cond(again, lambda: way(-1, found, spent), lambda: (found, spent))

    def end(self, s: Step, loss: Any, count: Any, limits: Limits) -> End:
        """What is done where a step ended.

        Args:
            s: with the step.
            loss: see `loss`.
            count: of the crossings in it.
            limits: of the loop.
        """
        rest = s.t - s.low
        lost = loss <= 1
        # Twice the rest is beyond twice as many crossings, which it is off by for twice as long.
        share = jnp.sqrt(_SHORTER / jnp.maximum(loss, 1e-6))
        share = jnp.where(jnp.isfinite(loss), share, _HALF)
        sooner = jnp.minimum(s.low + jnp.minimum(share, _SHORTER) * rest, limits.until)
        shorter = ~lost & (count * (sooner - s.low) >= _GROUP * rest)
        shorter &= s.tries.shorter < _MOST_SHORTER
        later = jnp.minimum(s.next_t, s.t + jnp.minimum(share, _LONGER) * (s.t - s.begin))
        return End(lost, shorter, jnp.where(lost, later, jnp.where(shorter, sooner, s.next_t)))
