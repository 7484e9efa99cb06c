"""Gradient inclusion where f is convex and piecewise linear: exact, and local at each event."""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

from steepest.errors import SolverError
from steepest.flow._arguments import Request
from steepest.flow._path import Path
from steepest.flow._polygon import Polygon
from steepest.flow._saving import as_trajectory, at_times
from steepest.pieces._compile import compiled
from steepest.pieces._polyhedral import Polyhedral, read_polyhedral
from steepest.trajectory import Trajectory

_SAVED = 1000


def polygonal(request: Request, max_events: int, path: Path | None = None) -> Trajectory | None:
    """The solution of dx/dt ∈ −∂f(x), or None where f is not read as convex, piecewise linear.

    For f(x) = b + c·x + Σ_i max_k (a_ik·x + b_ik) the solution is a polygon, and is followed from
    corner to corner without steps or tolerances. Kinks that do not touch each other cost nothing
    at each other's events.

    Args:
        request: what is asked.
        max_events: when to give up.
        path: where it is given, an empty `Path` that is filled with the polygon itself; the run
            can then be called at any time.

    Returns:
        The trajectory. Its counts: "gradients" and "rhs" are least-norm elements, each of one
        component of the kinks that tie; "steps" are the polygon's sides.

    Raises:
        SolverError: more than max_events were met; the error carries the trajectory so far.
    """
    program = read_polyhedral(request.program)
    if program is None:
        return None
    with jax.enable_x64(True):
        return _Run(request, max_events, program, path).trajectory()


class _Run:
    """What is saved on the way."""

    def __init__(self, request: Request, max_events: int, program: Polyhedral, path: Path | None):
        self.request, self.max_events, self.path = request, max_events, path
        self.polygon = Polygon(program, request.start, path)
        even = np.linspace(0.0, request.t1, _SAVED)
        self.ts = even if request.ts is None else request.ts
        self.saved: list[dict[str, Any]] = []
        self.watched, self.seconds = compiled(request.watched), 0.0
        if request.monitors:
            began = time.perf_counter()
            jax.block_until_ready(self.watched(request.start))
            self.seconds = time.perf_counter() - began

    def trajectory(self) -> Trajectory:
        try:
            for t in self.ts:
                self.polygon.follow(float(t), self.max_events)
                self.save(self.polygon.state(float(t)))
            self.polygon.follow(self.request.t1, self.max_events)
        except SolverError as error:
            raise SolverError(str(error), self.so_far()) from None
        return self.so_far()

    def save(self, y: np.ndarray) -> None:
        program = self.request.program
        row = {
            "values": np.asarray(program(program.leaves(y))),
            "monitors": jax.tree.map(np.asarray, self.watched(y)) if self.request.monitors else {},
        }
        if self.request.states:
            row["xs"] = y
        self.saved.append(row)

    def so_far(self) -> Trajectory:
        request, polygon, path = self.request, self.polygon, self.path
        polygon.record()
        stats = {
            "gradients": polygon.decisions,
            "vjps": 0,
            "rhs": polygon.decisions,
            "steps": polygon.sides,
            "rejected": 0,
            "events": len(polygon.events),
            "passed": 0,
            "compile_seconds": self.seconds,
        }
        end = polygon.time
        dense = None if path is None else lambda t: at_times(request, path, t, end)
        ts = self.ts[: len(self.saved)].tolist()
        return as_trajectory(
            request, ts, self.saved, polygon.state(end), polygon.events, stats, dense
        )
