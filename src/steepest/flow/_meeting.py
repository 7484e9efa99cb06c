"""What is met on the way: which mode goes on, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from steepest.errors import NotLocallyLipschitzError, SolverError
from steepest.flow._crossing import NEAR_ROOT, ROUNDING
from steepest.flow._decide import Decider
from steepest.flow._events import KINDS, Event, Kind, Kink, NoContinuationError
from steepest.flow._field import Look
from steepest.flow._joined import with_joined
from steepest.flow._letting_go import LettingGo, Off, Wait
from steepest.flow._machine import Machine
from steepest.flow._mode import Mode
from steepest.flow._norms_at_zero import AT_ZERO, norms_at_zero
from steepest.flow._other_ways import continues_uniquely
from steepest.flow._sliding import LET_GO
from steepest.flow._smooth_zeros import SmoothZeros
from steepest.flow._standing import Step

_ON = 1e-14  # a state this near to its ties, in shares of the start, is on them
_NEAR_ZERO = 10.0  # times the smallest norm that is not zero: it may be, for all that steps tell
_SAME_SURFACE = 2e7  # times rounding in double precision: 16 times that in single, of constants


class Meeting:
    """The events of one solve.

    Args:
        machine: the compiled functions.
        through: whether kinks are gone through; if not, one is an error.

    Attributes:
        wait: from the last event to where the flow is taken up, where there is one.
        events: so far.
    """

    def __init__(self, machine: Machine, through: bool):
        self.machine, self.gated, self.through = machine, machine.gated, through
        self.letting_go = LettingGo(machine)
        self.smooth_zeros = SmoothZeros(machine, self.letting_go.least)
        self.wait: Wait | None = None
        self.events: list[Event] = []

    def event(
        self, t: float, look: Look, mode: Mode, *, left: bool, again: bool
    ) -> tuple[Mode, np.ndarray]:
        """The mode, and the state, after what was met.

        left: a multiplier said so.
        again: it is one of many events at this instant; all that ties is decided at once.
        """
        self.wait = None
        self.refuse_root(t, look)
        mode = mode.explicit()
        before, y = mode, look.y
        if np.max(np.abs(look.onto - y), initial=0.0) > _ON * self.machine.scales.start:
            y = look.onto
        held, y, smooth = self.at_zeros(t, mode, y, look.keys)
        for gate in smooth:
            before = before.without_norm(gate)
        near = left or held is not mode
        found, y = self.decided_nearest(t, before, held, y, near=near, left=left, again=again)
        return self.off_smooth_zeros(t, found, y, smooth)

    def off_smooth_zeros(
        self, t: float, mode: Mode, y: np.ndarray, smooth: list[int]
    ) -> tuple[Mode, np.ndarray]:
        """The mode with the norms that were set aside, and the state at which it is taken up."""
        if not smooth:
            return mode, y
        mode, y, wait = self.smooth_zeros.left(t, y, mode, smooth)
        self.wait = wait if self.wait is None else self.wait
        return mode, y

    def decided_nearest(
        self,
        t: float,
        before: Mode,
        mode: Mode,
        y: np.ndarray,
        *,
        near: bool,
        left: bool,
        again: bool,
    ) -> tuple[Mode, np.ndarray]:
        """`decided`, first for what ties but for rounding: what is only near is met when its time
        comes. The errors of the steps may have parted what is met together, so then for all that
        is near.

        near: something is met already.
        """
        scales = self.machine.scales
        narrow, room = Decider(self.machine, y, scales.narrow), scales.room
        if near or narrow.ties(mode, narrow.look(mode).keys):
            try:
                return self.decided(t, before, mode, narrow, left=left, again=again)
            except SolverError:
                pass
            except NotLocallyLipschitzError:
                # Choices on one surface may take a jump back from each other; other surfaces do
                # not, however near.
                room = lambda size, scale: np.minimum(
                    scales.room(size), _SAME_SURFACE * scales.narrow(size, scale)
                )
        wide = Decider(self.machine, y, room)
        return self.decided(t, before, mode, wide, left=left, again=again)

    def at_zeros(
        self, t: float, mode: Mode, y: np.ndarray, keys: np.ndarray
    ) -> tuple[Mode, np.ndarray, list[int]]:
        """(the mode with the norms that come to zero held, the state with these at zero, those that
        count for nothing there and are set aside)."""
        held, zero = mode, y
        least = AT_ZERO * float(self.machine.scales.nearest_root)
        while gates := norms_at_zero(held, keys, least):  # with one at zero others may come to it
            for gate in gates:
                held = held.with_norm(gate, held=True)
            zero = self.machine.onto_zeros(zero, held)
            keys = self.machine.look(zero, held).keys
        met = [gate for gate, _ in held.norms if mode.active[gate]]
        smooth = self.smooth_zeros.among(zero, held, met)
        counting = [gate for gate in met if gate not in smooth]
        self.refuse_kink(t, mode, counting)
        if not smooth:
            return held, zero, []
        for gate in counting:
            mode = mode.with_norm(gate, held=True)
        for gate in smooth:
            mode = mode.without_norm(gate)
        return mode, self.machine.onto_zeros(y, mode) if counting else y, smooth

    def decided(
        self, t: float, before: Mode, mode: Mode, decider: Decider, *, left: bool, again: bool
    ) -> tuple[Mode, np.ndarray]:
        """`event`, for what ties to a decider.

        Args:
            before: the mode that was followed.
            mode: the same, with the norms that are at zero held.
        """
        look = decider.look(mode)
        joined = with_joined(decider, mode.apart(), decider.ties(mode.apart(), look.keys))
        if joined is not None:
            mode, look = joined, decider.look(joined)
        ties = decider.ties(mode, look.keys)
        hits = [tie for tie in ties if look.rates[tie[0]] < look.rates[tie[1]]]
        scale = float(look.scale)
        crossed, real = self.past_neutral(decider, mode, scale, hits)
        self.refuse_jump(t, decider, mode, crossed)
        mode = crossed
        if not self.through:  # where f jumps, or ends, it has no kink
            beyond = mode
            for base, other in real:
                if beyond.active[base] and len(beyond.members(base)) == 1:
                    beyond = beyond.crossed(base, other)
            self.refuse_jump(t, decider, mode, beyond)
        self.refuse_kink(t, mode, [other for _, other in real])
        at, off, gates = decider, None, []
        found = decider.as_found(decider.least_norm(mode, real)) if again else None
        if found is None:
            ways = self.ways_on(t, before, mode, real, decider, left=left)
            goes_on = self.continued(t, decider, ways)
            if goes_on is None:
                met = [other for _, other in real] + [k for pair in mode.pairs for k in pair]
                named = self.named(mode, met) or "that point; f may jump there"
                raise NoContinuationError(f"at t = {t:.9g} no continuation was found past {named}.")
            found, at, off, gates = goes_on
        self.wait = None if off is None else off.wait
        self.refuse_jump(t, at, mode, found)
        gates = [gate for gate in gates if before.active[gate] and found.active[gate]]
        self.record(t, before, found, at, gates)
        return found, self.onto_ties(at, found)

    def continued(
        self, t: float, decider: Decider, ways: Iterable[tuple[Off, list[tuple[int, list[int]]]]]
    ) -> tuple[Mode, Decider, Off | None, list[int]] | None:
        """(the mode that goes on, the decider where it is taken up, how it comes there if that is
        off the zeros of norms, the gates of norms that were let go for it), by the first of the
        ways that leads to one."""
        for off, opened in ways:
            gates = [gate for gate, _ in opened]
            at = Decider(self.machine, off.y, decider.room) if opened else decider
            found = at.next_mode(off.mode)
            if found is None:
                continue
            if not all(found.active[gates]):
                # It is held on: what was found off its zero would keep it there.
                return found, decider, None, gates
            if opened and off.wait is None:
                off = self.letting_go.on_time(t, decider.y, off, found, opened)
                at = Decider(self.machine, off.y, decider.room)
            return found, at, off, gates
        return None

    def ways_on(
        self,
        t: float,
        before: Mode,
        mode: Mode,
        real: list[tuple[int, int]],
        decider: Decider,
        *,
        left: bool,
    ) -> Iterator[tuple[Off, list[tuple[int, list[int]]]]]:
        """(where to look for the mode that goes on, the norms that are let go there), the likeliest
        first."""
        y, look, let_go = decider.y, decider.look(mode), self.letting_go.let_go
        if left and not decider.has_others(mode, look):
            freed = mode
            for k in sorted(mode.choices, key=lambda k: look.multipliers[k]):
                if look.multipliers[k] <= LET_GO and len(freed.members(k)) > 1:
                    freed = freed.released(decider.leaves(freed, k))
            opened = self.letting_go.opened(freed, look.multipliers)
            yield let_go(t, y, mode, freed, opened, look) if opened else Off(freed, y, None), opened
        yield Off(mode, y, None), []
        # What came to its zero too fast to be held there leaves it on the other side.
        opened = self.passed_through(before, mode, look)
        if opened:
            yield let_go(t, y, mode, mode, opened, look), opened
        # What is met now may let go of norms that were held.
        least = decider.least_norm(mode, real)
        opened = [] if least is None else self.letting_go.opened(least, least.weights)
        if least is not None and opened:
            yield let_go(t, y, least, least, opened, decider.look(least)), opened

    def onto_ties(self, decider: Decider, mode: Mode) -> np.ndarray:
        """The state, on the ties that it is beyond: seen from there they would be met at once, and
        nothing would change."""
        y, look = decider.y, decider.look(mode)
        if np.min(look.watched, initial=np.inf) > 0:
            return y
        for base, other in decider.ties(mode, look.keys):
            if look.keys[other] > look.keys[base]:
                mode = mode.sliding(other)
        return np.asarray(decider.look(mode).onto)

    def made(self, mode: Mode, s: Step) -> None:
        """Events of a loop, which left nothing to decide."""
        for i in range(int(s.events)):
            kinks = self.kinks(mode, [int(s.candidates[i])])
            self.events.append(Event(float(s.times[i]), KINDS[int(s.kinds[i])], kinks))

    def past_neutral(
        self, decider: Decider, mode: Mode, scale: float, hits: list[tuple[int, int]]
    ) -> tuple[Mode, list[tuple[int, int]]]:
        """The mode beyond the hits that change nothing in the gradient, and the other hits.

        One may do so only after another: where(x > 0, x, expm1(where(x > 0, 0, x))) is smooth at 0,
        and its outer choice alone is not.
        """
        rest = hits
        while True:
            left = []
            for winner, other in rest:
                if not decider.is_neutral(mode, scale, winner, other):
                    left.append((winner, other))
                elif mode.active[winner] and len(mode.members(winner)) == 1:
                    mode = mode.crossed(winner, other)
            if len(left) in (0, len(rest)):
                return mode, left
            rest = left

    # ---- norms

    def passed_through(self, before: Mode, mode: Mode, look: Look) -> list[tuple[int, list[int]]]:
        """The norms (gate, entries) that came to zero just now and cannot be held by as much as
        they would have to be."""
        norms = self.letting_go.opened(mode, look.multipliers)
        return [
            (gate, entries)
            for gate, entries in norms
            if before.active[gate] and np.linalg.norm(look.multipliers[entries]) > 1
        ]

    # ---- what is told

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

    def record(
        self, t: float, before: Mode, after: Mode, decider: Decider, passed: Sequence[int] = ()
    ) -> None:
        """The events that lead from one mode to the next; `passed`: the gates of norms that are
        open in both, and were zero in between."""
        held = lambda mode: {k for pair in mode.pairs for one in pair for k in mode.together(one)}
        was, now = held(before), held(after)
        groups: dict[Kind, list[int]] = {"slide": [], "release": [], "cross": [*passed]}
        for k in map(int, np.flatnonzero(before.active != after.active)):
            members = set(before.place_of(k)[2])
            if not self.gated.is_choice[k]:
                groups["slide" if k in now else "release"].append(k)
            elif members & now and after.active[k]:
                groups["slide"].append(k)
            elif members & was and not after.active[k]:
                groups["release"].append(k)
            elif after.active[k]:
                groups["cross"].append(k)
        unique = continues_uniquely(decider, before, after)
        for kind, candidates in groups.items():
            if candidates:
                kinks = self.kinks(after, candidates)
                self.events.append(Event(float(t), kind, kinks, unique))
        look = decider.look(after)
        if self.events and self.events[-1].kind == "stop" and not any(groups.values()):
            return
        if np.linalg.norm(look.velocity) <= 1e-12 * float(look.scale):
            self.events.append(Event(float(t), "stop", self.kinks(after, sorted(now)), unique))

    # ---- what ends a run

    def refuse_kink(self, t: float, mode: Mode, met: list[int]) -> None:
        if met and not self.through:
            raise SolverError(
                f"the gradient flow meets a kink at t = {t:.9g}: {self.named(mode, met)}. "
                "What happens there is for gradient_inclusion, which has the same arguments."
            )

    def refuse_near_zeros(self, t: float, look: Look, mode: Mode) -> None:
        """Where gradient flow is said to end at kinks, also at norms that may be zero for all that
        the steps tell."""
        near = norms_at_zero(mode, look.keys, _NEAR_ZERO * float(self.machine.scales.nearest_root))
        if near and not self.through:
            held = mode
            for gate in near:
                held = held.with_norm(gate, held=True)
            smooth = self.smooth_zeros.among(self.machine.onto_zeros(look.y, held), held, near)
            self.refuse_kink(t, mode, [gate for gate in near if gate not in smooth])

    def refuse_start(self, mode: Mode, met: list[int]) -> None:
        if met and not self.through:
            raise SolverError(
                f"x0 is on a kink: {self.named(mode, met)}. What happens there is for "
                "gradient_inclusion, which has the same arguments."
            )

    def refuse_jump(self, t: float, decider: Decider, before: Mode, after: Mode) -> None:
        if before is after:
            return
        values = [float(decider.look(m).value) for m in (before, after)]
        changed = np.flatnonzero(before.active != after.active)
        kinks = self.named(after, [int(k) for k in changed])
        if np.isfinite(values[0]) and not np.isfinite(values[1]):
            raise SolverError(f"f is {values[1]} beyond t = {t:.9g}: {kinks}.")
        parted = abs(values[0] - values[1])
        # Where all of f comes to 0 the values may be as small as the state is by rounding.
        usual = float(decider.look(before).scale * self.machine.scales.start)
        parted -= ROUNDING * (abs(values[0]) + abs(values[1]) + usual)
        if parted > 0 and parted > 4 * decider.may_part(before, after):
            raise NotLocallyLipschitzError(
                f"f jumps from {values[0]:.6g} to {values[1]:.6g} at t = {t:.9g}: {kinks}."
            )

    def refuse_root(self, t: float, look: Look) -> None:
        count = len(self.gated.root_lines)
        least = NEAR_ROOT * self.machine.scales.nearest_root
        near = np.flatnonzero(look.watched[len(look.watched) - count :] <= least) if count else []
        if len(near):
            raise SolverError(
                f"at t = {t:.9g} a root is at zero to the tolerance: "
                f"{self.gated.root_lines[near[0]]}. A flow is not followed through that."
            )
