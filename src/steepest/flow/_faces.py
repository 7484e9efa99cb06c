"""Which candidates may go on at places where choices tie, by the signs of rates alone.

A face of a place is the set of candidates that are taken or held there. With one candidate at each
place f is smooth, and what is held moves by a mixture of the velocities of such pieces: velocities
and rows (the gradients of what keys differ by) are linear in the weights of each place. So what
gains on another at every row, with every velocity of a face, gains on it in all mixtures: that face
is no way on. The pieces are few beside the faces, 2ⁿ for n ties beside 3ⁿ, and with each face that
falls pieces fall, and more faces with these.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from steepest.flow._decide import Decider
from steepest.flow._mode import Mode
from steepest.flow._soon_ahead import GAIN

_MOST_PIECES = 64
_MOST_FACES = 300  # of one place

Face = tuple[int, ...]


class _Place(NamedTuple):
    candidates: list[int]
    rows: np.ndarray  # (candidates, the sides of the others, n): of each key less the first
    pieces: np.ndarray  # (places, the sides of the others): the candidates taken there


def faces(decider: Decider, mode: Mode, ties: list[tuple[int, int]]) -> list[list[Face]] | None:
    """The faces of each place that may go on, one candidate or more; None where they are too many.

    Args:
        decider: at the state.
        mode: where something is held it is held on, and no face is left out but by that.
        ties: (the active candidate, the other).
    """
    others: dict[int, list[int]] = {}
    for base, other in ties:
        if other not in others.setdefault(base, []):
            others[base].append(other)
    places = []
    for base, more in others.items():
        held = mode.members(base)
        if 2 ** len(more) > _MOST_FACES:
            return None
        subsets = [s for n in range(len(more) + 1) for s in itertools.combinations(more, n)]
        alone = [s for s in subsets if s] if len(held) == 1 else []
        places.append([(*held, *s) for s in subsets] + alone)
    candidates = [[base, *more] for base, more in others.items()]
    if not mode.pairs and math.prod(map(len, candidates)) <= _MOST_PIECES:
        return _Signs(decider, mode, candidates).left(places)
    return places


def taking(mode: Mode, face: Face) -> Mode:
    """The mode with a face at its place."""
    held = mode.members(face[0])
    if not set(held) <= set(face):
        mode = mode.crossed(held[0], face[0])
    for k in face:
        if not mode.active[k]:
            mode = mode.sliding(k)
    return mode


class _Signs:
    """See the module.

    Args:
        decider, mode: see `faces`; nothing is held.
        candidates: of each place, the one that is taken first.
    """

    def __init__(self, decider: Decider, mode: Mode, candidates: list[list[int]]):
        taken = list(itertools.product(*candidates))
        self.pieces = np.array(taken).T
        modes = {piece: functools.reduce(taking, ((k,) for k in piece), mode) for piece in taken}
        slopes = [decider.slope(mode)]
        for piece in taken[1:]:
            at = next(i for i, some in enumerate(candidates) if piece[i] != some[0])
            base = candidates[at][0]
            before = modes[(*piece[:at], base, *piece[at + 1 :])]
            slopes.append(decider.slope_across(before, base, piece[at]))
        self.velocities = -np.array(slopes)
        self.scale = float(np.max(np.linalg.norm(slopes, axis=1)))
        self.places = []
        for at, (base, *others) in enumerate(candidates):
            sides = [piece for piece in taken if piece[at] == base]
            row = lambda piece, k, base=base: decider.change(modes[piece], base, k)[1]
            rows = -np.array([[row(piece, k) for piece in sides] for k in others])
            rows = np.concatenate([np.zeros((1, *rows.shape[1:])), rows])
            self.places.append(_Place([base, *others], rows, np.array(sides).T))

    def left(self, faces: list[list[Face]]) -> list[list[Face]]:
        """Those that are not ruled out."""
        while True:
            found = [
                [face for face in faces[i] if self._may(faces, i, face)] for i in range(len(faces))
            ]
            if found == faces:
                return found
            faces = found

    def _may(self, faces: list[list[Face]], at: int, face: Face) -> bool:
        """Whether a face of a place may go on, where those of the others may."""
        taken = [{k for one in some for k in one} for some in faces]
        taken[at] = set(face)
        place, count = self.places[at], len(faces)
        among = lambda pieces, which: np.all(
            [np.isin(pieces[i], list(taken[i])) for i in which], axis=0
        )
        velocities = self.velocities[among(self.pieces, range(count))]
        elsewhere = [i for i in range(count) if i != at]
        sides = among(place.pieces, elsewhere) if elsewhere else np.ones(1, bool)
        first = place.candidates.index(face[0])
        for i, candidate in enumerate(place.candidates):
            if candidate == face[0]:
                continue
            rows = (place.rows[i] - place.rows[first])[sides]
            rates = rows @ velocities.T
            room = GAIN * self.scale * np.linalg.norm(rows, axis=1, keepdims=True)
            if np.all(rates > room) or (candidate in face and np.all(rates < -room)):
                return False
        return True
