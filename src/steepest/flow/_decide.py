"""Which mode a flow goes on in, at a point where choices tie.

A mode is consistent when it stays what it is for a while: every candidate that ties and is not
active falls behind, and the multipliers of what is held are weights. One is searched for from the
mode at hand, crossing before holding; at the start it is that of the least-norm element.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import lsq_linear, minimize

from steepest.flow._field import Look
from steepest.flow._mode import Mode

_MOST_MIXED = 6
_MOST_TRIED = 300
_WEIGHT = 1e-9  # multipliers below this are 0
_NEUTRAL = 1e-9  # a change of the gradient below this share is none


class Decider:
    """At one state.

    Args:
        compiled: the functions of `Fields`, compiled, by name.
        y: the state, flat.
        tied: candidates that tie with what is active at their place, or are held there.
    """

    def __init__(self, compiled: Any, y: np.ndarray, room: Any):
        self.compiled, self.y, self.room = compiled, y, room

    def look(self, mode: Mode) -> Look:
        return Look(*map(np.asarray, self.compiled.look(self.y, mode.arguments())))

    def rates(self, mode: Mode, velocity: np.ndarray) -> np.ndarray:
        return np.asarray(self.compiled.key_rates(self.y, mode.weights, velocity))

    def jump(self, mode: Mode, winner: int, other: int) -> np.ndarray:
        """The change of the gradient as `other` takes the place of `winner`."""
        step = np.zeros_like(mode.weights)
        step[winner], step[other] = -1.0, 1.0
        return np.asarray(self.compiled.jump(self.y, mode.weights, step))

    def ties(self, mode: Mode, keys: np.ndarray) -> list[tuple[int, int]]:
        """(an active candidate, one that ties with it and is not active)."""
        found = []
        for site in mode.gated.sites:
            key, active = mode.table(keys, site), mode.table(mode.active, site)
            least = np.min(np.where(active, key, np.inf), axis=0)
            base = np.argmax(active, axis=0)
            with np.errstate(invalid="ignore"):
                near = ~active & (least - key <= self.room(np.abs(least) + np.abs(key)))
            for k, place in zip(*np.nonzero(near & np.isfinite(key)), strict=True):
                at = lambda c, place=place, site=site: int(site.start + c * site.places + place)
                found.append((at(base[place]), at(k)))
        return found

    def is_neutral(self, mode: Mode, scale: float, winner: int, other: int) -> bool:
        """Whether the gradient is the same on both sides."""
        turn = np.linalg.norm(self.jump(mode, winner, other))
        return bool(turn <= _NEUTRAL * max(scale, 1e-300))

    def violations(self, mode: Mode) -> tuple[list[int], list[tuple[int, int]]]:
        """What makes the mode inconsistent: candidates that are held by a negative weight, the most
        negative first, and (active, other) where another candidate that ties gets ahead."""
        look = self.look(mode)
        scale = float(look.scale) + 1e-300
        held = sorted({k for pair in mode.pairs for k in pair}, key=lambda k: look.multipliers[k])
        if look.misfit > 1e-7 * scale:
            # What is held does not determine weights that balance it.
            return held[:1], []
        negative = [k for k in held if look.multipliers[k] < -_WEIGHT]
        rates = self.rates(mode, look.velocity)
        ahead = []
        for base, other in self.ties(mode, look.keys):
            room = 1e-9 * self.row_size(mode, base, other) * scale
            if rates[base] - rates[other] < -room and not self.is_neutral(mode, scale, base, other):
                ahead.append((base, other))
        return negative, ahead

    def is_consistent(self, mode: Mode) -> bool:
        negative, ahead = self.violations(mode)
        return not negative and not ahead

    def row_size(self, mode: Mode, base: int, other: int) -> float:
        return float(np.linalg.norm(self.row(mode, base, other)))

    def row(self, mode: Mode, base: int, other: int) -> np.ndarray:
        """∇(key_base − key_other)."""
        along = np.zeros_like(mode.weights)
        along[base], along[other] = 1.0, -1.0
        return np.asarray(self.compiled.pull(self.y, mode.weights, along))

    def next_mode(self, mode: Mode) -> Mode | None:
        """A consistent mode, found from this one by mending what is not: a candidate that gets
        ahead is crossed to, else held; one that is held by a negative weight is let go."""
        stack, seen = [mode], set()
        while stack and len(seen) < _MOST_TRIED:
            tried = stack.pop()
            key = tried.active.tobytes()
            if key in seen:
                continue
            seen.add(key)
            negative, ahead = self.violations(tried)
            if not negative and not ahead:
                return self.centred(tried)
            # The last pushed is tried first.
            for base, other in ahead[:_MOST_MIXED]:
                stack += [tried.sliding(other)]
                if len(tried.members(base)) == 1:
                    stack += [tried.crossed(base, other)]
            if len(ahead) > 1:
                crossing = tried
                for base, other in ahead:
                    if crossing.active[base] and len(crossing.members(base)) == 1:
                        crossing = crossing.crossed(base, other)
                stack.append(crossing)
            for candidate in negative[:_MOST_MIXED][::-1]:
                stack.append(tried.released(candidate))
        return None

    def centred(self, mode: Mode) -> Mode | None:
        """The mode with its multipliers as weights, where they are weights."""
        if not mode.pairs:
            return mode
        look = self.look(mode)
        held = sorted({k for pair in mode.pairs for k in pair})
        if np.min(look.multipliers[held]) < -_WEIGHT:
            return None
        return mode.with_weights(np.where(mode.active, np.clip(look.multipliers, 0, 1), 0.0))

    def least_norm(self, mode: Mode, hits: list[tuple[int, int]]) -> Mode | None:
        """The mode of the least-norm element over everything that ties here."""
        every = mode
        for _, other in {*hits, *self.ties(mode, self.look(mode).keys)}:
            every = every.sliding(other)
        pairs = every.pairs
        weights = every.weights.copy()
        for _ in range(20):  # the gradient is linear in each weight, multilinear in all
            current = every.with_weights(weights)
            slope = np.asarray(self.compiled.slope(self.y, weights))
            moved = np.array([self.jump(current, base, other) for base, other in pairs])
            step = _least_squares(slope, moved, weights, pairs)
            after = weights.copy()
            for (base, other), d in zip(pairs, step, strict=True):
                after[base] -= d
                after[other] += d
            change = np.max(np.abs(after - weights), initial=0.0)
            weights = after
            if change < 1e-13:
                break
        weights = np.where(weights < 1e-8, 0.0, weights)
        active = every.active & (weights > 0)
        found = self.centred(Mode(mode.gated, weights, active))
        return found if found is not None and self.is_consistent(found) else None


def _least_squares(
    slope: np.ndarray, moved: np.ndarray, weights: np.ndarray, pairs: list[tuple[int, int]]
) -> np.ndarray:
    """d minimizing ‖slope + Σ d_i moved_i‖ with weights that stay weights."""
    others = np.array([weights[other] for _, other in pairs])
    bases = [base for base, _ in pairs]
    if len(set(bases)) == len(bases):  # two candidates each: bounds alone
        bounds = (-others, np.array([weights[base] for base in bases]))
        upper = np.maximum(bounds[1], bounds[0] + 1e-15)
        return lsq_linear(moved.T, -slope, bounds=(bounds[0], upper), method="bvls").x
    sums = np.array([[float(b == base) for b in bases] for base in dict.fromkeys(bases)])
    most = np.array([weights[base] for base in dict.fromkeys(bases)])
    value = lambda d: 0.5 * float(np.sum((slope + d @ moved) ** 2))
    gradient = lambda d: moved @ (slope + d @ moved)
    found = minimize(
        value,
        np.zeros(len(pairs)),
        jac=gradient,
        method="SLSQP",
        bounds=[(-o, None) for o in others],
        constraints={"type": "ineq", "fun": lambda d: most - sums @ d, "jac": lambda d: -sums},
        options={"ftol": 1e-16, "maxiter": 500},
    )
    return found.x
