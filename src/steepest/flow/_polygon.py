"""The solution of dx/dt ∈ −∂f(x) for a convex piecewise-linear f, event by event.

Between events every entry moves with constant velocity. An event is a candidate of a place that
catches up with those taken there. It concerns one component of what ties (or those it joins),
which goes on with minus the least-norm element of its part of ∂f(x): for convex f that is the right
derivative of the solution (Brézis 1973, Theorem 3.1). Other components do not notice, and only the
places that see a changed velocity get new times.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from steepest.errors import SolverError
from steepest.flow._events import Event, Kind, Kink
from steepest.flow._incidence import Incidence, distinct, spread
from steepest.flow._least_slope import NoEnd
from steepest.flow._path import Path
from steepest.flow._ties import Component, Ties
from steepest.pieces._polyhedral import Polyhedral

_INSTANT = 1e-13  # times closer than this share of them are one instant
_ZERO = 1e-13


class Polygon:
    """A solution on its way.

    Attributes:
        time: up to which it is known.
        events: what happened, instant by instant.
        decisions: how often a velocity was chosen.
        sides: of the polygon so far.
        moving: how many variables do; once none does the solution has stopped.

    Args:
        program: f.
        start: x0.
        path: takes the changes of velocity, where it is given.
    """

    def __init__(self, program: Polyhedral, start: np.ndarray, path: Path | None = None):
        self.program, self.path = program, path
        inc = self.inc = Incidence(program)
        everything = np.arange(inc.dimension)
        self.time, self.decisions, self.sides = 0.0, 0, 1
        self.events: list[Event] = []
        self.x, self.since = np.array(start, np.float64), np.zeros(inc.dimension)
        self.ties = Ties(inc, self.x)
        slope = inc.slope(everything, self.ties.weights)
        self.slope = np.where(np.abs(slope) <= _ZERO * inc.size, 0.0, slope)
        self.moving = int(np.count_nonzero(self.slope))
        if path is not None:
            path.append(0.0, everything, self.x, -self.slope)
        self._due = np.full(inc.places, np.inf)
        self._queue: list[tuple[float, int]] = []
        for component in self.ties.components:
            self._decide(component, 0.0)
        self._schedule(np.arange(inc.places), 0.0)

    def state(self, time: float) -> np.ndarray:
        """The state at a time between the last event and the next."""
        return self.x - self.slope * (time - self.since)

    def follow(self, until: float, max_events: int) -> None:
        """Go on to a time.

        Raises:
            SolverError: max_events were met, or events do not come to an end.
        """
        at_once = 0
        while not self.stopped and (time := self._next()) <= until:
            if time > self.time * (1 + _INSTANT):
                self.record()
                self.time, at_once = time, 0
                if len(self.events) >= max_events:
                    raise SolverError(
                        f"{max_events} events were met by t = {time:.9g}; max_events allows no "
                        "more."
                    )
            at_once += 1
            if at_once > 1000 + 10 * self.inc.places:
                raise SolverError(f"events do not come to an end at t = {time:.9g}.")
            self._meet(time)
        if until > self.time * (1 + _INSTANT):
            self.record()
        self.time = max(self.time, until)

    def _next(self) -> float:
        """When the next candidate catches up."""
        while self._queue:
            time, place = self._queue[0]
            if self._due[place] == time:
                return time
            heapq.heappop(self._queue)  # it was put off
        return np.inf

    @property
    def stopped(self) -> bool:
        return self.moving == 0

    # ---- an event

    def _meet(self, time: float) -> None:
        """Candidates have caught up with those taken at their places: all that do so now."""
        met, hits = [], []
        while (due := self._next()) <= time * (1 + _INSTANT):
            place = np.array([heapq.heappop(self._queue)[1]])
            self._due[place] = np.inf
            candidates = self.inc.candidates(place)
            if len(candidates) == 2:
                hit = candidates[~self.ties.tied[candidates]]
            else:
                left = self._time_left(place, candidates, time)
                hit = candidates[left <= max(float(np.min(left)), due - time, _INSTANT * time)]
            met.append(self.ties.join(int(place[0]), hit))
            hits.append(hit)
        for component in self.ties.components_of(met):
            changed = self._decide(component, time, np.concatenate(hits))
            self._schedule(changed, time)

    def _decide(
        self, component: Component, time: float, hits: np.ndarray | tuple = ()
    ) -> np.ndarray:
        """The component's velocity from here on; the places whose times it changes."""
        inc, (variables, places) = self.inc, component
        self.decisions += 1
        old = self.slope[variables]
        x = self.x[variables] - old * (time - self.since[variables])
        try:
            slope, x = self.ties.decide(component, x, hits)
        except NoEnd:
            raise SolverError(f"at t = {time:.9g} no continuation was found.") from None
        self.x[variables], self.since[variables], self.slope[variables] = x, time, slope
        self.moving += int(np.count_nonzero(slope)) - int(np.count_nonzero(old))
        if self.path is not None:
            self.path.append(time, variables, x, -slope)
        seeing = inc.seeing(variables[slope != old])
        seeing = seeing[self.ties.is_open(seeing)]
        self._due[places] = np.inf
        return distinct(np.concatenate([seeing, places[self.ties.is_open(places)]]))

    # ---- when the next ones come

    def _schedule(self, places: np.ndarray, time: float) -> None:
        if not len(places):
            return
        candidates, counts = spread(self.inc.first, places)
        left = self._time_left(places, candidates, time)
        due = time + np.minimum.reduceat(left, np.cumsum(counts) - counts)
        self._due[places] = due
        for k in np.flatnonzero(np.isfinite(due)).tolist():
            heapq.heappush(self._queue, (float(due[k]), int(places[k])))

    def _time_left(self, places: np.ndarray, candidates: np.ndarray, time: float) -> np.ndarray:
        """For all candidates of some places, the time until they catch up with what is taken."""
        inc = self.inc
        which, seen, entries = inc.entries(candidates)
        slopes = self.slope[seen]
        now = self.x[seen] - slopes * (time - self.since[seen])
        count = len(candidates)
        keys = np.bincount(which, entries * now, count) + inc.program.constants[candidates]
        rates = -np.bincount(which, entries * slopes, count)
        taken = self.ties.tied[candidates]
        sizes = inc.first[places + 1] - inc.first[places]
        starts = np.cumsum(sizes) - sizes
        top: Any = lambda v: np.repeat(
            np.maximum.reduceat(np.where(taken, v, -np.inf), starts), sizes
        )
        gaps, closing = top(keys) - keys, rates - top(rates)
        comes = ~taken & (closing > 0.01 * inc.noise[candidates])
        return np.where(comes, np.maximum(gaps, 0.0) / np.where(comes, closing, 1.0), np.inf)

    # ---- what is said of it

    def record(self) -> None:
        """Say what happened in the present instant, which is over: one event for each kind."""
        found: dict[Kind, list[int]] = {"slide": [], "release": [], "cross": []}
        for place, before in self.ties.before.items():
            after = self.ties.at(place)
            if after == before:
                continue
            if len(after) > 1 and not {*after} <= {*before}:
                found["slide"].append(place)
            if len(before) > 1 and not {*before} <= {*after}:
                found["release"].append(place)
            if len(before) == len(after) == 1:
                found["cross"].append(place)
        if self.ties.before:
            self.sides += self.time > 0
        self.ties.before.clear()
        for kind, places in found.items():
            if places:
                self.events.append(Event(self.time, kind, self._kinks(sorted(places))))
        if self.stopped and (not self.events or self.events[-1].kind != "stop"):
            held = np.flatnonzero(self.ties.number > 1).tolist()
            self.events.append(Event(self.time, "stop", self._kinks(held)))

    def _kinks(self, places: list[int]) -> tuple[Kink, ...]:
        return tuple(Kink(*self.program.places[place]) for place in places)
