"""The velocity of a mode, what it watches, and the multipliers that decide when it is left.

While candidates are held tied the velocity is −P g: g the gradient of any one piece that they mix,
P the projection on the directions in which their keys stay equal. All pieces give the same (Bolte,
Daniilidis, Lewis, Shiota 2007), so that no multiplier is needed to move. Multipliers, the weights
with which the pieces' gradients mix to that velocity, say when a tie is left. The gradient turns
with a weight along the gradient of its key, p_i ∇z_i, so that what is projected out gives them too.
"""

from __future__ import annotations

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.flow._held_rows import held_rows
from steepest.flow._mode import Arguments
from steepest.flow._projection import nearest, projected, tangential
from steepest.flow._scales import Scales
from steepest.pieces._gated import Gated

NOISE = 64 * float(np.finfo(np.float64).eps)
_NEWTON = 8
_GAIN = 0.03
_ACROSS = 1e-3  # a direction at random has less of a gradient once in a thousand times
_TURN = 0.05  # by more than this an error may not turn the direction of a norm


class Held(NamedTuple):
    """What is projected out at a point.

    Attributes:
        rows: unit gradients of the held keys' differences, (pairs, d); 0 for padding.
        lengths: of the gradients.
        gaps: of the held keys, over these lengths.
        slope: the gradient of the mixed piece.
        tangent: its part along the tie.
        forces: the rest of it as Σ forces_i rows_i.
        pivot: the least square of a distance of a row from the span of those before it; 0, but for
            rounding, where the weights of what is held are not determined.
    """

    rows: Any
    lengths: Any
    gaps: Any
    slope: Any
    tangent: Any
    forces: Any
    pivot: Any


class Tied(NamedTuple):
    """What holds a mode at a point, under some weights.

    Attributes:
        turns: p_i times the length of ∇z_i.
        rows: see `Held`.
    """

    turns: Any
    rows: Any


class Multipliers(NamedTuple):
    """See `Fields.multipliers`.

    Attributes:
        weights, misfit: of all candidates, and how far the gradient is from the tie under them.
        lengths, pivot: see `Held`.
        turns, slope, velocity, onto, scale: see `Look`.
    """

    weights: Any
    misfit: Any
    turns: Any
    lengths: Any
    pivot: Any
    slope: Any
    velocity: Any
    onto: Any
    scale: Any


class _Newton(NamedTuple):
    """An iteration for the multipliers: weights, and what was found under them; the slope and
    velocity are those under the mode's own."""

    weights: Any
    misfit: Any
    turns: Any
    held: Held
    slope: Any
    velocity: Any


class Look(NamedTuple):
    """A mode at a point.

    Attributes:
        y, value, keys: the point, and the program there.
        rates: how fast every key grows along the velocity.
        onto: the nearest state, to first order, at which the held keys are equal.
        slope, velocity: the gradient of the mixed piece, and −P slope.
        multipliers: weights of all candidates that mix to the velocity.
        misfit: how far they are from doing so.
        turns: of each held pair, positive where the two sides lead to the tie, negative where they
            lead away.
        lengths, pivot: see `Held`.
        scale: of the gradients of the pieces, which may cancel where they mix.
        watched, watched_rates: what is to stay positive, and how fast it grows.
    """

    y: Any
    value: Any
    keys: Any
    rates: Any
    onto: Any
    slope: Any
    velocity: Any
    multipliers: Any
    misfit: Any
    turns: Any
    lengths: Any
    pivot: Any
    scale: Any
    watched: Any
    watched_rates: Any


class Fields:
    """The functions of (flat state, arguments of a mode), ready to be compiled.

    Args:
        gated: the program.
        scales: of the solve.
    """

    def __init__(self, gated: Gated, scales: Scales):
        self.gated, self.scales = gated, scales
        size = gated.program.point.dimension
        self.directions = np.random.default_rng(0).standard_normal((2, size))
        self.is_gate = np.zeros(gated.size, bool)
        for norm in gated.norms:
            self.is_gate[norm.gates] = True

    def program(self, y: Any, weights: Any) -> tuple[Any, Any, Any]:
        """(value, keys, roots)."""
        return self.gated(self.gated.program.leaves(y), weights)

    def slope(self, y: Any, weights: Any) -> Any:
        return jax.grad(lambda y: self.program(y, weights)[0])(y)

    # ---- what is held

    def held(self, y: Any, mode: Arguments) -> Held:
        slope = self.slope(y, mode.weights)
        rows, lengths, gaps = held_rows(self.gated, y, mode)
        gaps = gaps / jnp.where(lengths > 0, lengths, 1.0)
        return Held(rows, lengths, gaps, slope, *projected(slope, rows, jnp.sum(mode.held)))

    def velocity(self, y: Any, mode: Arguments) -> Any:
        return self.velocity_of(self.slope(y, mode.weights), y, mode)

    def velocity_of(self, slope: Any, y: Any, mode: Arguments) -> Any:
        """The same, given the gradient of the mixed piece."""
        if not len(mode.base):
            return -slope

        def tangent() -> Any:
            rows, *_ = held_rows(self.gated, y, mode)
            return tangential(slope, rows, jnp.sum(mode.held))

        return -lax.cond(mode.held[0], tangent, lambda: slope)

    # ---- what is watched

    def margins(self, keys: Any, roots: Any, mode: Arguments) -> Any:
        """Of each place, how far what is active is ahead of the rest; of each root and norm, how
        far it is from zero."""
        out = []
        for site in self.gated.sites:
            parts = zip(site.parts(keys), site.parts(mode.active), strict=True)
            rows = [
                (
                    jnp.where(active, key, jnp.inf),
                    jnp.where(active, -jnp.inf, key),
                    jnp.where(jnp.isfinite(key), jnp.abs(key), 0.0),
                )
                for key, active in parts
            ]
            taken, others, sizes = zip(*rows, strict=True)
            least = jnp.min(reduce(jnp.minimum, taken), axis=0)
            best = jnp.max(reduce(jnp.maximum, others), axis=0)
            size = jnp.maximum(jnp.max(reduce(jnp.maximum, sizes), initial=0.0), self.scales.start)
            # Within rounding of the numbers that this line works with, or began with, there is no
            # margin to speak of: a tie that was just left must not be met again.
            out.append(jnp.where(jnp.isfinite(best), least - best, 1.0) + NOISE * size + 1e-300)
        for norm in self.gated.norms:
            entries = jnp.reshape(keys[norm.start : norm.gates.start], (norm.candidates, -1))
            is_open = jnp.asarray(mode.active)[norm.gates]
            length = jnp.sqrt(jnp.where(is_open, jnp.sum(entries**2, axis=0), 1.0))
            out.append(jnp.where(is_open, length - self.scales.nearest_root, 1.0))
        out.append(roots - self.scales.nearest_root)
        return jnp.concatenate(out) if out else jnp.ones(1)

    def watched(self, y: Any, mode: Arguments) -> Any:
        """The margins at a state."""
        _, keys, roots = self.program(y, mode.weights)
        return self.margins(keys, roots, mode)

    def turned_norms(self, y: Any, error: Any, mode: Arguments) -> Any:
        """How far an error turns the norms that are not zero, in shares of what it may.

        Near its zero a norm's gradient turns fast. Errors of the tolerance's size keep turning it
        there: the norm would grow by them as fast as the flow lets it fall.
        """
        _, keys, _ = self.program(y, mode.weights)
        _, moved, _ = self.program(y + error, mode.weights)
        found = [jnp.zeros(1)]
        for norm in self.gated.norms:
            table = lambda a, norm=norm: jnp.reshape(
                a[norm.start : norm.gates.start], (norm.candidates, -1)
            )
            length = jnp.linalg.norm(table(keys), axis=0)
            watched = jnp.asarray(mode.active)[norm.gates] & (length > self.scales.nearest_root)
            share = jnp.linalg.norm(table(moved) - table(keys), axis=0)
            found.append(jnp.where(watched, share / jnp.where(watched, _TURN * length, 1.0), 0.0))
        return jnp.nanmax(jnp.concatenate(found))

    # ---- multipliers

    def multipliers(self, y: Any, mode: Arguments) -> Multipliers:
        """Weights under which the mixed gradient is along the tie.

        The gradient is linear in the weights of one choice and multilinear in all: Newton's method
        from the mode's own weights.
        """
        is_gate = jnp.asarray(self.is_gate)[mode.other]

        def goes_on(carry: Any) -> Any:
            i, _, m = carry
            size = jnp.linalg.norm(m.held.slope) + jnp.max(jnp.abs(m.turns), initial=0.0)
            return (i == 0) | ((i <= _NEWTON) & (m.misfit > 1e-12 * size))

        def newton(carry: Any) -> Any:
            i, weights, last = carry
            held = self.held(y, mode._replace(weights=weights))
            misfit = jnp.max(jnp.abs(held.slope - held.tangent), initial=0.0)
            # A chord serves while it brings the misfit down: where one choice feeds another, how
            # the gradient turns with the one depends on the weight of the other.
            turns = lax.cond(
                (i == 0) | (misfit > _GAIN * last.misfit),
                lambda: self.turns(y, weights, mode, held.lengths),
                lambda: last.turns,
            )
            known = mode.held & (jnp.abs(turns) > 1e-12 * jnp.max(jnp.abs(turns), initial=0.0))
            step = jnp.where(known, held.forces / jnp.where(known, turns, 1.0), 0.0)
            step = jnp.where(mode.moves, step[mode.leads], 0.0)
            into = jnp.where(is_gate, 0.0, step)
            after = weights.at[mode.base].add(-step).at[mode.other].add(into)
            slope = jnp.where(i == 0, held.slope, last.slope)
            velocity = jnp.where(i == 0, -held.tangent, last.velocity)
            return i + 1, after, _Newton(weights, misfit, turns, held, slope, velocity)

        weights = jnp.asarray(mode.weights)
        nothing, none = jnp.zeros_like(y), jnp.zeros(len(mode.base))
        rows = jnp.zeros((len(mode.base), y.size))
        held = Held(rows, none, none, nothing, nothing, none, jnp.asarray(1.0))
        blank = _Newton(weights, jnp.asarray(0.0), none, held, nothing, nothing)
        m = lax.while_loop(goes_on, newton, (0, weights, blank))[2]
        lengths = m.held.lengths
        onto = nearest(y, m.held.gaps, m.held.rows, jnp.sum(mode.held))
        scale = jnp.linalg.norm(m.slope) + jnp.max(jnp.abs(m.turns), initial=0.0)
        return Multipliers(
            m.weights, m.misfit, m.turns, lengths, m.held.pivot, m.slope, m.velocity, onto, scale
        )

    def without_multipliers(self, y: Any, mode: Arguments) -> Multipliers:
        """The same where nothing is held."""
        slope, weights = self.slope(y, mode.weights), jnp.asarray(mode.weights)
        zero, one, none = jnp.asarray(0.0), jnp.asarray(1.0), jnp.zeros(len(mode.base))
        scale = jnp.linalg.norm(slope)
        return Multipliers(weights, zero, none, none, one, slope, -slope, y, scale)

    def turns(self, y: Any, weights: Any, mode: Arguments, lengths: Any) -> Any:
        """For each held pair, and what goes with it, p_i times the length of ∇z_i.

        The derivative of the gradient in a weight is −p_i ∇z_i; its component and that of ∇z_i in
        a direction at random give p_i, or in the better of two, where the first is across ∇z_i.
        """
        value_and_keys = lambda y, weights: self.program(y, weights)[:2]
        in_weights = jax.grad(value_and_keys, argnums=1, has_aux=True)
        is_gate = jnp.asarray(self.is_gate)[mode.other]
        directions = jnp.asarray(self.directions)

        def along(u: Any) -> tuple[Any, Any]:
            turned, moved = jax.jvp(lambda y: in_weights(y, weights), (y,), (u,))[1]
            at_other = jnp.where(is_gate, 0.0, turned[mode.other])
            return turned[mode.base] - at_other, moved[mode.base] - moved[mode.other]

        def goes_on(carry: Any) -> Any:
            i, _, moved = carry
            across = mode.held & (jnp.abs(moved) < _ACROSS * lengths)
            return (i == 0) | ((i < len(directions)) & jnp.any(across))

        def try_next(carry: Any) -> Any:
            i, turned, moved = carry
            found = along(directions[i])
            better = jnp.abs(found[1]) > jnp.abs(moved)
            return i + 1, *jax.tree.map(partial(jnp.where, better), found, (turned, moved))

        none = jnp.zeros(len(mode.base))
        _, turned, moved = lax.while_loop(goes_on, try_next, (0, none, none))
        # What goes with a pair turns the gradient with it.
        turned = jnp.zeros_like(turned).at[mode.leads].add(jnp.where(mode.moves, turned, 0.0))
        ratio = turned / jnp.where(moved != 0, moved, 1.0)
        return jnp.where(mode.held & (moved != 0), ratio * lengths, 0.0)

    # ---- all at once

    def look(self, y: Any, mode: Arguments) -> Look:
        def watched(y: Any) -> tuple[Any, Any, Any]:
            value, keys, roots = self.program(y, mode.weights)
            return self.margins(keys, roots, mode), keys, value

        if len(mode.base):
            m = lax.cond(
                mode.held[0],
                lambda: self.multipliers(y, mode),
                lambda: self.without_multipliers(y, mode),
            )
        else:
            m = self.without_multipliers(y, mode)
        found, rates = jax.jvp(watched, (y,), (m.velocity,))
        (margins, keys, value), (watched_rates, key_rates, _) = found, rates
        return Look(
            y=y,
            value=value,
            keys=keys,
            rates=key_rates,
            onto=m.onto,
            slope=m.slope,
            velocity=m.velocity,
            multipliers=m.weights,
            misfit=m.misfit,
            turns=m.turns,
            lengths=m.lengths,
            pivot=m.pivot,
            scale=m.scale,
            watched=margins,
            watched_rates=watched_rates,
        )

    def tied(self, y: Any, mode: Arguments) -> Tied:
        """Under the mode's own weights."""
        rows, lengths, _ = held_rows(self.gated, y, mode)
        return Tied(self.turns(y, jnp.asarray(mode.weights), mode, lengths), rows)

    def turn(self, y: Any, weights: Any, step: Any, along: Any) -> Any:
        """(how the mixed gradient changes with the weights along `step`, the gradient of the keys'
        combination `along`)."""
        _, turned = jax.jvp(lambda w: self.slope(y, w), (weights,), (step,))
        (pulled,) = jax.vjp(lambda y: self.program(y, weights)[1], y)[1](along)
        return turned, pulled
