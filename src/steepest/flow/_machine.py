"""What computes one solve, and the count of what it costs."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

from steepest.flow._arguments import Request
from steepest.flow._field import Look, Tied
from steepest.flow._functions import Own, functions
from steepest.flow._mode import Mode
from steepest.flow._scales import Scales
from steepest.flow._standing import Limits, Step
from steepest.pieces._compile import compiled


class Machine:
    """The compiled functions at work in one solve.

    Attributes:
        gated, scales: of the solve.
        counts: of steps, rejected ones, right-hand sides, gradients of single keys, and crossings
            that are lost in a step's error.
        seconds: of tracing f, and of the first calls, compilation in it.
    """

    def __init__(self, request: Request, rtol: float, atol: float, stiff: bool):
        began = time.perf_counter()
        self.request, self.functions = request, functions(request.program, stiff)
        self.gated = self.functions.gated
        start = float(np.max(np.abs(request.start), initial=0.0))
        self.scales = Scales(rtol, atol, start, float(request.t1))
        self.counts = {"steps": 0, "rejected": 0, "rhs": 0, "vjps": 0, "passed": 0}
        self._given = Scales(*map(np.asarray, self.scales))
        self._watched = compiled(request.watched)
        self._is_watched = False
        self._looked_at = np.zeros(0)
        self._looks: dict[Any, Look] = {}
        self.seconds = request.seconds + time.perf_counter() - began

    def _timed(self, name: str, room: int, f: Any, *args: Any) -> Any:
        called = self.functions.called
        if (name, room) in called:
            return f(*args)
        began = time.perf_counter()
        out = jax.block_until_ready(f(*args))
        self.seconds += time.perf_counter() - began
        called.add((name, room))
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
        given = (np.asarray(t), y, np.asarray(next_t), args, jax.tree.map(np.asarray, limits))
        return self._timed("loop", len(args.base), self.functions.loop, *given, self._given)

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
        key = _key(mode)
        if not np.array_equal(self._looked_at, y) or key not in self._looks:
            self.counts["rhs"] += 1
            self.counts["vjps"] += len(mode.pairs)
            s = self._looped(0.0, y, 0.0, mode, Limits(0.0, 0.0, 0, 0, False))
            self._remember(s.look, mode)
        return self._looks[key]

    def onto_zeros(self, y: np.ndarray, mode: Mode) -> np.ndarray:
        """The state with what is held, norms among it, at zero: they were so to the tolerance."""
        for _ in range(2):
            y = np.asarray(self.look(y, mode).onto)
        return y

    def _remember(self, look: Look, mode: Mode) -> None:
        if not np.array_equal(self._looked_at, look.y):
            self._looked_at, self._looks = look.y, {}
        self._looks[_key(mode)] = look

    def turn(self, y: np.ndarray, weights: Any, step: Any, along: Any) -> Any:
        """See `Fields.turn`."""
        args = y, weights, step, along, self._given
        return self._timed("turn", 0, self.functions.turn, *args)

    def tied(self, y: np.ndarray, mode: Mode) -> Tied:
        """See `Fields.tied`."""
        args = mode.arguments
        return self._timed("tied", len(args.base), self.functions.tied, y, args, self._given)

    def own(self, y: np.ndarray) -> Own:
        return jax.tree.map(np.asarray, self._timed("own", 0, self.functions.own, y))

    def watched(self, y: np.ndarray) -> Any:
        """The monitors at a state."""
        if not self.request.monitors:
            return {}
        began = time.perf_counter()
        out = jax.tree.map(np.asarray, self._watched(y))
        if not self._is_watched:
            self.seconds += time.perf_counter() - began
            self._is_watched = True
        return out


def _key(mode: Mode) -> Any:
    return mode.weights.tobytes(), mode.active.tobytes(), mode.joined, mode.implied
