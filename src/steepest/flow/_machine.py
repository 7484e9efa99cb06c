"""The compiled functions of one solve, and the count of what they cost."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.flow._arguments import Request
from steepest.flow._field import Fields, Look
from steepest.flow._mode import Mode
from steepest.flow._stepper import Step, Stepper
from steepest.pieces._compile import compiled
from steepest.pieces._gated import Gated


class Own(NamedTuple):
    """The program itself at a point.

    Attributes:
        value, keys, weights: see `Gated.actual`.
        monitors: what they say there.
    """

    value: Any
    keys: Any
    weights: Any
    monitors: Any


class Machine:
    """Five compiled functions serve every mode: steps, their dense output, a look at a mode, a turn
    of its weights, and the program itself.

    Attributes:
        counts: of steps, rejected ones, right-hand sides, gradients of single keys, and crossings
            that are lost in a step's error.
        seconds: how long the first calls took, compilation in it.
    """

    def __init__(self, request: Request, rtol: float, atol: float, stiff: bool):
        self.request, self.rtol, self.atol = request, rtol, atol
        self.gated = Gated(request.program)
        size = float(np.max(np.abs(request.start), initial=0.0))
        # A norm is at zero within the error of a step: nearer to it nothing is told apart, and a
        # state that the steps' errors keep turning around a zero would never come to it.
        fields = self.fields = Fields(self.gated, request, atol + rtol * size)
        self.stepper = Stepper(fields.velocity, fields.watch, rtol, atol, stiff)
        self.counts = {"steps": 0, "rejected": 0, "rhs": 0, "vjps": 0, "passed": 0}
        self.seconds = 0.0
        self._seen: set[Any] = set()
        self._looked_at: np.ndarray | None = None
        self._looks: dict[Any, Look] = {}

        def own(y: Any) -> Own:
            return Own(*self.gated.actual(request.leaves(y)), request.watched(y))

        self._advance = compiled(self.stepper.advance)
        self._within = compiled(self.stepper.within)
        self._look = compiled(fields.look)
        self._turn = compiled(fields.turn)
        self._own = compiled(own)

    def _timed(self, name: str, room: int, f: Any, *args: Any) -> Any:
        if (name, room) in self._seen:
            return f(*args)
        self._seen.add((name, room))
        began = time.perf_counter()
        out = jax.block_until_ready(f(*args))
        self.seconds += time.perf_counter() - began
        return out

    def _count(self, rhs: int, pairs: int) -> None:
        self.counts["rhs"] += rhs
        self.counts["vjps"] += rhs * pairs

    def at(self, t: float, y: np.ndarray, width: float, mode: Mode) -> Step:
        return self.stepper.at(t, y, width, mode.arguments)

    def advance(
        self, s: Step, mode: Mode, until: float, end: float, most: int, *, fresh: bool
    ) -> Step:
        """Up to `most` more steps; see `Stepper.advance`."""
        args = mode.arguments
        before = (0, 0) if fresh else (int(s.accepted), int(s.rejected))
        numbers = map(np.asarray, (until, end, sum(before) + most, fresh))
        s = self._timed("steps", len(args.base), self._advance, s, args, *numbers)
        accepted, rejected = int(s.accepted) - before[0], int(s.rejected) - before[1]
        self.counts["steps"] += accepted
        self.counts["rejected"] += rejected
        self._count(self.stepper.stages * (accepted + rejected), len(mode.pairs))
        return s

    def state(self, s: Step, t: float, mode: Mode) -> np.ndarray:
        """The state at a time in the last step, by steps of their own from where that began."""
        begin = float(s.begin)
        if t == begin:
            return np.asarray(s.start)
        if t == float(s.t):
            return np.asarray(s.y)
        counted = dict(self.counts)
        fresh = self.at(begin, np.asarray(s.start), t - begin, mode)
        taken = self.advance(fresh, mode, t, t, 100, fresh=True)
        while float(taken.t) < t and bool(taken.finite):  # what is watched may stop it on the way
            taken = self.advance(taken, mode, t, t, 100, fresh=False)
        self.counts |= {name: counted[name] for name in ("steps", "rejected")}
        return np.asarray(taken.y)

    def within(self, s: Step, t: float) -> np.ndarray:
        """The state at a time in the last step, by its dense output."""
        return np.asarray(self._timed("within", 0, self._within, s, np.asarray(t)))

    def look(self, y: np.ndarray, mode: Mode) -> Look:
        """The mode at a state. What was looked at last at this state is remembered."""
        if self._looked_at is None or not np.array_equal(self._looked_at, y):
            self._looked_at, self._looks = np.array(y), {}
        key = mode.weights.tobytes(), mode.active.tobytes()
        if key not in self._looks:
            args = mode.arguments
            self._count(1, len(mode.pairs))
            look = self._timed("look", len(args.base), self._look, y, args)
            self._looks[key] = Look(*map(np.asarray, look))
        return self._looks[key]

    def turn(self, y: np.ndarray, weights: Any, step: Any, along: Any) -> Any:
        """See `Fields.turn`."""
        return self._timed("turn", 0, self._turn, y, weights, step, along)

    def own(self, y: np.ndarray) -> Own:
        return jax.tree.map(np.asarray, self._timed("own", 0, self._own, y))

    def room(self, size: Any) -> Any:
        """Keys this near are taken to be met together."""
        return 0.1 * (self.atol + self.rtol * size)
