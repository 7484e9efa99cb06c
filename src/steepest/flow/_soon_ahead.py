"""What ties to first order, and is ahead soon after.

A flow may begin to slide on a kink with a weight of 0, or graze it: the rates are equal at the
instant, and what is followed is told by how they turn along the flow.
"""

from __future__ import annotations

import numpy as np

from steepest.flow._crossing import PARTS
from steepest.flow._field import Look
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode
from steepest.flow._pieces_nearby import Change

_SOON = (1e-9, 1e-7, 1e-5, 1e-3)  # of the time that is asked for
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
    lengths = {}
    for tie in stays:
        jump, row = change(mode, *tie)
        if np.linalg.norm(jump) > PARTS * scale:
            lengths[tie] = float(np.linalg.norm(row))
    found = []
    for share in _SOON if lengths else ():
        y = look.y + share * machine.request.t1 * look.velocity
        rates = machine.look(np.asarray(y), mode).rates
        for tie in [*lengths]:
            gain = float(rates[tie[1]] - rates[tie[0]])
            if abs(gain) > GAIN * lengths[tie] * scale:
                del lengths[tie]
                found += [tie] if gain > 0 else []
    return found
