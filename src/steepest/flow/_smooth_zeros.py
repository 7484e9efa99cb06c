"""Norms at zeros where f is smooth all the same, as ‖u‖² and max(‖u‖, 1) are.

The norm itself has no gradient there, so its zero is leapt over. The norm is set aside while it is
decided how the flow goes on; then, if the velocity leads off the zero, the flow is taken up a
little beyond it, that much later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.flow._decide import Decider
from steepest.flow._letting_go import DEPENDENT, Wait
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode

_STILL = 1e-7  # of how fast it could, a norm that changes no faster stays
_ROUNDING = 1e-12  # of the gradients
_MAY_LOSE = 10.0  # times what a step may lose to its crossings


class SmoothZeros:
    """See the module.

    Args:
        machine: of the solve.
        least: how long a norm is where the flow is taken up.
    """

    def __init__(self, machine: Machine, least: float):
        self.machine, self.least = machine, least

    def among(self, y: np.ndarray, mode: Mode, gates: Sequence[int]) -> list[int]:
        """Which of these norms, all held at their zeros, count for nothing there."""
        if not gates:
            return []
        decider = Decider(self.machine, y, self.machine.scales.narrow)
        ties = decider.ties(mode, decider.look(mode).keys)
        return [gate for gate in gates if not decider.counts(mode, gate, ties)]

    def left(
        self, t: float, y: np.ndarray, mode: Mode, gates: Sequence[int]
    ) -> tuple[Mode, np.ndarray, Wait | None]:
        """(the mode with the norms that were set aside, the state at which the flow is taken up,
        what it is until then).

        Args:
            t, y: when and where they are at zero, to the tolerance.
            mode: what was decided without these norms.
            gates: theirs.
        """
        machine, scales = self.machine, self.machine.scales
        decider = Decider(machine, y, scales.narrow)
        look, still = decider.look(mode), mode
        for gate in gates:
            still = still.with_norm(gate, held=True)
        kept = [decider.change(mode, *pair)[1] for pair in mode.pairs]
        speed = _STILL * float(np.linalg.norm(look.velocity))
        least, leaving = max(speed, _ROUNDING * float(look.scale)), []
        for gate, entries in still.norms:
            if gate in gates:
                rows = np.array([decider.change(still, entry, gate)[1] for entry in entries])
                u, way = look.keys[entries], look.rates[entries]
                leaves = np.linalg.norm(way) > least * np.linalg.norm(rows)
                mode = mode.with_norm(gate, held=not leaves)
                leaving += [(u, way, rows)] if leaves else []
        if len(leaving) < len(gates):
            y = machine.onto_zeros(y, mode)
        after = max((self._after(u, way) for u, way, _ in leaving), default=0.0)
        if after == 0:
            return mode, y, None
        off = y + after * look.velocity
        beyond = machine.look(off, mode)
        lost = after * float(np.max(np.abs(beyond.velocity - look.velocity), initial=0.0))
        clear = np.min(beyond.watched[: mode.gated.places], initial=np.inf) > 0
        if clear and lost <= _MAY_LOSE * float(scales.share(y)):
            wait = Wait.straight(t, after, mode, y, look.velocity)
            return mode, off, wait if t + after < machine.request.t1 else None
        # They leave their zeros slowly: the shortest way then, in no time.
        for u, way, rows in leaving:
            there = np.zeros(len(rows) + len(kept))
            there[: len(rows)] = self.least * way / np.linalg.norm(way) - u
            y = y + np.linalg.pinv(np.array([*rows, *kept]), rcond=DEPENDENT) @ there
        return mode, y, None

    def _after(self, u: np.ndarray, way: np.ndarray) -> float:
        """The time until u is so long, beyond its zero."""
        square, along = float(way @ way), float(u @ way)
        short = max(self.least**2 - float(u @ u), 0.0)
        return float(np.sqrt(along**2 + square * short) - along) / square
