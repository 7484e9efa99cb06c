"""Mode by mode: integrate, locate what is met, decide what goes on."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from steepest.errors import NotLocallyLipschitzError, SolverError
from steepest.flow._arguments import Request
from steepest.flow._decide import Decider
from steepest.flow._events import Event, Kind, Kink
from steepest.flow._field import Fields
from steepest.flow._mode import Mode, own_mode
from steepest.flow._stepper import AT_ONCE, Stepper
from steepest.pieces._compile import compiled
from steepest.pieces._gated import Gated
from steepest.trajectory import Divergence, Trajectory

_AT_ONCE = 500  # steps between two chances for Ctrl-C
_LET_GO = 1e-9
_TIE = 8 * float(np.finfo(np.float64).eps)


class Solver:
    """One solve.

    Args:
        request: what is asked.
        rtol, atol, stiff: of the steps.
        max_steps, max_events: when to give up.
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
        through: bool,
    ):
        self.request, self.through = request, through
        self.rtol, self.atol = rtol, atol
        self.max_steps, self.max_events = max_steps, max_events
        self.gated = Gated(request.program)
        fields = self.fields = Fields(
            self.gated, request, atol + rtol * float(np.max(np.abs(request.start), initial=0.0))
        )
        self.events: list[Event] = []
        self.counts = {"steps": 0, "rejected": 0, "located": 0}
        self.began = time.perf_counter()
        self.seconds = float("nan")

        self.stepper = Stepper(fields.velocity, fields.watch, request.t1, rtol, atol, stiff)
        pull = lambda y, w, along: jax.vjp(lambda y: fields.value(y, w)[1], y)[1](along)[0]
        self.compiled = SimpleNamespace(
            begin=compiled(self.stepper.begin),
            advance=compiled(self.stepper.advance),
            inside=compiled(self.stepper.inside),
            look=compiled(fields.look),
            slope=compiled(fields.slope),
            jump=compiled(fields.jump),
            key_rates=compiled(fields.key_rates),
            onto_ties=compiled(fields.onto_ties),
            own=compiled(lambda y: self.gated.actual(request.leaves(y))),
            pull=compiled(pull),
            value=compiled(lambda y, w: fields.value(y, w)[0]),
            watched=compiled(request.watched),
        )
        self.saved: list[dict[str, Any]] = []

    def room(self, size: Any) -> Any:
        """Keys this near are taken to be met together."""
        return 0.1 * (self.atol + self.rtol * size)

    def run(self) -> Trajectory:
        request = self.request
        y = request.start
        mode = self.start(y)
        args = mode.arguments()
        if request.ts[0] == 0.0:
            self.save(y, mode)
        s = self.begin(0.0, y, mode)
        self.compiled.advance(s, args, np.asarray(0.0), np.asarray(0))
        self.seconds = time.perf_counter() - self.began
        at_once, last = 0, -1.0
        while True:
            tried = int(s.accepted) + int(s.rejected)
            ahead = request.ts[len(self.saved) :]
            until = float(ahead[0]) if len(ahead) else request.t1
            s = self.compiled.advance(s, args, np.asarray(until), np.asarray(tried + _AT_ONCE))
            if not bool(s.finite):
                raise SolverError(self.blow_up(s), self.trajectory(s))
            if bool(s.negative):
                t, y = self.locate(s, mode)
                self.save_until(s, t, mode)
                at_once = at_once + 1 if t <= last else 0
                last = t
                self.refuse_chatter(s, t, at_once)
                mode, y = self.event(t, y, mode, s, again=at_once > 2)
                args = mode.arguments()
                self.count(s)
                s = self.begin(t, y, mode)
                continue
            self.save_until(s, float(s.t), mode)
            if float(s.t) >= request.t1:
                break
            if self.counts["steps"] + int(s.accepted) + int(s.rejected) >= self.max_steps:
                raise SolverError(
                    f"{self.max_steps} steps were tried and the flow is at t = {float(s.t):.6g} of "
                    f"{request.t1:g}; loosen the tolerances, or try stiff=True.",
                    self.trajectory(s),
                )
        self.count(s)
        return self.trajectory(s, done=True)

    def begin(self, t: float, y: Any, mode: Mode) -> Any:
        """A first step that moves by a small share of the state, or of where it tends to."""
        args = mode.arguments()
        look = self.compiled.look(np.asarray(y), args)
        speed = float(np.max(np.abs(np.asarray(look.velocity)), initial=0.0))
        size = float(np.max(np.abs(y), initial=0.0)) + 1e-6
        width = min(self.request.t1 - t, 0.01 * size / speed if speed > 0 else self.request.t1)
        width = max(width, 1e-12 * max(t, 1e-6))
        return self.compiled.begin(np.asarray(t), np.asarray(y), np.asarray(width), args)

    def count(self, s: Any) -> None:
        self.counts["steps"] += int(s.accepted)
        self.counts["rejected"] += int(s.rejected)

    def save(self, y: Any, mode: Mode) -> None:
        y = np.asarray(y)
        self.saved.append(
            {
                "values": np.asarray(self.compiled.value(y, mode.weights)),
                "monitors": jax.tree.map(np.asarray, self.compiled.watched(y)),
                "xs": y,
            }
        )
        if not self.request.states:
            del self.saved[-1]["xs"]

    def save_until(self, s: Any, t: float, mode: Mode) -> None:
        """What is asked for up to t, in the last accepted step."""
        while True:
            due = self.request.ts[len(self.saved) :][:AT_ONCE]
            due = due[due <= t]
            if not len(due):
                return
            for y in self.inside(s, due, mode):
                self.save(y, mode)

    def inside(self, s: Any, ts: np.ndarray, mode: Mode) -> np.ndarray:
        padded = np.full(AT_ONCE, float(s.begin))
        padded[: len(ts)] = ts
        self.counts["located"] += len(ts)
        states = self.compiled.inside(s, padded, np.asarray(len(ts)), mode.arguments())
        return np.asarray(states)[: len(ts)]

    # ---- where something is met

    def locate(self, s: Any, mode: Mode) -> tuple[float, np.ndarray]:
        """The first time in the last step at which something watched is negative."""
        begin, end = float(s.begin), float(s.t)
        states: dict[float, np.ndarray] = {}

        def least(t: float) -> float:
            (states[t],) = self.inside(s, np.array([t]), mode)
            look = self.compiled.look(states[t], mode.arguments())
            watched = self.fields.watched(look.keys, look.multipliers, look.roots, mode.arguments())
            return float(np.min(watched))

        if least(begin) <= 0:
            return begin, states[begin]
        low = begin
        for high in np.linspace(begin, end, 6)[1:]:
            if least(float(high)) <= 0:
                break
            low = float(high)
        else:  # seen on the dense output alone
            return end, states[end]
        root: Any = brentq(
            least, low, float(high), xtol=1e-15 * max(end, 1e-300), rtol=np.float64(1e-15)
        )
        t = float(root)
        if t not in states:
            least(t)
        return t, states[t]

    def event(
        self, t: float, y: np.ndarray, mode: Mode, s: Any, *, again: bool
    ) -> tuple[Mode, np.ndarray]:
        """The mode, and the state, after what was met at (t, y).

        `again`: it is one of many events at this instant; all that ties is decided at once.
        """
        if mode.pairs:
            y = np.asarray(self.compiled.onto_ties(y, mode.arguments()))
        decider = Decider(self.compiled, y, self.room)
        look = decider.look(mode)
        self.refuse_root(t, look.roots, s)
        rates = decider.rates(mode, look.velocity)
        hits = [
            (base, other)
            for base, other in decider.ties(mode, look.keys)
            if rates[base] - rates[other] < 0
        ]
        neutral = [h for h in hits if decider.is_neutral(mode, float(look.scale), *h)]
        real = [h for h in hits if h not in neutral]
        before = mode
        for winner, other in neutral:
            if mode.active[winner]:
                mode = mode.crossed(winner, other)
        self.refuse_jump(t, y, before, mode)
        if not self.through and real:
            raise SolverError(
                f"the gradient flow meets a kink at t = {t:.9g}: "
                f"{self.named(mode, [other for _, other in real])}. "
                "What happens there is for gradient_inclusion, which has the same arguments.",
                self.trajectory(s),
            )
        # A weight that reached 0 is let go, though it is not yet clearly negative.
        after = mode
        for k in sorted({k for pair in mode.pairs for k in pair}):
            if look.multipliers[k] <= _LET_GO and len(after.members(k)) > 1:
                after = after.released(k)
        found = decider.least_norm(mode, real) if again else None
        found = found or decider.next_mode(after) or decider.next_mode(mode)
        if found is None:
            met = [other for _, other in real] + [k for pair in mode.pairs for k in pair]
            raise SolverError(
                f"at t = {t:.9g} no continuation was found past {self.named(mode, met)}.",
                self.trajectory(s),
            )
        self.refuse_jump(t, y, mode, found)
        self.record(t, mode, found, decider)
        return found, y

    def start(self, y: np.ndarray) -> Mode:
        """The mode at x0, where choices may tie."""
        _, keys, weights = map(np.asarray, self.compiled.own(y))
        mode = own_mode(self.gated, weights)
        decider = Decider(self.compiled, y, lambda size: _TIE * size)
        self.refuse_root(0.0, decider.look(mode).roots)
        slope = np.asarray(self.compiled.slope(y, mode.weights))
        if not np.all(np.isfinite(slope)):
            raise SolverError("the gradient of f is not finite at x0; start where it is.")
        ties = [
            tie
            for tie in decider.ties(mode, keys)
            if decider.row_size(mode, *tie) > 0
            and not decider.is_neutral(mode, float(np.linalg.norm(slope)), *tie)
        ]
        if not ties:
            return mode
        if not self.through:
            raise SolverError(
                f"x0 is on a kink: {self.named(mode, [other for _, other in ties])}. What happens "
                "there is for gradient_inclusion, which has the same arguments."
            )
        found = decider.least_norm(mode, ties)
        if found is None:
            raise SolverError(
                "no consistent mode was found at x0, on "
                f"{self.named(mode, [other for _, other in ties])}."
            )
        self.record(0.0, mode, found, decider)
        return found

    def kinks(self, mode: Mode, candidates: list[int]) -> tuple[Kink, ...]:
        found = []
        for k in candidates:
            site, place, _ = mode.place_of(k)
            found.append(Kink(site.line, site.name, int(place)))
        return tuple(dict.fromkeys(found))

    def named(self, mode: Mode, candidates: list[int]) -> str:
        """The first few of the kinks in words."""
        kinks = self.kinks(mode, candidates)
        rest = f" and {len(kinks) - 3} more" if len(kinks) > 3 else ""
        return "; ".join(map(str, kinks[:3])) + rest

    def record(self, t: float, before: Mode, after: Mode, decider: Decider) -> None:
        """The events that lead from one mode to the next."""
        held = lambda mode: {k for pair in mode.pairs for k in pair}
        was, now = held(before), held(after)
        changed = np.flatnonzero(before.active != after.active)
        groups: dict[Kind, list[int]] = {"slide": [], "release": [], "cross": []}
        for k in map(int, changed):
            members = set(before.place_of(k)[2])
            if members & now and after.active[k]:
                groups["slide"].append(k)
            elif members & was and not after.active[k]:
                groups["release"].append(k)
            elif after.active[k]:
                groups["cross"].append(k)
        for kind, candidates in groups.items():
            if candidates:
                unique = kind != "slide" or not self.concave(after, candidates, decider)
                kinks = self.kinks(after, candidates)
                self.events.append(Event(float(t), kind, kinks, unique))
        look = decider.look(after)
        if after.pairs and np.linalg.norm(look.velocity) <= 1e-12 * float(look.scale):
            self.events.append(Event(float(t), "stop", self.kinks(after, sorted(now))))

    def concave(self, mode: Mode, candidates: list[int], decider: Decider) -> bool:
        """Whether some of these ties is held although both sides lead away from it."""
        for base, other in mode.pairs:
            if base in candidates or other in candidates:
                turn = decider.jump(mode, base, other) @ decider.row(mode, base, other)
                if turn > 0:
                    return True
        return False

    # ---- what ends a run

    def refuse_jump(self, t: float, y: np.ndarray, before: Mode, after: Mode) -> None:
        values = [float(self.compiled.value(y, m.weights)) for m in (before, after)]
        size = abs(values[0]) + abs(values[1])
        if abs(values[0] - values[1]) > 1e-6 * size + 10 * self.atol:
            changed = np.flatnonzero(before.active != after.active)
            kinks = self.named(after, [int(k) for k in changed])
            raise NotLocallyLipschitzError(
                f"f jumps from {values[0]:.6g} to {values[1]:.6g} at t = {t:.9g}: {kinks}."
            )

    def refuse_root(self, t: float, roots: np.ndarray, s: Any = None) -> None:
        near = np.flatnonzero(roots <= self.fields.nearest_root * (1 + 1e-6))
        if len(near):
            raise SolverError(
                f"at t = {t:.9g} a root, or a norm, is at zero to the tolerance: "
                f"{self.gated.root_lines[near[0]]}. A flow is not followed through that.",
                None if s is None else self.trajectory(s),
            )

    def refuse_chatter(self, s: Any, t: float, at_once: int) -> None:
        if at_once > 20:
            raise SolverError(f"events do not come to an end at t = {t:.9g}.", self.trajectory(s))
        if self.through and len(self.events) >= self.max_events:
            raise SolverError(
                f"{self.max_events} events were met by t = {t:.9g}; max_events allows no more.",
                self.trajectory(s),
            )

    def blow_up(self, s: Any) -> str:
        leaves = self.request.leaves(np.asarray(s.y))
        sizes = [float(np.max(np.abs(leaf), initial=0.0)) for leaf in leaves]
        name = self.request.program.point.names[int(np.argmax(sizes))]
        return (
            f"the flow leaves the finite numbers at t = {float(s.t):.9g}, with {name} the largest "
            f"({max(sizes):.3g}): f is unbounded below, or not smooth there."
        )

    def trajectory(self, s: Any, done: bool = False) -> Trajectory:
        request, count = self.request, len(self.saved)
        columns = jax.tree.map(lambda *rows: np.stack(rows), *self.saved) if count else {}
        split = lambda ys: [np.asarray(leaf) for leaf in jax.vmap(request.leaves)(jnp.asarray(ys))]
        final = [np.asarray(leaf) for leaf in request.leaves(np.asarray(s.y))]
        steps = self.counts["steps"] + (0 if done else int(s.accepted))
        rejected = self.counts["rejected"] + (0 if done else int(s.rejected))
        stages = self.stepper.stages * (steps + rejected + self.counts["located"])
        return Trajectory(
            ts=request.ts[:count],
            xs=request.program.point.restore(split(columns["xs"]))
            if request.states and count
            else None,
            values=columns.get("values", np.zeros(0)),
            monitors=columns.get("monitors", {}),
            final=request.program.point.restore(final),
            events=tuple(self.events),
            stats={
                "gradients": stages,
                "rhs": stages,
                "steps": steps,
                "rejected": rejected,
                "events": len(self.events),
                "compile_seconds": self.seconds,
            },
            divergence=Divergence(-1, -1),
        )
