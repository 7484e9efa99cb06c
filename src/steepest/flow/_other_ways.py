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
    if not 1 < len(ties) <= _MOST or mode.joined or mode.norms:
        return True
    surfaces, rest = _surfaces(decider, mode, ties)
    if not _feeds(decider, mode, surfaces):
        return True
    if not _is_one_way(decider, mode, ties):
        return False
    every = mode
    for _, other in surfaces:
        every = every.sliding(other)
    look = decider.look(every)
    other_way = np.linalg.norm(look.velocity - velocity) > _SAME_WAY * float(look.scale)
    if not other_way or look.pivot <= DETERMINED:
        return True
    mixed = mixes_pieces_nearby(every, rest, look.velocity, decider.change, decider.slope)
    return mixed is not True


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
