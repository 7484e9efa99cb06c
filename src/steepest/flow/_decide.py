"""Which mode a flow goes on in, at a point where choices tie.

A mode is consistent when it stays what it is for a while: every candidate that ties and is not
active falls behind, the multipliers of what is held are weights, and where choices stay tied it
moves as pieces nearby do. One is searched for from the mode at hand, crossing before holding; at
the start it is that of the least-norm element.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.flow._crossing import MISFIT, PARTS
from steepest.flow._field import Look
from steepest.flow._free_weights import DETERMINED, dependent_pairs, free_weights
from steepest.flow._least_weights import least_squares_weights
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode
from steepest.flow._pieces_nearby import mixes_pieces_nearby
from steepest.flow._soon_ahead import GAIN, soon_ahead

_MOST_MIXED = 6
_MOST_TRIED = 300
_SHARES = (1.0, 0.3, 0.1, 0.03)  # of a step to other weights, that are tried
_WEIGHT = 1e-9  # multipliers below this are 0
_NEAR = 1e-6  # near enough to 0 that others, where there are any, are better
_SAME_WAY = 1e-7  # velocities this near, in shares of the gradients, are one
_ROUNDING = 1e-12  # of a state's size


class Decider:
    """At one state.

    Args:
        machine: the compiled functions.
        y: the state, flat.
        room: how near keys have to be to tie, by their size and the scale of their line and the
            state.
    """

    def __init__(self, machine: Machine, y: np.ndarray, room: Callable[[Any, Any], Any]):
        self.machine, self.y, self.room = machine, y, room
        self.nothing = np.zeros(machine.gated.size)
        self.changes: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        self.slopes: dict[bytes, np.ndarray] = {}

    def look(self, mode: Mode) -> Look:
        return self.machine.look(self.y, mode)

    def slope(self, mode: Mode) -> np.ndarray:
        """The gradient of a piece, where nothing is held."""
        key = mode.weights.tobytes()
        if key not in self.slopes:
            self.slopes[key] = self.look(mode).slope
        return self.slopes[key]

    def slope_across(self, mode: Mode, base: int, other: int) -> np.ndarray:
        """`slope` where `other` is taken in place of `base`, by how it changes: that is known where
        the change is, and takes less than a look."""
        key = mode.crossed(base, other).weights.tobytes()
        if key not in self.slopes:
            self.slopes[key] = self.slope(mode) + self.change(mode, base, other)[0]
        return self.slopes[key]

    def change(self, mode: Mode, base: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """(the change of the gradient as `other` takes the place of `base`, the gradient of
        key_base − key_other)."""
        key = mode.weights.tobytes(), mode.joined, base, other
        if key not in self.changes:
            step, along = self.nothing.copy(), self.nothing.copy()
            mode.shifted(step, base, other, 1.0)
            along[base] += 1.0
            along[other] -= 1.0
            self.changes[key] = self.machine.turn(self.y, mode.weights, step, along)
        return self.changes[key]

    def ties(self, mode: Mode, keys: np.ndarray) -> list[tuple[int, int]]:
        """(an active candidate, one that ties with it and is not active)."""
        found, state = [], float(np.max(np.abs(self.y), initial=0.0))
        for site in mode.gated.sites:
            key, active = mode.table(keys, site), mode.table(mode.active, site)
            least = np.min(np.where(active, key, np.inf), axis=0)
            largest = float(np.max(np.abs(key), initial=0.0, where=np.isfinite(key)))
            base = np.argmax(active, axis=0)
            with np.errstate(invalid="ignore"):
                size = np.abs(least) + np.abs(key)
                near = ~active & (least - key <= self.room(size, max(state, largest)))
            for k, place in zip(*np.nonzero(near & np.isfinite(key)), strict=True):
                at = lambda c, place=place, site=site: int(site.start + c * site.places + place)
                if at(k) not in mode.led:
                    found.append((at(base[place]), at(k)))
        return found

    def may_part(self, before: Mode, after: Mode) -> float:
        """How far a continuous f parts at most from one mode to another, off their ties: how much
        the gradient turns with each choice, times the distance from its tie."""
        keys, total = self.look(before).keys, 0.0
        size = _ROUNDING * float(np.max(np.abs(self.y), initial=0.0))
        turned = ~before.active | (after.weights != before.weights)
        for k in map(int, np.flatnonzero(after.active & turned)):
            for base in before.members(k):
                if base == k:
                    continue
                jump, row = self.change(before, base, k)
                beyond, _ = self.change(after, base, k)
                length = float(np.linalg.norm(row))
                off = abs(float(keys[base] - keys[k])) / length if length > 0 else 0.0
                turn = max(float(np.linalg.norm(jump)), float(np.linalg.norm(beyond)))
                total += turn * (off + size)
        return total

    def leaves(self, mode: Mode, candidate: int) -> int:
        """Which one is left as the weight of this one comes to 0: this one, or the other where the
        two lead away from their tie, so that what held it there was the pull of the other side."""
        members = mode.members(candidate)
        if len(members) != 2:
            return candidate
        (other,) = (k for k in members if k != candidate)
        jump, row = self.change(mode, candidate, other)
        return other if jump @ row > 0 else candidate

    def is_neutral(self, mode: Mode, scale: float, base: int, other: int) -> bool:
        """Whether the gradient is the same on both sides."""
        turn = np.linalg.norm(self.change(mode, base, other)[0])
        return bool(turn <= PARTS * max(scale, 1e-300))

    def parts(self, mode: Mode, base: int, other: int) -> bool:
        """Whether both sides lead away from a tie, as those of −|x| do."""
        jump, row = self.change(mode, base, other)
        room = PARTS * float(self.look(mode).scale) * np.linalg.norm(row)
        return bool(jump @ row > room)

    def counts(self, mode: Mode, gate: int, ties: list[tuple[int, int]]) -> bool:
        """Whether a norm that is held at zero turns the gradient, on either side of what ties, or
        that of a key that ties. Where it does not, as in ‖u‖², f is smooth at that zero."""
        entries = mode.place_of(gate)[2][:-1]
        some, step = mode.weights.copy(), self.nothing.copy()
        some[entries] = step[entries] = np.random.default_rng(0).standard_normal(len(entries))
        turned = lambda side: np.linalg.norm(
            self.machine.turn(self.y, side.weights, step, self.nothing)[0]
        )
        room = PARTS * float(self.look(mode).scale)
        if turned(mode) > room:
            return True
        beyond = mode
        for base, other in ties:
            if beyond.active[base] and len(beyond.members(base)) == 1:
                beyond = beyond.crossed(base, other)
            _, row = self.change(mode, base, other)
            _, among = self.change(mode.with_weights(some), base, other)
            if np.linalg.norm(among - row) > PARTS * np.linalg.norm(row):
                return True
            if len(mode.members(base)) == 1 and turned(mode.crossed(base, other)) > room:
                return True
        return bool(turned(beyond) > room)

    def settled(self, mode: Mode, neutral: list[tuple[int, int]]) -> Mode:
        """The mode on those sides of choices without a jump to which it leads."""
        rates = self.look(mode).rates
        for base, other in neutral:
            if mode.active[base] and rates[base] < rates[other] and len(mode.members(base)) == 1:
                mode = mode.crossed(base, other)
        return mode

    def violations(self, mode: Mode) -> tuple[list[int], list[tuple[int, int]]]:
        """What makes the mode inconsistent: what is held by a negative weight, the most negative
        first, or (the gates of norms) by too much, and (active, other) where another gets ahead."""
        mode, look = self.balanced(mode)
        scale = float(look.scale) + 1e-300
        negative: list[int] = []
        if mode.pairs:
            weights = self.counting(mode, look.multipliers)
            held = sorted(mode.choices, key=lambda k: weights[k])
            if look.misfit > MISFIT * scale:
                # What is held does not determine weights that balance it.
                return [*held[:1], *(gate for gate, _ in mode.norms)], []
            negative = [k for k in held if weights[k] < -_WEIGHT]
            negative += [g for g, entries in mode.norms if _length(weights[entries]) > 1 + _WEIGHT]
            if negative and self.has_others(mode, look):
                negative = []
        rates, ahead, stays = look.rates, [], []
        for base, other in self.ties(mode, look.keys):
            # Also where the gradient is the same on both sides: the key of a choice that is held
            # may be made of this one.
            _, row = self.change(mode, base, other)
            room = GAIN * float(np.linalg.norm(row)) * scale
            gain = rates[other] - rates[base]
            if gain > room:
                ahead.append((base, other))
            elif abs(gain) <= room and room > 0:
                stays.append((base, other))
        if self.takes_back(mode, look):
            return [gate for gate, _ in mode.norms], []
        if stays and not negative and not ahead:
            ahead = soon_ahead(self.machine, mode, look, stays, self.change)
        dependent = bool(mode.implied) or (bool(mode.pairs) and look.pivot <= DETERMINED)
        if (stays or dependent) and not negative and not ahead:
            mixed = mixes_pieces_nearby(mode, stays, look.velocity, self.change, self.slope)
            if mixed is False:
                negative, ahead = mode.choices, stays
        return negative, ahead

    def takes_back(self, mode: Mode, look: Look) -> bool:
        """Whether norms of the same are held, one of them with a negative factor: those of
        ‖u‖ − ‖−u‖, which is 0, would each hold the state. What they are together is not known."""
        if len(mode.norms) < 2 or not (mode.implied or look.pivot <= DETERMINED):
            return False
        signs = [self.pull(mode, gate, entries) for gate, entries in mode.norms]
        return min(signs) < -1e-9 * max(map(abs, signs))

    def pull(self, mode: Mode, gate: int, entries: list[int]) -> float:
        """The factor of a norm that is held at zero, times the squares of what it is taken of: one
        below 0 pushes the norm off its zero."""
        return -sum(float(np.sum(np.multiply(*self.change(mode, k, gate)))) for k in entries)

    def other_weights(self, mode: Mode, look: Look) -> np.ndarray | None:
        """Multipliers within their bounds, where dependent ties leave a choice among many."""
        if look.pivot > DETERMINED:
            return None
        tied = self.machine.tied(self.y, mode.with_weights(look.multipliers))
        return free_weights(mode, tied, look.multipliers, _WEIGHT)

    def has_others(self, mode: Mode, look: Look) -> bool:
        """Whether there are `other_weights`, and they balance not to first order alone."""
        w = self.other_weights(mode, look)
        return w is not None and self.moved_to(w, mode, look)[1] >= -_WEIGHT

    def as_found(self, mode: Mode | None) -> Mode | None:
        """The mode, centred, if it is consistent."""
        found = None if mode is None else self.centred(mode)
        return found if found is not None and self.violations(found) == ([], []) else None

    def with_dependents(self, mode: Mode) -> Mode:
        """The mode that also holds what stays tied along it, so that its weights are shared."""
        more = self.along(mode)
        return mode if more is mode else (self.as_found(more) or mode)

    def along(self, mode: Mode) -> Mode:
        """The mode with all held that stays tied along it.

        What changes nothing in the gradient is held if it is on the surface of what is: its key is
        but rounding all along.
        """
        if not mode.pairs:
            return mode
        look = self.look(mode)
        rates, scale = look.rates, float(look.scale)
        more = mode
        for base, other in self.ties(mode, look.keys):
            jump, row = self.change(mode, base, other)
            length = float(np.linalg.norm(row))
            room = 1e-9 * length * scale
            if abs(rates[base] - rates[other]) > room or length == 0:
                continue
            if room < np.linalg.norm(jump) or self.off(row, mode) <= _SAME_WAY * length:
                more = more.sliding(other)
        return more

    def off(self, row: np.ndarray, mode: Mode) -> float:
        """The distance of a gradient from the span of those that are held."""
        held = np.array([self.change(mode, *pair)[1] for pair in mode.pairs]).T
        return _length(row - held @ np.linalg.lstsq(held, row, rcond=_SAME_WAY)[0])

    def next_mode(self, mode: Mode) -> Mode | None:
        """A consistent mode, found from this one by mending what is not: a candidate that gets
        ahead is crossed to, else held; one that is held by a negative weight is let go.

        Depth first, which mends many things fast; where that goes astray, the nearest modes first.
        """
        return self._search(mode, -1) or self._search(mode, 0)

    def _search(self, mode: Mode, at: int) -> Mode | None:
        """As `next_mode`, going on from the last (−1) or the first (0) of what is still to try."""
        stack, seen = deque([mode]), set()
        while stack and len(seen) < _MOST_TRIED:
            tried = stack[at]
            del stack[at]
            key = tried.active.tobytes()
            if key in seen:
                continue
            seen.add(key)
            negative, ahead = self.violations(tried)
            if not negative and not ahead:
                found = self.centred(tried)
                return None if found is None else self.with_dependents(found)
            # Depth first the last is tried first.
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
                if mode.gated.is_choice[candidate]:
                    stack.append(tried.released(candidate))
            if negative:  # held by too much, for one alone
                stack.append(self.along(tried))
        return None

    def centred(self, mode: Mode) -> Mode | None:
        """The mode with its multipliers as weights, where they are weights."""
        if not mode.pairs:
            return mode
        mode, look = self.balanced(mode.explicit())
        weights, least = look.multipliers, self.least(mode, look)
        if least < _NEAR:
            other = self.other_weights(mode, look)
            if other is not None:
                weights, least = self.moved_to(other, mode, look)
            if least < -_WEIGHT:
                return None
        mode = mode.mixing(weights)
        if look.pivot > DETERMINED and not mode.implied:
            return mode
        mode = mode.explicit()
        return replace(mode, implied=dependent_pairs(mode, self.machine.tied(self.y, mode)))

    def balanced(self, mode: Mode) -> tuple[Mode, Look]:
        """The mode and its look. Where dependent ties leave the gradient unbalanced those that turn
        it are held, and the others stay tied with them: the norm in ‖x‖² + ‖x‖₁ turns nothing."""
        look = self.look(mode)
        if mode.pairs and look.pivot <= DETERMINED and look.misfit > MISFIT * float(look.scale):
            whole = mode.explicit()
            dependent = dependent_pairs(whole, self.machine.tied(self.y, whole))
            alone = replace(whole, implied=dependent)
            found = self.look(alone)
            if found.misfit < look.misfit:
                return alone, found
        return mode, look

    def least(self, mode: Mode, look: Look) -> float:
        """How far the multipliers are within their bounds."""
        weights = self.counting(mode, look.multipliers)
        lengths = [_length(weights[entries]) for _, entries in mode.norms]
        return min(float(np.min(weights[mode.choices], initial=1.0)), 1 - max(lengths, default=0.0))

    def counting(self, mode: Mode, weights: np.ndarray) -> np.ndarray:
        """The weights, with 0 for those below it that tell nothing: see `Scales.faint`."""
        found = np.array(weights)
        for k in mode.choices:
            if found[k] < -_WEIGHT:
                at = mode.mixing(weights)  # what feeds another turns by as much as that weighs
                turns = [_length(self.change(at, j, k)[0]) for j in mode.members(k) if j != k]
                found[k] = 0.0 if self.machine.scales.faint(max(turns)) else found[k]
        return found

    def moved_to(self, other: np.ndarray, mode: Mode, look: Look) -> tuple[np.ndarray, float]:
        """(weights that balance between the multipliers and other weights, how far they are within
        their bounds): these balance to first order, which where a choice feeds another is near to
        the multipliers alone."""
        weights, least = look.multipliers, self.least(mode, look)
        for share in _SHARES:
            tried = mode.mixing(look.multipliers + share * (other - look.multipliers))
            found = self.look(tried)
            if self.least(tried, found) > least and found.misfit <= MISFIT * float(found.scale):
                return found.multipliers, self.least(tried, found)
        return weights, least

    def least_norm(self, mode: Mode, hits: list[tuple[int, int]]) -> Mode | None:
        """The mode of the least-norm element over everything that ties here.

        A norm whose weights have length 1 in it is one that the flow leads away from.
        """
        every = mode
        for _, other in {*hits, *self.ties(mode, self.look(mode).keys)}:
            every = every.sliding(other)
        pairs = every.pairs
        if not pairs:
            return None
        weights = every.weights.copy()
        for _ in range(20):  # the gradient is linear in each weight, multilinear in all
            current = every.with_weights(weights)
            slope = self.look(current).slope
            moved = np.array([self.change(current, base, other)[0] for base, other in pairs])
            step = least_squares_weights(slope, moved, weights, pairs, every.norms)
            after = weights.copy()
            for (base, other), d in zip(pairs, step, strict=True):
                mode.shifted(after, base, other, d)
            change = np.max(np.abs(after - weights), initial=0.0)
            weights = after
            if change < 1e-13:
                break
        choice = mode.gated.is_choice
        weights = np.where(choice & (weights < 1e-8), 0.0, weights)
        return replace(mode, weights=weights, active=every.active & ((weights > 0) | ~choice))


def _length(v: np.ndarray) -> float:
    return float(np.linalg.norm(v))
