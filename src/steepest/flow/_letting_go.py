"""Norms that were held at zero and are held no more.

At a zero itself a norm has no gradient: the flow is taken up a little off it. It comes there after
a while. Until then it is followed as if it were still held, and how long the norm is by then is the
integral of what its multiplier v is too long by: with R the rows of what the norm is taken of and p
its factor in f, the norm grows by p (‖v‖ − 1) / v̂ᵀ(RRᵀ)⁻¹v̂ to first order, along the unit vector v̂.
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
            y = y + np.linalg.pinv(self._rows(y, held, gate, entries)[0]) @ (
                self.least * v / np.linalg.norm(v)
            )
            mode = mode.with_norm(gate, held=False)
        return Off(mode, y, None)

    def _rows(
        self, y: np.ndarray, mode: Mode, gate: int, entries: list[int]
    ) -> tuple[np.ndarray, float]:
        """(the gradients of what a norm is taken of, the norm's factor in f)."""
        decider = Decider(self.machine, y, self.machine.scales.narrow)
        turns, rows = map(
            np.array, zip(*(decider.change(mode, entry, gate) for entry in entries), strict=True)
        )
        # To let go of an entry takes its weight away.
        return rows, -float(np.sum(turns * rows) / np.sum(rows * rows))

    def _after_a_while(
        self, t: float, y: np.ndarray, held: Mode, gate: int, entries: list[int], look: Look
    ) -> Off | None:
        """As far off as the tolerance allows: nearer to the zero the flow is stiffer."""
        machine = self.machine
        size = float(np.max(np.abs(y), initial=0.0)) + float(machine.scales.start)
        speed = float(np.max(np.abs(look.velocity), initial=0.0))
        span = min(self.t1 - t, size / speed if speed > 0 else np.inf)
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
            at = self._held(t, y, held, time)
            looks.append(machine.look(at, held))
            if not self._is_held(looks[-1], held, gate):
                return None
        last = looks[-1]
        e = [float(np.linalg.norm(each.multipliers[entries])) - 1 for each in looks]
        if min(e[1:]) <= 0:
            return None
        rows, factor = self._rows(at, held, gate, entries)
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
            return self._held(t, y, held, time) + grown * apart + by_then * moved

        off = Off(mode, at + apart + moved, Wait(t, t + span, held, state))
        return off, length, float(np.max(np.abs(moved), initial=0.0))

    def _held(self, t: float, y: np.ndarray, mode: Mode, time: float) -> np.ndarray:
        """The state at a later time in a mode, whatever is met."""
        limits = Limits(time, time, 1000, 0, False)
        return self.machine.advance(t, y, time, mode, limits)[0].y if time > t else y

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
