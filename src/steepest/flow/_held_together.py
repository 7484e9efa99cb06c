"""Other ways on where one choice feeds another: all that ties, held by its pieces together.

The weights of choices that feed each other multiply: in |relu(x) + y| those of the relu's slope and
of the sign do, and the products are fewer than the mixtures of the four pieces' gradients. What the
products cannot hold the mixtures may: |relu(x) + y| − x/2 moves on from 0, and may stay there.
"""

from __future__ import annotations

import numpy as np

from steepest.flow._decide import Decider
from steepest.flow._free_weights import DETERMINED
from steepest.flow._joined import on_one_surface
from steepest.flow._mode import Mode
from steepest.flow._pieces_nearby import mixes_pieces_nearby

_MOST = 6  # ties
_SAME_ROW = 1e-9  # of gradients of keys: they do not turn
_SAME_WAY = 1e-7  # of the gradients: velocities this near are one


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
    if not 1 < len(ties) <= _MOST or mode.joined or mode.norms or not _feeds(decider, mode, ties):
        return True
    if not decider.is_one_way(mode, ties):
        return False
    surfaces, rest = _surfaces(decider, mode, ties)
    every = mode
    for _, other in surfaces:
        every = every.sliding(other)
    look = decider.look(every)
    other_way = np.linalg.norm(look.velocity - velocity) > _SAME_WAY * float(look.scale)
    if not other_way or look.pivot <= DETERMINED:
        return True
    slope = lambda piece: decider.look(piece).slope
    return mixes_pieces_nearby(every, rest, look.velocity, decider.change, slope) is not True


def _surfaces(
    decider: Decider, mode: Mode, ties: list[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(one tie of each surface, the others): what a program reads twice ties twice."""
    first: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for tie in ties:
        row = decider.change(mode, *tie)[1]
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
