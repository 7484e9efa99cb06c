"""Norms that were held at zero and are held no more.

At a zero itself a norm has no gradient: the flow is taken up a little off it. It comes there after
a while. Until then it is followed as if it were still held, and how long the norm is by then is the
integral of what its multiplier v is too long by: with R the rows of what the norm is taken of, less
what is along other ties, and p its factor in f, the norm grows by p (‖v‖ − 1) / v̂ᵀ(RRᵀ)⁻¹v̂ to first
order, along the unit vector v̂; with p < 0 by |p| (‖v‖ + 1) along −v̂.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.flow._decide import Decider
from steepest.flow._field import Look
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode
from steepest.flow._sliding import LET_GO
from steepest.flow._standing import Limits

_NUDGE = 4.0  # times the smallest norm that is not zero: where one that is let go begins, at least
_MOST_TRIED = 40
_MOST_STEPS = 60  # in which a norm comes off its zero, or less time is tried
DEPENDENT = 1e-9  # what is held, by its singular values


class Wait(NamedTuple):
    """Until a norm that is let go is off its zero.

    Attributes:
        begin, end: times.
        mode: until then.
        state: at a time in it.
    """

    begin: float
    end: float
    mode: Mode
    state: Callable[[float], np.ndarray]

    @classmethod
    def straight(
        cls, begin: float, after: float, mode: Mode, y: np.ndarray, velocity: np.ndarray
    ) -> Wait:
        """So long, at one velocity from the state y."""
        return cls(begin, begin + after, mode, lambda time: y + (time - begin) * velocity)


class Off(NamedTuple):
    """Where a flow is taken up off a zero.

    Attributes:
        mode, y: there.
        wait: until then; None where there is none.
    """

    mode: Mode
    y: np.ndarray
    wait: Wait | None


class LettingGo:
    """See the module.

    Args:
        machine: of the solve.
    """

    def __init__(self, machine: Machine):
        self.machine, self.t1 = machine, machine.request.t1
        self.least = _NUDGE * float(machine.scales.nearest_root)

    @staticmethod
    def opened(mode: Mode, weights: np.ndarray) -> list[tuple[int, list[int]]]:
        """The norms (gate, entries) that are held by as much as they can be held by."""
        length = lambda entries: float(np.linalg.norm(weights[entries]))
        return [(gate, entries) for gate, entries in mode.norms if length(entries) >= 1 - LET_GO]

    def let_go(
        self,
        t: float,
        y: np.ndarray,
        before: Mode,
        mode: Mode,
        norms: list[tuple[int, list[int]]],
        look: Look,
    ) -> Off:
        """The mode without these norms, and where it is taken up.

        Args:
            t, y: when and where they are let go.
            before: the mode until then.
            mode: the same, less what else is let go.
            norms: as `opened` gives them.
            look: at y.
        """
        if len(norms) == 1 and mode is before:
            off = self._after_a_while(t, y, mode, *norms[0], look)
            if off is not None:
                return off
        held = mode
        for gate, entries in norms:
            given = mode.weights[entries]
            v = given if np.any(given) else look.multipliers[entries]
            rows, factor = self._rows(y, held, gate, entries)
            shift = np.linalg.pinv(rows, rcond=DEPENDENT) @ (np.sign(factor) * v)
            y = y + self.least / np.linalg.norm(rows @ shift) * shift
            mode = mode.with_norm(gate, held=False)
        return Off(mode, y, None)

    def on_time(
        self, t: float, y: np.ndarray, off: Off, mode: Mode, norms: list[tuple[int, list[int]]]
    ) -> Off:
        """Where the flow is taken up as that much later as it takes to come there.

        Args:
            t, y: when and where the norms are let go.
            off: what `let_go` says.
            mode: the one that is found there.
            norms: those that are let go.
        """
        look = self.machine.look(off.y, mode)
        after, velocity = 0.0, look.velocity
        for _, entries in norms:
            u = look.keys[entries]
            growth = float(u @ look.rates[entries])
            if growth <= 0:
                return off
            after = max(after, float(u @ u) / growth)
        there = y + after * velocity
        beyond = self.machine.look(there, mode)
        lost = after * float(np.max(np.abs(beyond.velocity - velocity), initial=0.0))
        met = np.min(beyond.watched[: mode.gated.places], initial=np.inf) <= 0
        if met or lost > float(self.machine.scales.share(y)) or t + after >= self.t1:
            return off
        return Off(mode, there, Wait.straight(t, after, mode, y, velocity))

    def _rows(
        self, y: np.ndarray, mode: Mode, gate: int, entries: list[int]
    ) -> tuple[np.ndarray, float]:
        """(the gradients of what a norm is taken of, less what would part the other ties that are
        held, the norm's factor in f)."""
        decider = Decider(self.machine, y, self.machine.scales.narrow)
        turns, rows = map(
            np.array, zip(*(decider.change(mode, entry, gate) for entry in entries), strict=True)
        )
        # To let go of an entry takes its weight away.
        factor = -float(np.sum(turns * rows) / np.sum(rows * rows))
        others = [decider.change(mode, *pair)[1] for pair in mode.pairs if pair[1] != gate]
        if others:
            kept = np.array(others).T
            free = rows - (kept @ np.linalg.lstsq(kept, rows.T, rcond=DEPENDENT)[0]).T
            if np.linalg.norm(free) > DEPENDENT * np.linalg.norm(rows):
                rows = free
        return rows, factor

    def _after_a_while(
        self, t: float, y: np.ndarray, held: Mode, gate: int, entries: list[int], look: Look
    ) -> Off | None:
        """As far off as the tolerance allows: nearer to the zero the flow is stiffer."""
        machine = self.machine
        size = float(np.max(np.abs(y), initial=0.0)) + float(machine.scales.start)
        speed = float(np.max(np.abs(look.velocity), initial=0.0))
        span = min(self.t1 - t, size / speed if speed > 0 else np.inf)
        if span <= 0:  # from 0, which has no size
            return None
        may_lose = 10 * float(machine.scales.share(y))
        for _ in range(_MOST_TRIED):
            off = self._after(t, y, held, gate, entries, look, span)
            if off is not None and off[1] < self.least:
                return None
            if off is not None and off[2] <= may_lose:
                return off[0]
            # At a tangent what is moved grows as the third power of the time.
            share = 0.5 if off is None else (0.5 * may_lose / off[2]) ** (1 / 3)
            span *= min(max(share, 0.01), 0.5)
        return None

    def _after(
        self,
        t: float,
        y: np.ndarray,
        held: Mode,
        gate: int,
        entries: list[int],
        look: Look,
        span: float,
    ) -> tuple[Off, float, float] | None:
        """(where the flow is after so long, how long the norm is, what that moved beside);
        None if something else may happen by then."""
        machine, looks, at = self.machine, [look], y
        for time in (t + span / 2, t + span):
            at, soon = self._held(t, y, held, time, _MOST_STEPS)
            looks.append(machine.look(at, held))
            if not soon or not self._is_held(looks[-1], held, gate):
                return None
        last = looks[-1]
        rows, factor = self._rows(at, held, gate, entries)
        lengths = np.linalg.svd(rows, compute_uv=False)
        if len(lengths) < len(rows) or lengths[-1] <= DEPENDENT * lengths[0]:
            return None  # other ties leave it some of its directions only
        sign = float(np.sign(factor))
        e = [sign * float(np.linalg.norm(each.multipliers[entries])) - 1 for each in looks]
        if min(sign * one for one in e[1:]) <= 0:
            return None
        v = last.multipliers[entries] / (1 + e[2])
        gram = v @ np.linalg.pinv(rows @ rows.T) @ v
        length = factor / gram * span * (e[0] + 4 * e[1] + e[2]) / 6  # Simpson's rule
        inverse = np.linalg.pinv(rows)
        mode, apart = held.with_norm(gate, held=False), inverse @ (length * v)
        turned = machine.look(at + apart, mode).velocity - last.velocity
        # All else is moved by what the norm was by then, which grew as the integral of e; and the
        # norm itself, if it grows at another rate when it is that long.
        faster = v @ (rows @ turned) - factor / gram * e[2]
        turned = turned - inverse @ (rows @ turned - faster * v)
        moved = turned * span / 3 * (2 * e[0] + e[2]) / (e[0] + e[2])

        def state(time: float) -> np.ndarray:
            share = (time - t) / span
            grown = share * (2 * e[0] + share * (e[2] - e[0])) / (e[0] + e[2])
            by_then = share**2 * (3 * e[0] + share * (e[2] - e[0])) / (2 * e[0] + e[2])
            return self._held(t, y, held, time)[0] + grown * apart + by_then * moved

        # Off the zero other kinks may be met that are not met along it.
        for there in (state(t + span / 4), state(t + span / 2), at + apart + moved):
            if self._is_met(machine.look(there, mode), mode, look, held):
                return None
        off = Off(mode, at + apart + moved, Wait(t, t + span, held, state))
        return off, length, float(np.max(np.abs(moved), initial=0.0))

    def _held(
        self, t: float, y: np.ndarray, mode: Mode, time: float, steps: int = 100_000
    ) -> tuple[np.ndarray, bool]:
        """(the state at a later time in a mode, whatever is met, whether so many steps did)."""
        if time <= t:
            return y, True
        limits = Limits(time, time, steps, 0, False)
        s, _ = self.machine.advance(t, y, time, mode, limits)
        return s.y, bool(s.t >= time)

    @staticmethod
    def _is_met(look: Look, mode: Mode, start: Look, held: Mode) -> bool:
        """Whether a choice turned since the start, or another norm went through its zero."""
        before, after = held.open_norms(start.keys), mode.open_norms(look.keys)
        choices = look.watched[: mode.gated.places]
        through = any(float(u @ after[gate]) <= 0 for gate, u in before.items() if gate in after)
        return bool(np.min(choices, initial=np.inf) <= 0) or through

    @staticmethod
    def _is_held(look: Look, mode: Mode, gate: int) -> bool:
        """Whether all else is as it was."""
        weights = look.multipliers
        others = [np.linalg.norm(weights[entries]) for k, entries in mode.norms if k != gate]
        held = weights[mode.choices]
        return bool(
            np.min(look.watched, initial=np.inf) > 0
            and np.all((held > LET_GO) & (held < 1 - LET_GO))
            and np.all(np.array(others) < 1 - LET_GO)
        )
