"""Which mode a flow begins in, where choices may tie at x0 and norms be zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.errors import SolverError
from steepest.flow._decide import Decider
from steepest.flow._events import Event
from steepest.flow._joined import with_joined
from steepest.flow._meeting import Meeting
from steepest.flow._mode import Mode, own_mode
from steepest.flow._norms_at_zero import norms_at_zero
from steepest.flow._other_ways import is_only_way, is_unique

_TIE = 8 * float(np.finfo(np.float64).eps)


class Start:
    """See the module.

    Args:
        meeting: of the solve; what happens at x0 are its first events.
    """

    def __init__(self, meeting: Meeting):
        self.meeting, self.machine = meeting, meeting.machine

    def at(self, y: np.ndarray) -> tuple[Mode, np.ndarray]:
        """The mode at x0, and the state at which the flow is taken up."""
        meeting, own = self.meeting, self.machine.own(y)
        before = mode = own_mode(meeting.gated, own.weights)
        for gate in norms_at_zero(mode, own.keys, 0.0):
            mode = mode.with_norm(gate, held=True)
        decider = Decider(self.machine, y, lambda size, _: _TIE * size)
        look = decider.look(mode)
        meeting.refuse_root(0.0, look)
        if not np.all(np.isfinite(look.slope)):
            raise SolverError("the gradient of f is not finite at x0; start where it is.")
        smooth = meeting.smooth_zeros.among(y, mode, [gate for gate, _ in mode.norms])
        for gate in smooth:
            before, mode = before.without_norm(gate), mode.without_norm(gate)
        meeting.refuse_start(mode, [gate for gate, _ in mode.norms])
        found, y = self._decided(before, mode, decider)
        return meeting.off_smooth_zeros(0.0, found, y, smooth)

    def _decided(self, before: Mode, mode: Mode, decider: Decider) -> tuple[Mode, np.ndarray]:
        """The mode that is consistent, and the state.

        Args:
            before: the mode of the program.
            mode: the same, with the norms that are at zero held.
            decider: at x0.
        """
        meeting, y, look = self.meeting, decider.y, decider.look(mode)
        scale = float(np.linalg.norm(look.slope))
        mode = with_joined(decider, mode, decider.ties(mode, look.keys)) or mode
        ties, neutral = [], []
        for tie in decider.ties(mode, look.keys):
            jump, row = decider.change(mode, *tie)
            if np.linalg.norm(row) > 0:
                size = max(scale, float(decider.look(mode).scale), 1e-300)
                (ties if np.linalg.norm(jump) > 1e-9 * size else neutral).append(tie)
        if not ties and not mode.norms:
            return decider.settled(mode, neutral), y
        meeting.refuse_start(mode, [other for _, other in ties])
        unique = True
        found = decider.least_norm(mode, ties)
        opened = [] if found is None else meeting.letting_go.opened(found, found.weights)
        if found is not None and opened:
            look = decider.look(found)
            off = meeting.letting_go.let_go(0.0, y, found, found, opened, look)
            decider = Decider(self.machine, off.y, self.machine.scales.room)
            found = decider.next_mode(off.mode)
            if found is not None and off.wait is None:
                off = meeting.letting_go.on_time(0.0, y, off, found, opened)
                decider = Decider(self.machine, off.y, self.machine.scales.room)
            y, meeting.wait = off.y, off.wait
        else:
            found = None if found is None else decider.as_found(decider.settled(found, neutral))
            unique = is_unique(decider, mode, ties)
            if found is None:
                # The least norm leads away at once: that of min(−x, −2x), to where f is −2x.
                found = decider.next_mode(mode)
        if unique and found is not None and not opened:
            every = decider.ties(mode, decider.look(mode).keys)
            unique = is_only_way(decider, mode, every, decider.look(found).velocity)
        if found is None:
            met = [other for _, other in ties] + [gate for gate, _ in mode.norms]
            named = meeting.named(mode, met)
            raise SolverError(f"no consistent mode was found at x0, on {named}.")
        meeting.record(0.0, before, found, decider)
        if not unique:
            kinks = meeting.kinks(mode, [other for _, other in ties])
            told = meeting.events or [Event(0.0, "cross", kinks)]
            meeting.events = [replace(event, unique=False) for event in told]
        return found, y
