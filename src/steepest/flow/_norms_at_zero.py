"""Norms that are zero, and when those that nearly are come to it."""

from __future__ import annotations

import numpy as np

from steepest.flow._field import Look
from steepest.flow._letting_go import Wait
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode

AT_ZERO = 1.01  # times what counts as zero
_NEAR_ZERO = 1e4  # times that, a norm may come to zero with another
_KNOWN = 1e-3  # times how far it is off, where that is nothing in the end


def norms_at_zero(mode: Mode, keys: np.ndarray, least: float) -> list[int]:
    """The gates of norms that are not held and this small."""
    found = []
    for norm in mode.gated.norms:
        entries = keys[norm.start : norm.gates.start].reshape(norm.candidates, -1)
        small = mode.active[norm.gates] & (np.linalg.norm(entries, axis=0) <= least)
        found += [int(norm.gates.start + place) for place in np.flatnonzero(small)]
    return found


def until_zero(machine: Machine, t: float, look: Look, mode: Mode) -> Wait | None:
    """Until norms that are zero to the tolerance are so, and others with them: those of
    ‖Ax‖ + ‖Bx‖ shrink together, and neither is held at its zero alone.

    That near to a zero that they do not stop at, or come to in finite time, the velocity is nearly
    constant. Elsewhere nothing is waited for.
    """
    least = AT_ZERO * float(machine.scales.nearest_root)
    at_zero = norms_at_zero(mode, look.keys, least)
    if not at_zero:
        return None
    u, way = mode.open_norms(look.keys), mode.open_norms(look.rates)
    length = lambda gate, time: float(np.linalg.norm(u[gate] + time * way[gate]))
    after, coming = 0.0, set(at_zero)
    for gate in u:
        if length(gate, 0.0) > _NEAR_ZERO * least or not np.any(way[gate]):
            continue
        time = -float(u[gate] @ way[gate]) / float(way[gate] @ way[gate])
        if time > 0 and all(length(one, time) <= least for one in (gate, *at_zero)):
            after, coming = max(after, time), coming | {gate}
    if after == 0 or t + after >= machine.request.t1:
        return None
    y, velocity, alone = look.y, look.velocity, len(coming) == len(at_zero)
    # What else ties on the way is met first; what comes to its tie with several norms is so near.
    ahead = machine.look(y + after * velocity, mode).watched[: mode.gated.places]
    if np.min(ahead, initial=np.inf) <= (0.0 if alone else -least):
        return None
    turned = after * (machine.look(y + after / 2 * velocity, mode).velocity - velocity)
    share, off = float(machine.scales.share(y)), float(np.max(np.abs(turned), initial=0.0))
    if off > share and not alone:
        # The directions of norms this small are known to the errors of the steps alone. What that
        # does to them is nothing once they are zero.
        held, there = mode, y + after * velocity
        for gate in coming:
            held = held.with_norm(gate, held=True)
        lost = machine.onto_zeros(there + turned, held) - machine.onto_zeros(there, held)
        off = max(float(np.max(np.abs(lost), initial=0.0)), _KNOWN * off)
    if off > share:
        return None
    return Wait.straight(t, after, mode, y, velocity)
