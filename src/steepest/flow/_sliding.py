"""Slides that begin or end with nothing to decide, told apart within compiled code.

A slide begins where one candidate gets ahead and, once it is taken, falls behind: the two are held
tied, with weights clearly within their bounds. It ends where one of two weights, and no other,
comes to zero. All else is for `Meeting`, which sees more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from steepest.flow._crossing import CLEAR, ROUNDING, Crossing, Crossings
from steepest.flow._field import Look
from steepest.flow._mode import Arguments

LET_GO = 1e-6  # a weight this small, when one says that it has left, is let go
_INDEPENDENT = 1e-8  # squares of pivots above this are those of rows that determine their weights
_BEHIND = 1e-9  # of the gradients: rates this near are equal


class Leaving(NamedTuple):
    """The end of a slide that is tried.

    Attributes:
        y: where.
        pair: which of the held pairs is let go.
        out, stays: the candidate that is let go, and the one that stays.
        value: of the program before it.
        room: by how much the rate of `out` may exceed that of `stays`, for rounding.
    """

    y: Any
    pair: Any
    out: Any
    stays: Any
    value: Any
    room: Any


class Slides:
    """See the module.

    Args:
        crossings: of the solve.
    """

    def __init__(self, crossings: Crossings):
        self.crossings = crossings
        self.is_choice = crossings.gated.is_choice

    def none(self, y: Any) -> Leaving:
        zero, nothing = jnp.asarray(0), jnp.asarray(0.0)
        return Leaving(y, zero, zero, zero, nothing, nothing)

    # ---- what begins

    def begun(self, crossing: Crossing, mode: Arguments) -> Arguments:
        """The mode in which both candidates are held."""
        if not len(mode.base):
            return mode
        at, active = jnp.sum(mode.held), jnp.asarray(mode.active)
        put = lambda a, value: jnp.asarray(a).at[at].set(value, mode="drop")
        return mode._replace(
            active=active.at[crossing.other].set(True),
            base=put(mode.base, crossing.base),
            other=put(mode.other, crossing.other),
            held=put(mode.held, True),
            moves=put(mode.moves, True),
        )

    def is_begun(self, look: Look, mode: Arguments) -> tuple[Arguments, Any]:
        """(the mode with its multipliers as weights, whether its ties determine them).

        Args:
            look: at the mode in which both are held.
            mode: that mode.
        """
        clear = look.pivot > _INDEPENDENT
        return self.crossings.with_weights(look.multipliers, mode), clear

    # ---- what ends

    def before(self, look: Look, bounds: Any, mode: Arguments) -> tuple[Leaving, Any]:
        """(what is to be let go at a look, whether that is one clear weight).

        bounds: see `Crossings.bounds`.
        """
        if not len(mode.base):
            return self.none(look.y), jnp.asarray(False)
        is_choice, weights = jnp.asarray(self.is_choice), look.multipliers
        held, base, other = map(jnp.asarray, (mode.held, mode.base, mode.other))
        counts = held & ~self.crossings.scales.faint(look.turns)
        choice = counts & is_choice[base] & is_choice[other]
        base_out, other_out = (choice & (weights[k] <= LET_GO) for k in (base, other))
        pair = jnp.argmax(base_out | other_out)
        out = jnp.where(base_out[pair], base[pair], other[pair])
        stays = jnp.where(base_out[pair], other[pair], base[pair])
        room = _BEHIND * look.lengths[pair] * look.scale
        rest = bounds.at[jnp.stack([pair, pair + len(held)])].set(1.0)
        clear = (
            (jnp.sum(base_out) + jnp.sum(other_out) == 1)
            & (jnp.sum(held & (base == base[pair])) == 1)
            & (look.turns[pair] > 0)
            & (jnp.min(rest) > CLEAR)
            & ~jnp.any(self.crossings.tied(look.keys, look.onto, mode)[0])
            & self.crossings.no_root(look)
            & (look.pivot > _INDEPENDENT)
        )
        return Leaving(look.onto, pair, out, stays, look.value, room), clear

    def ended(self, leaving: Leaving, mode: Arguments) -> Arguments:
        """The mode in which one candidate is let go."""
        count = len(mode.base)
        if not count:
            return mode
        weights, active = jnp.asarray(mode.weights), jnp.asarray(mode.active)
        places = jnp.arange(count)
        kept = jnp.where(places >= leaving.pair, places + 1, places)
        take = lambda a: jnp.take(jnp.asarray(a), kept, mode="clip")
        held = places < jnp.sum(mode.held) - 1
        return mode._replace(
            weights=weights.at[leaving.stays].set(1.0).at[leaving.out].set(0.0),
            active=active.at[leaving.out].set(False),
            base=take(mode.base),
            other=take(mode.other),
            held=held,
            moves=held,
        )

    def is_ended(self, leaving: Leaving, look: Look, mode: Arguments) -> tuple[Arguments, Any]:
        """(the mode with its multipliers as weights, whether what was let go falls behind).

        Args:
            leaving: what was let go.
            look: at the mode without it.
            mode: that mode.
        """
        if not len(mode.base):
            return mode, jnp.asarray(False)
        behind = look.rates[leaving.stays] - look.rates[leaving.out] >= -leaving.room
        rounding = ROUNDING * (jnp.abs(leaving.value) + jnp.abs(look.value))
        continuous = jnp.abs(leaving.value - look.value) <= rounding
        return self.crossings.with_weights(look.multipliers, mode), behind & continuous
