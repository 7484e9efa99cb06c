"""The velocity of a mode, what it watches, and what decides the next mode.

While candidates are held tied the velocity is −P g: g the gradient of any one piece that they mix,
P the projection on the directions in which their keys stay equal. All pieces give the same (Bolte,
Daniilidis, Lewis, Shiota 2007), so that no multiplier is needed to move; multipliers, the weights
with which the pieces' gradients mix to that velocity, only say when a tie is left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.flow._arguments import Request
from steepest.flow._mode import Arguments
from steepest.pieces._gated import Gated

NOISE = 64 * float(np.finfo(np.float64).eps)
_RANK = 1e-10  # eigenvalues of the Gram matrix of unit rows below this are dependence
_NEWTON = 3


class Look(NamedTuple):
    """A mode at a point.

    Attributes:
        value, keys: of the program.
        slope: the gradient of the mixed piece.
        velocity: −P slope.
        rows: gradients of the held keys' differences, (pairs, d).
        multipliers: weights of all candidates that mix to the velocity.
        misfit: how far they are from doing so.
        scale: of the gradients of the pieces, which may cancel where they mix.
        roots: see `Gated.roots`.
    """

    value: Any
    keys: Any
    slope: Any
    velocity: Any
    rows: Any
    multipliers: Any
    misfit: Any
    scale: Any
    roots: Any


class Fields:
    """The functions of (flat state, arguments of a mode), ready to be compiled."""

    def __init__(self, gated: Gated, request: Request, nearest_root: float):
        self.gated, self.request = gated, request
        self.size = float(np.max(np.abs(request.start), initial=0.0))
        self.nearest_root = nearest_root

    def value(self, y: Any, weights: Any) -> tuple[Any, Any]:
        return self.gated(self.request.leaves(y), weights)

    def slope(self, y: Any, weights: Any) -> Any:
        return jax.grad(lambda y: self.value(y, weights)[0])(y)

    def rows(self, y: Any, mode: Arguments) -> Any:
        """∇(key_base − key_other) of each held pair; 0 for padding."""
        _, pull = jax.vjp(lambda y: self.value(y, mode.weights)[1], y)
        n = self.gated.size

        def one(base: Any, other: Any, held: Any) -> Any:
            along = jnp.zeros(n).at[base].add(1.0).at[other].add(-1.0)
            return jnp.where(held, pull(along)[0], 0.0)

        return jax.vmap(one)(mode.base, mode.other, jnp.asarray(mode.held))

    def velocity(self, y: Any, mode: Arguments) -> Any:
        slope = self.slope(y, mode.weights)
        if not len(mode.base):
            return -slope
        return -tangent(slope, self.rows(y, mode))

    def margins(self, keys: Any, mode: Arguments) -> Any:
        """For each place, how far what is active is ahead of the rest."""
        out = []
        for site in self.gated.sites:
            part = lambda a, site=site: jnp.reshape(
                jnp.asarray(a)[site.start : site.start + site.size], (site.candidates, -1)
            )
            key, active = part(keys), part(mode.active)
            least = jnp.min(jnp.where(active, key, jnp.inf), axis=0)
            best = jnp.max(jnp.where(active, -jnp.inf, key), axis=0)
            # Within rounding of the numbers that this line works with, or began with, there is no
            # margin to speak of: a tie that was just left must not be met again.
            size = jnp.maximum(jnp.max(jnp.where(jnp.isfinite(key), jnp.abs(key), 0.0)), self.size)
            out.append(jnp.where(jnp.isfinite(best), least - best, 1.0) + NOISE * size + 1e-300)
        return jnp.concatenate(out) if out else jnp.ones(1)

    def watch(self, y: Any, mode: Arguments) -> Any:
        keys = self.value(y, mode.weights)[1]
        weights = self.multipliers(y, mode)[0] if len(mode.base) else mode.weights
        return self.watched(keys, weights, self.roots(y, mode), mode)

    def roots(self, y: Any, mode: Arguments) -> Any:
        return self.gated.roots(self.request.leaves(y), mode.weights)

    def watched(self, keys: Any, weights: Any, roots: Any, mode: Arguments) -> Any:
        """Margins of what is active, roots, and multipliers of what is held: to stay positive."""
        margins = jnp.concatenate([self.margins(keys, mode), roots - self.nearest_root])
        if not len(mode.base):
            return margins
        held = lambda k: jnp.where(mode.held, jnp.asarray(weights)[k], 1.0) + 1e-12
        return jnp.concatenate([margins, held(mode.base), held(mode.other)])

    def multipliers(self, y: Any, mode: Arguments) -> tuple[Any, Any, Any]:
        """Weights under which the mixed gradient is tangent to the tie, the misfit, and the scale.

        The gradient is linear in the weights of one choice and multilinear in all: Newton's method
        from the mode's own weights, with least squares where keys' gradients depend on each other.
        """
        n = self.gated.size
        held = jnp.asarray(mode.held)

        def along(base: Any, other: Any, is_held: Any) -> Any:
            step = jnp.zeros(n).at[base].add(-1.0).at[other].add(1.0)
            return jnp.where(is_held, step, 0.0)

        directions = jax.vmap(along)(mode.base, mode.other, held)
        slope_of = lambda w: self.slope(y, w)

        def moved_by(weights: Any) -> Any:
            return jax.vmap(lambda d: jax.jvp(slope_of, (weights,), (d,))[1])(directions)

        def newton(_: Any, weights: Any) -> Any:
            unit = unit_rows(self.rows(y, mode._replace(weights=weights)))
            slope = slope_of(weights)
            matrix = unit @ moved_by(weights).T
            right = -unit @ slope
            scale = jnp.maximum(jnp.max(jnp.abs(matrix), initial=0.0), 1e-300)
            change = jnp.linalg.pinv(matrix / scale, rtol=_RANK) @ (right / scale)
            return weights + jnp.where(held, change, 0.0) @ directions

        weights = lax.fori_loop(0, _NEWTON, newton, jnp.asarray(mode.weights))
        unit = unit_rows(self.rows(y, mode._replace(weights=weights)))
        slope = slope_of(weights)
        misfit = jnp.max(jnp.abs(unit @ slope), initial=0.0)
        turns = jnp.max(jnp.linalg.norm(moved_by(weights), axis=1), initial=0.0)
        return weights, misfit, jnp.linalg.norm(slope) + turns

    def look(self, y: Any, mode: Arguments) -> Look:
        value, keys = self.value(y, mode.weights)
        slope = self.slope(y, mode.weights)
        if not len(mode.base):
            rows = jnp.zeros((0, y.size))
            size, roots = jnp.linalg.norm(slope), self.roots(y, mode)
            return Look(value, keys, slope, -slope, rows, mode.weights, 0.0, size, roots)
        rows = self.rows(y, mode)
        weights, misfit, scale = self.multipliers(y, mode)
        velocity, roots = -tangent(slope, rows), self.roots(y, mode)
        return Look(value, keys, slope, velocity, rows, weights, misfit, scale, roots)

    def key_rates(self, y: Any, weights: Any, velocity: Any) -> Any:
        """How fast every key grows along a velocity."""
        return jax.jvp(lambda y: self.value(y, weights)[1], (y,), (velocity,))[1]

    def jump(self, y: Any, weights: Any, step: Any) -> Any:
        """How the mixed gradient changes with the weights along `step`."""
        return jax.jvp(lambda w: self.slope(y, w), (weights,), (step,))[1]

    def onto_ties(self, y: Any, mode: Arguments) -> Any:
        """The nearest state, to first order, at which held keys are equal."""
        rows = self.rows(y, mode)
        keys = self.value(y, mode.weights)[1]
        gaps = jnp.where(mode.held, keys[mode.base] - keys[mode.other], 0.0)
        return y - jnp.linalg.pinv(rows, rtol=_RANK) @ gaps


def unit_rows(rows: Any) -> Any:
    length = jnp.linalg.norm(rows, axis=1, keepdims=True)
    return jnp.where(length > 0, rows / jnp.where(length > 0, length, 1.0), 0.0)


def tangent(slope: Any, rows: Any) -> Any:
    """slope without its part in the span of the rows."""
    unit = unit_rows(rows)
    values, vectors = jnp.linalg.eigh(unit @ unit.T)
    inverse = jnp.where(values > _RANK, 1 / jnp.where(values > _RANK, values, 1.0), 0.0)
    for _ in range(2):  # the second time takes what rounding left
        slope = slope - unit.T @ (vectors @ (inverse * (vectors.T @ (unit @ slope))))
    return slope
