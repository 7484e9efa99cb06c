"""All walks of a program, put together to a differential."""

from __future__ import annotations

import numpy as np

from steepest.clarke._assemble import assemble
from steepest.clarke._continuity import pieces_agree
from steepest.clarke._differential import ClarkeDifferential, Piece
from steepest.clarke._equalities import equalities_agree
from steepest.clarke._expressions import expressions
from steepest.clarke._identities import Identities
from steepest.clarke._pieces import list_pieces
from steepest.clarke._probe import Probe, jumps_near, slope_grows
from steepest.clarke._sampling import sampled_hull
from steepest.clarke._visit import Visit
from steepest.convex import ConvexSet, Empty, Everything, Hull
from steepest.errors import NotLocallyLipschitzError
from steepest.pieces import NeedsBranch, Program, Walked, walk

MAX_WALKS = 512
_SAMPLES = 200
_RADIUS = 1e-4


class Assembly:
    """All walks of a program, put together."""

    def __init__(self, program: Program, rng: np.random.Generator, tie_tol: float | None):
        self.program, self.rng, self.tie_tol = program, rng, tie_tol
        self.d = program.point.dimension
        self.visits: list[Visit] = []
        self.lines: list[str] = []
        self.jump_lines: list[str] = []
        self.walks = 0
        self.value = float(np.asarray(program([*program.start])))

    def differential(self) -> ClarkeDifferential:
        try:
            self.explore()
        except _TooManyWalks:
            return self.bracket("too many combinations of jumping choices")
        self.check_values()
        singular = [v.walked for v in self.leaves if v.walked.singular_line]
        if singular:
            line = singular[0].singular_line
            if slope_grows(self.probe, self.value, self.rng):
                raise NotLocallyLipschitzError(
                    f"the slope of f grows without bound near x: {line} has no finite derivative "
                    "there, and difference quotients grow at every smaller radius; no Clarke "
                    "differential exists. Move x, or smooth that line."
                )
            return self.bracket(f"{line} has no derivative of its own at x")
        self.check_continuity()
        return self.combined()

    @property
    def leaves(self) -> list[Visit]:
        """The walks that are not proved to have no piece at x."""
        return [v for v in self.visits if v.leaf.active is not False]

    def check_continuity(self) -> None:
        """Raise where f jumps near x; `continuous` tells whether it is proved that it does not."""
        self.continuous = not self.parted
        for visit in self.leaves:
            tape = visit.walked.tape
            agree = equalities_agree(self.program, tape, self.probe, self.rng)
            if agree is False:
                raise self.jump(tape.equalities[0][3])
            self.continuous &= agree is True
        if self.jump_lines:
            agree = pieces_agree(self.program, self.visits, self.rng)
            if agree is False or (agree is None and jumps_near(self.probe, self.rng)):
                raise self.jump(self.jump_lines[0])
            self.continuous &= agree is True

    def jump(self, line: str) -> NotLocallyLipschitzError:
        return NotLocallyLipschitzError(
            f"f jumps at points arbitrarily near x: the choice at {line} takes values that differ "
            "on its two sides; no Clarke differential exists."
        )

    @property
    def probe(self) -> Probe:
        if not hasattr(self, "_probe"):
            self._probe = Probe(self.program)
        return self._probe

    def explore(self) -> None:
        """Walk the program, again for each outcome of a choice that must be told from outside."""
        waiting: list[dict[tuple[int, int], int]] = [{}]
        while waiting:
            forced = waiting.pop()
            self.walks += 1
            if self.walks > MAX_WALKS:
                raise _TooManyWalks
            seed = int(self.rng.integers(2**31))
            try:
                walked = walk(self.program, forced=forced, tie_tol=self.tie_tol, seed=seed)
            except NeedsBranch as need:
                self.jump_lines.append(need.line)
                outcomes = reversed(range(need.outcomes))
                waiting += [{**forced, need.address: outcome} for outcome in outcomes]
                continue
            self.visit(forced, walked)

    def visit(self, forced: dict[tuple[int, int], int], walked: Walked) -> None:
        tape = walked.tape
        self.lines.extend(f"{s.name} at {s.line}" for s in tape.switches)
        if walked.singular_line and not np.isfinite(walked.value):
            raise NotLocallyLipschitzError(
                f"f is {walked.value} at x: {walked.singular_line} is not defined there."
            )
        if not np.isfinite(walked.value) and not np.isfinite(self.value):
            raise NotLocallyLipschitzError(
                f"f is {self.value} at x; no Clarke differential exists."
            )
        e = expressions(self.program, tape, self.rng)
        self.jump_lines.extend(tape.switches[tape.exits[i].switch].line for i in e.unproved_exits)
        identities = Identities(self.program, tape, self.rng)
        leaf = assemble(e, tape.affine, identities)
        self.visits.append(Visit(forced, walked, e, leaf))

    def check_values(self) -> None:
        """Pieces that meet at x have one value there, the function's own; `parted` tells whether
        they differ by more than rounding explains where slopes are moderate."""
        value = self.value
        if not np.isfinite(value):
            where = next(
                (v.walked.singular_line for v in self.leaves if v.walked.singular_line), "x"
            )
            raise NotLocallyLipschitzError(f"f is {value} at x, from {where}.")
        values = [
            v.walked.value for v in self.leaves if v.leaf.active and not v.walked.singular_line
        ]
        size = max([1e-300, abs(value), *[abs(v) for v in values]])
        tolerance = 1e-9 * size + (self.tie_tol or 0.0) + self.rounding(size)
        apart = max((abs(v - value) for v in values), default=0.0)
        self.parted = apart > tolerance / 8
        if apart > tolerance:
            lines = self.jump_lines or self.lines or ["x"]
            seen = sorted({round(v, 12) for v in values})
            raise NotLocallyLipschitzError(
                f"f jumps at x: its pieces there have the values {seen} and f(x) = {value:.12g}, "
                f"by the choice at {lines[0]}; no Clarke differential exists."
            )

    def rounding(self, size: float) -> float:
        """Of values of f. Constants, and x at a tie, are rounded to the program's own precision,
        and the pieces' slopes multiply that."""
        return 512 * self.program.eps * max(size, 1.0)

    def combined(self) -> ClarkeDifferential:
        leaves = [v.leaf for v in self.leaves]
        if not leaves:
            return self.bracket("no piece could be proved to touch x")
        evidence = sorted({line for leaf in leaves for line in leaf.evidence})
        decided = all(leaf.exact for leaf in leaves)
        exact = decided and self.continuous
        if len(leaves) == 1:
            inner, outer = leaves[0].inner, leaves[0].outer
        else:
            inner = _hull_of_union([leaf.inner for leaf in leaves], self.d)
            outer = _hull_of_union([leaf.outer for leaf in leaves], self.d)
        if not decided:
            evidence.append("some pieces are open at first order")
        if not self.continuous:
            # Where f may jump in a set too thin to have been seen, so may its gradients.
            outer = Everything(self.d)
            evidence.append("not proved to be continuous near x")
        elif self.jump_lines:
            evidence.append("pieces agree where they meet")
        return ClarkeDifferential(
            inner,
            inner if exact else outer,
            exact,
            "; ".join(evidence),
            self.program.point,
            self.value,
            tuple(dict.fromkeys(self.lines)),
            None,
            self.stats(),
            self.pieces,
        )

    def stats(self) -> dict[str, int]:
        return {
            "ties": max((len(v.walked.tape.switches) for v in self.leaves), default=0),
            "walks": self.walks,
            "programs": sum(v.leaf.programs for v in self.leaves),
        }

    def bracket(self, reason: str) -> ClarkeDifferential:
        value = getattr(self, "value", float("nan"))
        return ClarkeDifferential(
            Empty(self.d),
            Everything(self.d),
            False,
            reason,
            self.program.point,
            value,
            tuple(dict.fromkeys(self.lines)),
            sampled_hull(self.program, _SAMPLES, _RADIUS, self.rng),
            self.stats(),
        )

    def pieces(self) -> tuple[Piece, ...]:
        return list_pieces(self.program, [(v.walked, v.rows) for v in self.leaves], self.rng)


class _TooManyWalks(Exception):  # noqa: N818 (never leaves this module)
    pass


def _hull_of_union(sets: list[ConvexSet], d: int) -> ConvexSet:
    if any(isinstance(s, Everything) for s in sets):
        return Everything(d)
    points = [s.vertices for s in sets if not isinstance(s, Empty)]
    return Hull(np.concatenate(points)) if points else Empty(d)
