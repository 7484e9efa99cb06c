"""Crossings that leave nothing to decide, told apart within compiled code.

One candidate of one choice gets ahead, clearly; the program is continuous there; and beyond it the
mode with this candidate is consistent, clearly. All else is for `Meeting`, which sees more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from steepest.flow._field import Fields, Look
from steepest.flow._held_rows import held_rows
from steepest.flow._mode import Arguments
from steepest.pieces._sites import Site

ROUNDING = 1e-11  # of f's value: what its terms may lose where they cancel
LEFT = 1e-9  # a multiplier this far out of its bounds has left
MISFIT = 1e-7  # of the gradients: multipliers that leave less of them balance
_PARTED = 100.0  # times how near keys may be met together: no longer tied
_OFF = 1e-7  # of a step: a crossing is located to the square of this
CLEAR = 1e-6  # a multiplier this far within its bounds is to stay for a while
PARTS = 1e-9  # of the gradients: two sides that turn by less lead nowhere
_TURNED = 1e-9  # unit vectors that turn by less are one
NEAR_ROOT = 0.02  # of the smallest root or norm that is not zero: this far from it, it is not met


class Crossing(NamedTuple):
    """One that is tried.

    Attributes:
        t, y: when and where.
        base, other: the candidate that was taken, and the one that takes its place.
        slope, value, gap: the gradient, the value and how fast `other` gains on `base`, before it.
    """

    t: Any
    y: Any
    base: Any
    other: Any
    slope: Any
    value: Any
    gap: Any


class Crossings:
    """See the module.

    Args:
        fields: of the solve.
    """

    def __init__(self, fields: Fields):
        self.fields, self.scales = fields, fields.scales
        self.gated = fields.gated

    def none(self, y: Any, t: Any) -> Crossing:
        zero = jnp.asarray(0)
        return Crossing(t, y, zero, zero, jnp.zeros_like(y), 0.0 * t, 0.0 * t)

    def tied(self, keys: Any, y: Any, mode: Arguments) -> tuple[Any, Any, Any, Any]:
        """Of each candidate, (whether it is not active and ties but for rounding, the active one at
        its place, whether that is alone, how near keys of its size may be met together)."""
        tied, bases, alone, rooms = (
            jnp.zeros(self.gated.size, t) for t in (bool, int, bool, float)
        )
        state = jnp.max(jnp.abs(y), initial=0.0)
        for site in self.gated.sites:
            mine = slice(site.start, site.start + site.size)
            key, active = self.table(keys, site), self.table(mode.active, site)
            least = jnp.min(jnp.where(active, key, jnp.inf), axis=0)
            size = jnp.abs(least) + jnp.abs(key)
            finite = jnp.where(jnp.isfinite(key), jnp.abs(key), 0.0)
            scale = jnp.maximum(state, jnp.max(finite, initial=0.0))
            near = ~active & jnp.isfinite(key) & (least - key <= self.scales.narrow(size, scale))
            base = site.start + jnp.argmax(active, axis=0) * site.places + jnp.arange(site.places)
            spread = lambda a, key=key: jnp.reshape(jnp.broadcast_to(a, key.shape), -1)
            tied = tied.at[mine].set(spread(near))
            bases = bases.at[mine].set(spread(base))
            alone = alone.at[mine].set(spread(jnp.sum(active, axis=0) == 1))
            rooms = rooms.at[mine].set(spread(self.scales.room(size)))
        return tied, bases, alone, rooms

    def no_root(self, look: Look) -> Any:
        """Whether no norm and no other root is near zero."""
        roots = look.watched[self.gated.places :]
        return jnp.all(roots > NEAR_ROOT * self.scales.nearest_root)

    def before(
        self, look: Look, least: Any, ahead: Any, width: Any, mode: Arguments
    ) -> tuple[Crossing, Any]:
        """(what is to be crossed a short time ahead of a look, whether it is one clear crossing).

        Args:
            look: before it; `Crossing.t` is left 0.
            least: of the bounds there.
            ahead: how long.
            width: of the step in which it was met.
            mode: until then.
        """
        keys, y = look.keys + ahead * look.rates, look.onto + ahead * look.velocity
        if not self.gated.sites:
            return self.none(y, ahead), jnp.asarray(False)
        tied, bases, alone, rooms = self.tied(keys, y, mode)
        other = jnp.argmax(tied)
        base, room = bases[other], rooms[other]
        gap = look.rates[other] - look.rates[base]
        value = look.value + ahead * (look.slope @ look.velocity)
        crossing = Crossing(0.0 * value, y, base, other, look.slope, value, gap)
        clear = (
            (jnp.sum(tied) == 1)
            & alone[other]
            & self.no_root(look)
            & (gap * width > room)
            & (least > -LEFT)
        )
        return crossing, clear

    def crossed(self, crossing: Crossing, mode: Arguments) -> Arguments:
        """The mode beyond."""
        if not self.gated.sites:
            return mode
        base, other = crossing.base, crossing.other
        weights, active = jnp.asarray(mode.weights), jnp.asarray(mode.active)
        weights = weights.at[other].set(weights[base]).at[base].set(0.0)
        return mode._replace(weights=weights, active=active.at[other].set(True).at[base].set(False))

    def beyond(
        self, crossing: Crossing, look: Look, width: Any, mode: Arguments
    ) -> tuple[Arguments, Any, Any]:
        """(the mode beyond with its multipliers as weights, whether the flow clearly goes on into
        it, and whether instead the one that was left clearly gets ahead again).

        Args:
            look: at the mode beyond.
            width: of the step in which it was met.
        """
        if not self.gated.sites:
            no = jnp.asarray(False)
            return mode, no, no
        gap = look.rates[crossing.other] - look.rates[crossing.base]
        keys = jnp.abs(look.keys[crossing.other]) + jnp.abs(look.keys[crossing.base])
        # A continuous f parts from itself, off the tie, by no more than its gradient turns.
        turn = jnp.linalg.norm(look.slope - crossing.slope)
        off = _OFF * width * jnp.linalg.norm(look.velocity) + self.scales.rounding
        rounding = ROUNDING * (jnp.abs(crossing.value) + jnp.abs(look.value))
        parted = jnp.abs(crossing.value - look.value)
        sound = (parted <= turn * off + rounding) & jnp.all(jnp.isfinite(look.velocity))
        clear = sound & (gap * width > self.scales.room(keys))
        returns = sound & (gap * width < -self.scales.room(keys))
        clear &= ~self.turns_ties(crossing, look.y, mode)
        return self.with_weights(look.multipliers, mode), clear, returns

    def turns_ties(self, crossing: Crossing, y: Any, mode: Arguments) -> Any:
        """Whether a crossing turns the gradients of keys that are held: what feeds a tie may be
        held with it, too, which is to be looked at.

        Args:
            mode: beyond it.
        """
        if not len(mode.base):
            return jnp.asarray(False)
        before = self.crossed(crossing._replace(base=crossing.other, other=crossing.base), mode)

        def turn() -> Any:
            rows, after = (held_rows(self.gated, y, m)[0] for m in (before, mode))
            return jnp.max(jnp.abs(after - rows)) > _TURNED

        return lax.cond(mode.held[0], turn, lambda: jnp.asarray(False))

    def is_consistent(self, look: Look, least: Any, mode: Arguments) -> Any:
        """Whether all multipliers are clearly within their bounds, the least of which is given, and
        the state moves; and no tie is held that both sides lead away from: there are other ways on
        then, which is to be told.
        """
        parts = jnp.any(jnp.asarray(mode.held) & (look.turns < -PARTS * look.scale))
        balanced = (least > CLEAR) & self.is_balanced(look)
        moves = jnp.linalg.norm(look.velocity) > 1e-12 * look.scale
        return balanced & ~parts & moves & jnp.all(jnp.isfinite(look.velocity))

    def is_balanced(self, look: Look) -> Any:
        """Whether the multipliers keep what is held tied."""
        return look.misfit <= MISFIT * look.scale

    def table(self, array: Any, site: Site) -> Any:
        """An array over all candidates, those of one site: (m, places)."""
        mine = slice(site.start, site.start + site.size)
        return jnp.reshape(jnp.asarray(array)[mine], (site.candidates, -1))

    def with_weights(self, multipliers: Any, mode: Arguments) -> Arguments:
        """The mode with these multipliers as its weights, if it holds anything."""
        choice = jnp.asarray(self.gated.is_choice)
        weights = jnp.where(choice, jnp.clip(multipliers, 0, 1), multipliers)
        weights = jnp.where(mode.active, weights, 0.0)
        return mode._replace(weights=jnp.where(jnp.any(mode.held), weights, mode.weights))

    def bounds(self, look: Look, mode: Arguments) -> Any:
        """What is to stay positive: of each pair the weights of both, if it is not faint, and
        1 − ‖v‖ of its norm."""
        if not len(mode.base):
            return jnp.ones(1)
        weights = look.multipliers
        held, base, other = map(jnp.asarray, (mode.held, mode.base, mode.other))
        is_choice = jnp.asarray(self.gated.is_choice)
        counts = held & ~self.scales.faint(look.turns)
        each = jnp.where(counts & is_choice[base], weights[base], 1.0)
        both = jnp.where(counts & is_choice[other], weights[other], 1.0)
        squares = jnp.where(held & ~is_choice[other], weights[base] ** 2, 0.0)
        lengths = jnp.sqrt(jnp.zeros(self.gated.size).at[other].add(squares))
        return jnp.concatenate([each, both, 1 - lengths[other]])

    def nearness(self, keys: Any, mode: Arguments) -> Any:
        """What is to stay positive where ties are implied by others: they are to within the errors
        of the steps."""
        if not len(mode.base):
            return jnp.ones(1)
        base, other = keys[jnp.asarray(mode.base)], keys[jnp.asarray(mode.other)]
        off = jnp.abs(base - other) / (_PARTED * self.scales.room(jnp.abs(base) + jnp.abs(other)))
        return jnp.where(mode.implied, 1 - off, 1.0)
