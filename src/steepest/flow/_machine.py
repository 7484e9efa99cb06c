"""The compiled functions of one solve, and the count of what they cost."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from steepest.flow._arguments import Request
from steepest.flow._crossing import Crossings
from steepest.flow._field import Fields, Look, Tied
from steepest.flow._loop import Loop
from steepest.flow._mode import Mode
from steepest.flow._standing import Limits, Step
from steepest.flow._stepper import Stepper
from steepest.pieces._compile import compiled, compiled_to_numpy
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
    """Four compiled functions serve every mode: the loop of steps, a turn of a mode's weights, what
    holds a mode where that is not determined, and the program itself.

    Attributes:
        counts: of steps, rejected ones, right-hand sides, gradients of single keys, and crossings
            that are lost in a step's error.
        seconds: of tracing f, and of the first calls, compilation in it.
    """

    def __init__(self, request: Request, rtol: float, atol: float, stiff: bool):
        self.request, self.rtol, self.atol = request, rtol, atol
        began = time.perf_counter()
        self.gated = Gated(request.program)
        self.seconds = request.seconds + time.perf_counter() - began
        size = float(np.max(np.abs(request.start), initial=0.0))
        # A norm is at zero within the error of a step: nearer to it nothing is told apart, and a
        # state that the steps' errors keep turning around a zero would never come to it.
        fields = self.fields = Fields(self.gated, request, atol + rtol * size)
        self.stepper = Stepper(fields.velocity, rtol, atol, stiff)
        crossings = Crossings(fields, rtol, atol)
        self.room, self.narrow = crossings.room, crossings.narrow
        self.counts = {"steps": 0, "rejected": 0, "rhs": 0, "vjps": 0, "passed": 0}
        self._seen: set[Any] = set()
        self._looked_at = np.zeros(0)
        self._looks: dict[Any, Look] = {}

        def own(y: Any) -> Own:
            return Own(*self.gated.actual(request.leaves(y)), request.watched(y))

        self._loop = compiled_to_numpy(Loop(fields, self.stepper, crossings))
        self._turn = compiled_to_numpy(fields.turn)
        self._tied = compiled_to_numpy(fields.tied)
        self._own = compiled(own)

    def _timed(self, name: str, room: int, f: Any, *args: Any) -> Any:
        if (name, room) in self._seen:
            return f(*args)
        self._seen.add((name, room))
        began = time.perf_counter()
        out = jax.block_until_ready(f(*args))
        self.seconds += time.perf_counter() - began
        return out

    def advance(
        self, t: float, y: np.ndarray, next_t: float, mode: Mode, limits: Limits
    ) -> tuple[Step, Mode]:
        """(where the loop of steps ends, the mode there); see `Loop`."""
        s = self._looped(t, y, next_t, mode, limits)
        self.counts["passed"] += int(s.passed)
        if s.events or s.passed:
            mode = mode.replaced(s.mode.weights, s.mode.active)
        self.counts["steps"] += int(s.accepted)
        self.counts["rejected"] += int(s.rejected)
        self.counts["rhs"] += int(s.spent)
        self.counts["vjps"] += int(s.pulled)
        if s.located:
            self._remember(s.look, mode)
        return s, mode

    def _looped(self, t: float, y: np.ndarray, next_t: float, mode: Mode, limits: Limits) -> Step:
        args = mode.arguments
        given = (np.asarray(t), y, np.asarray(next_t), args, Limits(*map(np.asarray, limits)))
        return self._timed("loop", len(args.base), self._loop, *given)

    def state(self, s: Step, t: float, mode: Mode) -> np.ndarray:
        """The state at a time in the last step, by steps of their own from where that began."""
        if t == s.begin:
            return s.start
        if t == s.t:
            return s.y
        counted = dict(self.counts)
        s, _ = self.advance(float(s.begin), s.start, t, mode, Limits(t, t, 1000, 0, False))
        self.counts |= {name: counted[name] for name in ("steps", "rejected")}
        return s.y

    def look(self, y: np.ndarray, mode: Mode) -> Look:
        """The mode at a state. What was looked at last at this state is remembered."""
        key = mode.weights.tobytes(), mode.active.tobytes()
        if not np.array_equal(self._looked_at, y) or key not in self._looks:
            self.counts["rhs"] += 1
            self.counts["vjps"] += len(mode.pairs)
            s = self._looped(0.0, y, 0.0, mode, Limits(0.0, 0.0, 0, 0, False))
            self._remember(s.look, mode)
        return self._looks[key]

    def _remember(self, look: Look, mode: Mode) -> None:
        if not np.array_equal(self._looked_at, look.y):
            self._looked_at, self._looks = look.y, {}
        self._looks[mode.weights.tobytes(), mode.active.tobytes()] = look

    def turn(self, y: np.ndarray, weights: Any, step: Any, along: Any) -> Any:
        """See `Fields.turn`."""
        return self._timed("turn", 0, self._turn, y, weights, step, along)

    def tied(self, y: np.ndarray, mode: Mode) -> Tied:
        """See `Fields.tied`."""
        args = mode.arguments
        return self._timed("tied", len(args.base), self._tied, y, args)

    def own(self, y: np.ndarray) -> Own:
        return jax.tree.map(np.asarray, self._timed("own", 0, self._own, y))
