"""Mode by mode: integrate, locate what is met, decide what goes on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from steepest.errors import SolverError
from steepest.flow._arguments import Request
from steepest.flow._events import NoContinuationError
from steepest.flow._field import Look
from steepest.flow._letting_go import Wait
from steepest.flow._machine import Machine
from steepest.flow._meeting import Meeting
from steepest.flow._mode import Mode
from steepest.flow._norms_at_zero import until_zero
from steepest.flow._saving import Saving, Segment
from steepest.flow._standing import MOST_MADE, Limits, Step
from steepest.flow._start import Start
from steepest.flow._tries import Tries
from steepest.trajectory import Trajectory

_AT_ONCE = 500  # steps between two chances for Ctrl-C
_FAR = 1e6  # a state or value that moved this many times the start's size goes to infinity


class Solver:
    """One solve.

    Args:
        request: what is asked.
        rtol, atol, stiff: of the steps.
        max_steps, max_events: when to give up.
        dense: whether the run is to be evaluated at any time.
        through: whether kinks are gone through; if not, the first one ends the solve.
    """

    def __init__(
        self,
        request: Request,
        *,
        rtol: float,
        atol: float,
        stiff: bool,
        max_steps: int,
        max_events: int,
        dense: bool,
        through: bool,
    ):
        self.request, self.through = request, through
        self.max_steps, self.max_events = max_steps, max_events
        self.machine = Machine(request, rtol, atol, stiff)
        self.meeting = Meeting(self.machine, through)
        self.saving = Saving(self.machine, dense)
        self.tries = Tries()

    def run(self) -> Trajectory:
        """
        Raises:
            SolverError: with the trajectory so far.
        """
        y = self.request.start
        try:
            return self._run(y)
        except SolverError as error:
            if error.trajectory is None:
                error.trajectory = self.saving.trajectory(self.y, self.meeting.events)
            raise

    def _run(self, y: np.ndarray) -> Trajectory:
        request, machine, saving = self.request, self.machine, self.saving
        self.y = y
        mode, y = Start(self.meeting).at(y)
        self.y = y
        wait = self.meeting.wait
        saving.start(y if wait is None else request.start)
        t = 0.0 if wait is None else self.waited(wait, y)
        next_t = t + self.width(t, y, mode)
        at_once, last = 0, -1.0
        while True:
            before = mode
            s, mode = machine.advance(t, y, next_t, mode, self.limits(mode))
            if s.events:
                count = int(s.events)
                self.meeting.made(mode, s)
                last, at_once = float(s.times[count - 1]), 0
                if saving.by_step:  # this one event ended the step
                    saving.step(s._replace(begin=t, start=y), last, s.y, before)
            self.y, self.tries = s.y, s.tries
            if not s.finite:
                raise SolverError(self.blow_up(s))
            t, y, next_t = float(s.t), s.y, float(s.next_t)
            taken = t > float(s.begin)
            met = self.happened(s, mode) if taken else None
            if met is None:
                if taken:
                    saving.step(s, t, y, before if saving.by_step else mode)
            else:
                t, look, left = met
                y = self.y = look.y
                saving.step(s, t, y, mode)
                at_once = at_once + 1 if t <= last else 0
                last = t
                self.refuse_chatter(t, at_once)
                wait = until_zero(machine, t, look, mode)
                if wait is not None:
                    t = self.waited(wait, wait.state(wait.end))
                    look = machine.look(wait.state(t), mode)
                try:
                    mode, y = self.meeting.event(t, look, mode, left=left, again=at_once > 2)
                except NoContinuationError:
                    if not self.rests(t, look):
                        raise
                    # All that is left to move is less than what the steps' errors are.
                    self.waited(Wait.straight(t, request.t1 - t, mode, y, 0 * y), y)
                    break
                self.y = y
                t = t if self.meeting.wait is None else self.waited(self.meeting.wait, y)
                width = float(s.t - s.begin) if at_once < 2 else self.width(t, y, mode)
                next_t = t + max(width, 1e-12 * max(t, 1e-6))
            if t >= request.t1:
                break
            tried = machine.counts["steps"] + machine.counts["rejected"]
            if tried >= self.max_steps:
                raise SolverError(
                    f"{self.max_steps} steps were tried and the flow is at t = {t:.6g} of "
                    f"{request.t1:g}, where they are {next_t - t:.2g} long; loosen the tolerances, "
                    "or try stiff=True. The gradient may be without a bound there."
                )
        saving.value(request.t1, self.y)
        return saving.trajectory(self.y, self.meeting.events)

    def rests(self, t: float, look: Look) -> bool:
        """Whether a state at this speed moves by no more than its tolerance to the end: at a
        minimum gradients are errors of the steps, by which nothing can be decided."""
        left = (self.request.t1 - t) * np.abs(look.velocity)
        return bool(np.all(left <= 10 * self.machine.scales.room(np.abs(look.y))))

    def waited(self, wait: Wait, y: np.ndarray) -> float:
        """Its end, where the state is y."""
        self.saving.stretch(wait.end, y, Segment(wait.begin, wait.mode, wait.state))
        return wait.end

    def limits(self, mode: Mode) -> Limits:
        """Of the next loop of steps."""
        most = 1 if self.saving.by_step else MOST_MADE
        events = min(most, self.max_events - len(self.meeting.events))
        in_loop = self.through and not mode.joined and not mode.implied
        return Limits(
            until=self.saving.until,
            end=self.request.t1,
            steps=1 if self.saving.by_step else _AT_ONCE,
            events=events if in_loop else 0,
            watched=True,
            tries=self.tries,
        )

    def width(self, t: float, y: np.ndarray, mode: Mode) -> float:
        """Of a first step: it moves by a small share of the state, or of where it tends to."""
        speed = float(np.max(np.abs(self.machine.look(y, mode).velocity), initial=0.0))
        size = float(np.max(np.abs(y), initial=0.0)) + 1e-6
        rest = self.request.t1 - t
        return min(rest, 0.01 * size / speed) if speed > 0 else rest

    def happened(self, s: Step, mode: Mode) -> tuple[float, Look, bool] | None:
        """The first thing in the last step that ends the mode: when, the mode there, and whether a
        multiplier says so."""
        if s.located:
            return float(s.when), s.look, bool(s.left)
        met = self.bracketed(s, mode) if s.met else None
        return None if met is None else (*met, False)

    def bracketed(self, s: Step, mode: Mode) -> tuple[float, Look] | None:
        """When something was met, where a margin bends too much for Newton's method, and the mode
        there; None if the dense output alone saw it."""
        looks: dict[float, Look] = {}

        def least(t: float) -> float:
            looks[t] = self.machine.look(self.machine.state(s, t, mode), mode)
            return float(np.min(looks[t].watched))

        begin, end = float(s.begin), float(s.t)
        if least(begin) <= 0:
            return begin, looks[begin]
        times = sorted({*np.linspace(begin, end, 6)[1:].tolist(), float(s.when)})
        low = begin
        for high in times:
            if least(high) <= 0:
                break
            low = high
        else:
            k = int(np.argmin(looks[float(s.when)].watched))
            if k < self.machine.gated.places:
                return None
            # A norm's zero is as short as the tolerance: the dense output may be off by more.
            high = self.nearest(least, looks, k)
            if not np.min(looks[high].watched) <= 0:
                # As near as the steps' errors tell: nothing that is stepped over in silence.
                self.meeting.refuse_near_zeros(high, looks[high], mode)
                return None
            low = max(t for t in looks if t < high and np.min(looks[t].watched) > 0)
        if looks[high].watched.min() == 0:
            return high, looks[high]
        t = float(brentq(least, low, high, xtol=1e-15 * max(end, 1e-300), rtol=1e-15))  # pyright: ignore[reportArgumentType]
        if t not in looks:
            least(t)
        return t, looks[t]

    @staticmethod
    def nearest(least: Callable[[float], float], looks: dict[float, Look], k: int) -> float:
        """The time at which the k-th of what is watched is least, or the first that is tried at
        which anything turned negative: between falling and rising, however sharply it turns."""
        times = sorted(looks)
        falls = lambda t: float(looks[t].watched_rates[k]) < 0
        found = lambda t: float(looks[t].watched[k])
        turns = [(a, b) for a, b in pairwise(times) if falls(a) and not falls(b)]
        if not turns:
            return min(times, key=found)
        low, high = min(turns, key=lambda turn: min(map(found, turn)))
        while low < (middle := (low + high) / 2) < high:
            if least(middle) <= 0:
                return middle
            low, high = (middle, high) if falls(middle) else (low, middle)
        return min(low, high, key=found)

    def refuse_chatter(self, t: float, at_once: int) -> None:
        events = self.meeting.events
        lately = "; ".join(f"{e.kind} {e.kinks[0]}" for e in events[-3:] if e.kinks)
        if at_once > 20:
            raise SolverError(
                f"events do not come to an end at t = {t:.9g}: {lately}. Tighten rtol and atol, if "
                "the kinks are nearer to each other than those."
            )
        if self.through and len(events) >= self.max_events:
            last = f", the last of them {lately}" if lately else ""
            raise SolverError(
                f"{len(events)} events were met by t = {t:.9g}{last}; max_events allows no "
                "more. Where they are many at nearly one time, tighten rtol "
                "and atol."
            )

    def blow_up(self, s: Step) -> str:
        request, t, y = self.request, float(s.t), np.asarray(s.y)
        start, value = (float(self.machine.own(at).value) for at in (request.start, y))
        grown = np.abs(y - request.start)
        size = 1 + float(np.max(np.abs(request.start), initial=0.0))
        # As −exp(x) falls x itself grows but slowly.
        if np.max(grown, initial=0.0) < _FAR * size and not value < -_FAR * (1 + abs(start)):
            return (
                f"no step from t = {t:.9g} succeeds, however short: f is not defined "
                "there, or its gradient has no bound or turns without bound, as that of "
                "abs(x)**1.5 does where x comes to 0."
            )
        leaves = [float(np.max(leaf, initial=0.0)) for leaf in np.split(grown, request.ends)]
        name = request.program.point.names[int(np.argmax(leaves))]
        return (
            f"the flow leaves the finite numbers at t = {t:.9g}, f = {value:.3g}, most of all in "
            f"{name}, which moved by {max(leaves):.3g}: f is unbounded below, or not smooth there."
        )
