"""What ties to first order, and is ahead soon after.

A flow may begin to slide on a kink with a weight of 0, or graze it: the rates are equal at the
instant, and what is followed is told by how they turn along the flow.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from steepest.flow._crossing import PARTS
from steepest.flow._field import Look
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode
from steepest.flow._pieces_nearby import Change

_SOON = (1e-9, 1e-7, 1e-5, 1e-3)  # of the time that is asked for
_FASTER = 10.0  # times a gain is what is gained in a hundred times the time, at least
GAIN = 1e-9  # of the gradients: rates nearer than this are equal


def soon_ahead(
    machine: Machine, mode: Mode, look: Look, stays: list[tuple[int, int]], change: Change
) -> list[tuple[int, int]]:
    """Those of the ties (base, other) whose `other` gets ahead.

    Args:
        look: of the mode, at the state.
        stays: which tie at equal rates.
        change: at the state.
    """
    scale = float(look.scale) + 1e-300
    rooms = {}
    for tie in stays:
        jump, row = change(mode, *tie)
        if np.linalg.norm(jump) > PARTS * scale:
            rooms[tie] = GAIN * float(np.linalg.norm(row)) * scale
    if not rooms:
        return []
    gains = []
    for share in _SOON:
        y = look.y + share * machine.request.t1 * look.velocity
        rates = machine.look(np.asarray(y), mode).rates
        gains.append([float(rates[other] - rates[base]) for base, other in rooms])
    told = zip(rooms.items(), np.array(gains).T, strict=True)
    return [tie for (tie, room), gain in told if _grows(gain, room)]


def _grows(gains: np.ndarray, room: float) -> bool:
    """Whether the first gain that is more than rounding, and so is followed by larger ones of its
    sign, is one."""
    for gain, later in pairwise(gains):
        if abs(gain) > room and later * np.sign(gain) > _FASTER * abs(gain):
            return bool(gain > 0)
    return False
