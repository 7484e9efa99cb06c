"""What is kept of a flow on its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError, SolverError
from steepest.flow._arguments import Request
from steepest.flow._events import Event, Kink
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode
from steepest.flow._standing import Step
from steepest.inputs import is_traced
from steepest.trajectory import Divergence, Trajectory

_MOST = 1000
_FILL = 64  # a step longer than the run's 64th part is looked at inside, for curves to be curves


class Segment(NamedTuple):
    """A stretch of a run.

    Attributes:
        begin: when it begins.
        mode: in it.
        state: at a time in it.
    """

    begin: float
    mode: Mode
    state: Callable[[float], np.ndarray]


class Saving:
    """The rows at the times that are asked for or, if none are, at the ends of the steps.

    Args:
        machine: of the solve.
        dense: whether every step is kept, to be evaluated at any time.
    """

    def __init__(self, machine: Machine, dense: bool):
        self.machine, self.request = machine, machine.request
        self.ts: list[float] = []
        self.rows: list[dict[str, Any]] = []
        self.segments: list[Segment] | None = [] if dense else None
        self.stride, self.skipped, self.end = 1, 0, 0.0

    @property
    def by_step(self) -> bool:
        """Whether each step has to be handed to `step`, one by one."""
        return self.request.ts is None or self.segments is not None

    @property
    def until(self) -> float:
        """The next time that is asked for."""
        ts = self.request.ts
        return self.request.t1 if ts is None or len(self.ts) == len(ts) else float(ts[len(self.ts)])

    def start(self, y: np.ndarray) -> None:
        if self.request.ts is None or self.request.ts[0] == 0.0:
            self.row(0.0, y)

    def row(self, t: float, y: np.ndarray) -> None:
        row = {"values": self.value(t, y), "monitors": self.machine.watched(y)}
        if self.request.states:
            row["xs"] = np.asarray(y)
        self.ts.append(float(t))
        self.rows.append(row)

    def value(self, t: float, y: np.ndarray) -> Any:
        """f there.

        Raises:
            SolverError: it is not finite: a gradient may be where f is not (that of 0·log(x)).
        """
        value = self.machine.own(y).value
        if not np.isfinite(value):
            raise SolverError(
                f"f is {float(value)} at t = {t:.9g}, though its gradient is finite: on the way "
                "there the flow left where f is defined."
            )
        return value

    def step(self, s: Step, t: float, y: np.ndarray, mode: Mode) -> None:
        """The last step, up to a time t in it, where the state is y."""
        kept = s._replace(t=np.asarray(t), y=y, dense=None)
        state = lambda due: self.machine.state(kept, due, mode)
        self.stretch(t, y, Segment(float(s.begin), mode, state))

    def stretch(self, t: float, y: np.ndarray, segment: Segment) -> None:
        """A segment up to a time t, where the state is y."""
        begin, state = segment.begin, segment.state
        if self.segments is not None and t > begin:
            self.segments.append(segment)
        self.end = t
        if self.request.ts is not None:
            ts = self.request.ts
            while len(self.ts) < len(ts) and ts[len(self.ts)] <= t:
                due = float(ts[len(self.ts)])
                self.row(due, y if due == t else state(due))
            return
        t1 = self.request.t1
        grid = np.arange(1, _FILL) * (t1 / _FILL)
        if t - begin > t1 / _FILL:
            for due in grid[(grid > begin) & (grid < t)]:
                self.row(due, state(float(due)))
        if self.ts and t <= self.ts[-1]:  # a second event at one instant
            return
        self.skipped += 1
        if self.skipped >= self.stride or t >= t1:
            self.skipped = 0
            self.row(t, y)
        if len(self.rows) > _MOST:
            self.ts, self.rows = self.ts[::2], self.rows[::2]
            self.stride *= 2

    def trajectory(self, y: np.ndarray, events: Sequence[Event]) -> Trajectory:
        counts = self.machine.counts
        stats = {
            "gradients": counts["rhs"],
            "vjps": counts["vjps"],
            "rhs": counts["rhs"],
            "steps": counts["steps"],
            "rejected": counts["rejected"],
            "events": len(events),
            "passed": counts["passed"],
            "compile_seconds": self.machine.seconds,
        }
        dense = None if self.segments is None else Dense(self.machine, self.segments, self.end)
        return as_trajectory(self.request, self.ts, self.rows, y, events, stats, dense)


def as_trajectory(
    request: Request,
    ts: Sequence[float],
    rows: Sequence[dict[str, Any]],
    y: np.ndarray,
    events: Sequence[Event],
    stats: dict[str, Any],
    dense: Any,
) -> Trajectory:
    """A run from its rows ("values", "monitors" and, if states are asked for, "xs")."""
    restore = request.program.point.restore
    columns = jax.tree.map(lambda *rows: np.stack(rows), *rows) if rows else {}
    return Trajectory(
        ts=np.array(ts),
        xs=restore(split(request, columns["xs"])) if request.states and rows else None,
        values=columns.get("values", np.zeros(0)),
        monitors=columns.get("monitors", {}),
        final=restore(split(request, np.asarray(y))),
        events=tuple(events),
        stats=stats,
        divergence=Divergence(-1, -1),
        dense=dense,
    )


class Dense:
    """The states of a flow at any time: each by a step from where the step that holds it began."""

    def __init__(self, machine: Machine, segments: list[Segment], end: float):
        self.machine, self.segments, self.end = machine, segments, end
        self.begins = np.array([segment.begin for segment in segments])

    def __call__(self, t: Any) -> PyTree:
        """The state at a time, or the states at an array of times on a leading axis."""
        with jax.enable_x64(True):
            return at_times(self.machine.request, self.state, t, self.end)

    def held(self, t: float) -> dict[Kink, float]:
        """The kinks that the flow slides on at a time, each with its multiplier: the weight of the
        first of what ties there or, where a norm is held at zero, the length of its subgradient."""
        mode = self.segment(t).mode
        if not mode.pairs:
            return {}
        with jax.enable_x64(True):
            weights = self.machine.look(self.state(t), mode).multipliers
        found: dict[Kink, float] = {}
        for k in sorted(
            {base for base, other in mode.pairs if self.machine.gated.is_choice[other]}
        ):
            site, place, _ = mode.place_of(k)
            found[Kink(site.line, site.name, int(place))] = float(weights[k])
        for gate, entries in mode.norms:
            site, place, _ = mode.place_of(gate)
            length = float(np.linalg.norm(weights[entries]))
            found[Kink(site.line, site.name, int(place))] = length
        return found

    def segment(self, t: float) -> Segment:
        return self.segments[max(int(np.searchsorted(self.begins, t, side="right")) - 1, 0)]

    def state(self, t: float) -> np.ndarray:
        if not self.segments:  # of a run that ended in an error at once
            return self.machine.request.start
        return self.segment(t).state(t)


def at_times(request: Request, state: Callable[[float], np.ndarray], t: Any, end: float) -> PyTree:
    """The user's pytree at one time or, on leading axes, at an array of times in 0 … end."""
    if is_traced(t):
        raise ArgumentError("t is traced; a trajectory takes an array of times, outside of jit.")
    try:
        ts = np.asarray(t)
        if ts.dtype.kind == "b":
            raise TypeError("a truth value is no time")
        ts = ts.astype(np.float64, casting="same_kind")  # no imaginary part is dropped
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"t is {t!r:.60}; it must be a time or an array of times.") from error
    if not np.all((ts >= 0) & (ts <= end)):
        raise ArgumentError(f"t is {t!r:.60}; this trajectory has the times 0 … {end:g}.")
    ys = np.array([state(float(t)) for t in ts.reshape(-1)])
    return request.program.point.restore(split(request, ys.reshape(*ts.shape, len(request.start))))


def split(request: Request, ys: np.ndarray) -> list[np.ndarray]:
    """Flat states as leaves, what leads kept in front."""
    shapes = [leaf.shape for leaf in request.program.start]
    parts = np.split(ys, request.ends, axis=-1)
    return [
        np.ascontiguousarray(part).reshape((*ys.shape[:-1], *shape))
        for part, shape in zip(parts, shapes, strict=True)
    ]
