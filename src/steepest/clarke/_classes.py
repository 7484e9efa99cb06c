"""Classes: switches that decide alike.

Switches whose margins are proportional, as functions, tested at random points: relu(x) and
relu(−x), the halves of softplus, the same kink twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.clarke._jacobian import RawRows
from steepest.clarke._sparse import Sparse, beside, csr, diagonal
from steepest.pieces import Tape

_CLOSE = 1e-12
_MOST_NORMS = 100  # that one norm is compared with


@dataclass
class Class:
    """Switches that decide alike.

    Attributes:
        members: (switch, flipped) for each; a flipped two-way switch takes the other outcome.
        base: the number of its first key on the tape; the others follow.
        count: number of outcomes.
        allowed: outcomes that can be taken.
        trivial: the keys agree identically, so there is nothing to decide.
        forced: told from outside; its margins are constraints even where nothing else hangs on it.
        jumps: one of its switches jumps.
        spread: rows over (x, symbols) of κ_k − κ_0, k = 1 … (count − 1, d + S).
        ball: rows of the vector whose norm is taken, or None.
        nonnegative: for a ball, which of its components are ≥ 0 everywhere.
    """

    members: list[tuple[int, bool]]
    base: int
    count: int
    allowed: list[int]
    trivial: bool
    forced: bool
    jumps: bool
    at_equality: int
    spread: Sparse
    ball: Sparse | None = None
    nonnegative: tuple[bool, ...] = ()

    @property
    def rows(self) -> Sparse:
        """What its decision hangs on."""
        return self.spread if self.ball is None else self.ball


class Classifier:
    """Puts the switches of a tape in classes.

    Attributes:
        classes: see `Class`; their `spread` and `ball` are filled in later.
        owner: switch → (its class, whether it is flipped).
        scale: switch → its margin over the one of its class.
    """

    def __init__(self, tape: Tape, raw: RawRows, dimension: int, rng: np.random.Generator):
        self.tape, self.raw, self.d, self.rng = tape, raw, dimension, rng
        self.scale: dict[int, float] = {}
        self.classes, self.owner = self.grouped()

    def grouped(self) -> tuple[list[Class], dict[int, tuple[int, bool]]]:
        switches = self.tape.switches
        two_way = [
            s.index for s in switches if len(s.outcomes) == 2 and not s.ball and s.forced is None
        ]
        leader = self.proportional(two_way) | self.multiples_of_norms()
        classes: list[Class] = []
        owner: dict[int, tuple[int, bool]] = {}
        number: dict[int, int] = {}
        for s in switches:
            first, flipped = leader.get(s.index, (s.index, False))
            if first in number:
                c = number[first]
                classes[c].members.append((s.index, flipped))
                classes[c].jumps |= s.jumps
                owner[s.index] = (c, flipped)
                continue
            number[first] = len(classes)
            owner[s.index] = (len(classes), False)
            base, m = int(self.raw.key_starts[s.index]), len(s.outcomes)
            allowed = list(range(m)) if s.forced is None else [s.forced]
            trivial = not s.ball and self.identically_zero(base, m)
            if trivial and s.forced is None:
                allowed = [s.at_equality]
            elif trivial and s.jumps and s.forced != s.at_equality:
                allowed = []
            classes.append(
                Class(
                    [(s.index, False)],
                    base,
                    m,
                    allowed,
                    trivial,
                    s.forced is not None,
                    s.jumps,
                    s.at_equality,
                    csr((0, self.d)),
                    nonnegative=s.nonnegative,
                )
            )
        return classes, owner

    def identically_zero(self, base: int, m: int) -> bool:
        block = self.raw.values[base : base + m]
        # Not `>`: where no random value is finite, nothing is known to be zero.
        if not np.abs(block - block[:1]).max() <= 1e-12 * np.abs(block).max():
            return False
        rows = self.raw.gradients[base : base + m].toarray()
        return bool(np.all(np.abs(rows - rows[:1]) <= 1e-12))

    def proportional(self, two_way: list[int]) -> dict[int, tuple[int, bool]]:
        """switch → (first switch of its class, whether its margin has the opposite sign)."""
        if not two_way:
            return {}
        base = self.raw.key_starts[np.array(two_way)]
        gradient = csr(self.raw.gradients[base] - self.raw.gradients[base + 1])
        values = self.raw.values[base] - self.raw.values[base + 1]
        joint = beside([gradient, csr(np.nan_to_num(values))])
        length = np.sqrt(np.asarray(joint.multiply(joint).sum(axis=1)).ravel())
        # What is not defined at the random points is compared with nothing.
        good = (length > 0) & np.all(np.isfinite(values), axis=1)
        unit = csr(diagonal(1 / np.where(good, length, 1.0)) @ joint)
        probe = unit @ self.rng.standard_normal(joint.shape[1])
        order = np.argsort(np.abs(probe))
        result: dict[int, tuple[int, bool]] = {}
        run: list[int] = []
        for position, i in enumerate(order):
            if not good[i]:
                continue
            previous = order[position - 1] if position else i
            if abs(abs(probe[i]) - abs(probe[previous])) > _CLOSE:
                self.split(run, unit, length, probe, two_way, result)
                run = []
            run.append(int(i))
        self.split(run, unit, length, probe, two_way, result)
        return result

    def multiples_of_norms(self) -> dict[int, tuple[int, bool]]:
        """Norms that are multiples of each other, at the random points: ‖x‖ and ‖−2x‖."""
        result: dict[int, tuple[int, bool]] = {}
        known: list[tuple[int, float, np.ndarray]] = []
        for s in self.tape.switches:
            if not s.ball:
                continue
            start, stop = self.raw.key_starts[s.index : s.index + 2]
            lengths = np.linalg.norm(self.raw.values[start:stop], axis=0)
            size = float(np.linalg.norm(lengths))
            if not 0.0 < size < np.inf:
                continue
            for first, other, unit in known[:_MOST_NORMS]:
                if np.abs(unit - lengths / size).max() <= _CLOSE:
                    result[s.index] = (first, False)
                    self.scale[s.index] = size / other
                    break
            else:
                known.append((s.index, size, lengths / size))
        return result

    def split(self, run, unit, length, probe, two_way, result) -> None:
        """Within a run of equal probes, compare in full."""
        waiting = sorted(run)
        while waiting:
            first, *rest = waiting
            waiting = []
            result[two_way[first]] = (two_way[first], False)
            self.scale[two_way[first]] = 1.0
            for i in rest:
                sign = 1.0 if probe[first] * probe[i] > 0 else -1.0
                gap = unit[[first]] - sign * unit[[i]]
                if np.abs(gap.data).max(initial=0.0) <= _CLOSE:
                    result[two_way[i]] = (two_way[first], sign < 0)
                    self.scale[two_way[i]] = sign * float(length[i] / length[first])
                else:
                    waiting.append(i)
