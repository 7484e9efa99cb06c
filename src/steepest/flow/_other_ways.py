"""Whether there is one way on from a point where choices tie.

Where all that ties is convex there is. Else all modes are tried. Where one choice feeds another
that is not all: their weights multiply, in |relu(x) + y| those of the relu's slope and of the sign,
and the products are fewer than the mixtures of the four pieces' gradients. What the products cannot
hold the mixtures may: |relu(x) + y| − x/2 moves on from 0, and may stay there.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from steepest.flow._decide import Decider
from steepest.flow._faces import faces, taking
from steepest.flow._free_weights import DETERMINED
from steepest.flow._joined import on_one_surface
from steepest.flow._mode import Mode
from steepest.flow._pieces_nearby import mixes_pieces_nearby

_MOST = 5  # ties
_MOST_TRIED = 300  # modes
_SAME_ROW = 1e-9  # of gradients of keys: they do not turn
_SAME_WAY = 1e-7  # of the gradients: velocities this near are one


def continues_uniquely(decider: Decider, before: Mode, after: Mode) -> bool:
    """Whether an event has no other way on: where both sides lead away from a tie the others are
    looked for, of what ties at once if it is little, or met at once. A norm that is pushed off its
    zero may leave it in any direction.

    Args:
        decider: at the event.
        before, after: the modes that it leads from and to.
    """
    free = before
    while free.choices:
        free = free.released(free.choices[-1])
    for gate, _ in after.norms:
        free = free.with_norm(gate, held=True)
    ties = decider.ties(free, decider.look(free).keys)
    held = {k for pair in before.pairs for k in pair}
    few = 1 < len(ties) <= _MOST
    if not free.joined and (few or sum(not held.issuperset(tie) for tie in ties) > _MOST):
        if not is_unique(decider, free, ties):
            return False
        if not is_only_way(decider, free, ties, decider.look(after).velocity):
            return False
    if any(decider.pull(after, *norm) < 0 for norm in after.norms):
        return False
    for base, other in after.pairs:
        if decider.parts(after, base, other):
            was_held = before.active[base] and before.active[other]
            free = after.released(other) if was_held else before
            if not is_unique(decider, free, decider.ties(free, decider.look(free).keys)):
                return False
    return True


def is_unique(decider: Decider, mode: Mode, ties: list[tuple[int, int]]) -> bool:
    """Whether there is one way on from where these tie; see `is_only_way` for those that feed
    others."""
    return not any(decider.parts(mode, *tie) for tie in ties) or _is_one_way(decider, mode, ties)


def is_only_way(
    decider: Decider, mode: Mode, ties: list[tuple[int, int]], velocity: np.ndarray
) -> bool:
    """Whether there is no other way on where one of these ties feeds another: in no other mode, and
    not with all of them held. True where nothing feeds another.

    Args:
        decider: at the state.
        mode: that holds none of them.
        ties: (the active candidate, the other).
        velocity: at which it is gone on.
    """
    if not 1 < len(ties) <= _MOST or mode.joined:
        return True
    surfaces, rest = _surfaces(decider, mode, ties)
    if not _feeds(decider, mode, surfaces):
        return True
    if not _is_one_way(decider, mode, ties):
        return False
    every, kept, norms = mode, mode, np.zeros((0, len(velocity)))
    for gate, entries in mode.norms:
        norms = np.vstack([norms, *(decider.change(mode, k, gate)[1] for k in entries)])
        kept = kept.without_norm(gate)
    rows = norms
    for tie in surfaces:
        row = decider.change(mode, *tie)[1]
        if np.linalg.norm(_off(rows, row)) > _SAME_ROW * np.linalg.norm(row):
            every, kept = every.sliding(tie[1]), kept.sliding(tie[1])
            rows = np.vstack([rows, row])
        else:  # it stays tied with the others
            rest.append(tie)
    look = decider.look(every)
    other_way = np.linalg.norm(look.velocity - velocity) > _SAME_WAY * float(look.scale)
    if not other_way or look.pivot <= DETERMINED:
        return True
    # What a norm at zero takes off a mixture is along its own gradients; if it can take as much is
    # not known.
    slope = lambda piece: _off(norms, decider.slope(piece))
    return mixes_pieces_nearby(kept, rest, look.velocity, decider.change, slope) is not True


def _off(rows: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The part of a vector that is across these."""
    return g - rows.T @ np.linalg.lstsq(rows.T, g, rcond=_SAME_ROW)[0]


def _is_one_way(decider: Decider, mode: Mode, ties: list[tuple[int, int]]) -> bool:
    """The same by trying all modes, each tie on its one side, on the other and held; where they
    are too many, "no" stands for "not known"."""
    places = faces(decider, mode, ties)
    if places is None or math.prod(map(len, places)) > _MOST_TRIED:
        return False
    found: list[np.ndarray] = []
    for taken in itertools.product(*places):
        one = functools.reduce(taking, taken, mode)
        if decider.violations(one) == ([], []):
            look = decider.look(one)
            room = _SAME_WAY * float(look.scale)
            if all(np.linalg.norm(look.velocity - other) > room for other in found):
                found.append(look.velocity)
    return len(found) <= 1


def _surfaces(
    decider: Decider, mode: Mode, ties: list[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(one tie of each surface, the others): what a program reads twice ties twice, and what does
    not hang on the state has none."""
    first: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for tie in ties:
        row = decider.change(mode, *tie)[1]
        if not np.any(row):
            rest.append(tie)
            continue
        for one in first:
            known = decider.change(mode, *one)[1]
            ratio = float(row @ known) / float(known @ known)
            parallel = np.linalg.norm(row - ratio * known) <= _SAME_ROW * np.linalg.norm(row)
            if parallel and on_one_surface(decider, mode, [one, tie], [1.0, ratio]):
                rest.append(tie)
                break
        else:
            first.append(tie)
    return first, rest


def _feeds(decider: Decider, mode: Mode, ties: list[tuple[int, int]]) -> bool:
    """Whether the gradient of a key turns as another choice does."""
    for turned in ties:
        beyond = mode.crossed(*turned)
        for tie in ties:
            if tie[0] == turned[0]:
                continue
            row, after = (decider.change(m, *tie)[1] for m in (mode, beyond))
            if np.linalg.norm(after - row) > _SAME_ROW * np.linalg.norm(row):
                return True
    return False
