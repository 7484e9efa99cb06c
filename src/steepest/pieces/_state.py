"""What a walk knows on its way: the tape that it writes, and the bookkeeping of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import TooManyPiecesError
from steepest.pieces._number import Number
from steepest.pieces._program import Program
from steepest.pieces._tape import Exit, Node, Tape

TIE_FACTOR = 8.0
MAX_NODES = 100_000
SEVERAL = -2  # the label of a number that differs by more than one switch


class NeedsBranch(Exception):  # noqa: N818 (a signal to the caller of the walk, not an error)
    """Walk again with the switch at `address` forced to each of its `outcomes` in turn."""

    def __init__(self, address: tuple[int, int], outcomes: int, line: str):
        super().__init__(address)
        self.address, self.outcomes, self.line = address, outcomes, line


class State:
    """The tape so far, and what the steps of a walk ask of each other.

    Attributes:
        forced: addresses of switches → the outcome to take.
        makers: variable of the tape → (the node that made it, which of its outputs).
        known: comparisons that are open → their switch; an equal comparison is the same switch.
        moved: steps that move numbers about → what they gave.
        step: how many choosing steps there were.
        bad_line: the user's line of the last step that was not defined somewhere.
        call_line: while inside a function of JAX's own, the line that called it.
    """

    def __init__(
        self,
        program: Program,
        forced: dict[tuple[int, int], int],
        tie_tol: float | None,
        seed: int,
    ):
        self.program, self.forced, self.tie_tol = program, forced, tie_tol
        self.rng = np.random.default_rng(seed)
        self.tape = Tape([leaf.shape for leaf in program.start])
        self.count = len(program.start)
        self.makers: dict[int, tuple[Node, int]] = {}
        self.known: dict[Any, int] = {}
        self.moved: dict[Any, list[Number]] = {}
        self.step = 0
        self.bad_line: str | None = None
        self.call_line: str | None = None

    def tolerance(self, size: Any, eps: float) -> Any:
        if self.tie_tol is not None:
            return np.full(np.shape(size), self.tie_tol)
        return TIE_FACTOR * eps * size

    def add(self, node: Node) -> None:
        if len(self.tape.nodes) >= MAX_NODES:
            raise TooManyPiecesError(
                f"the program takes more than {MAX_NODES} steps once its loops are unrolled (at "
                f"{node.line}); sample instead: clarke(f, samples=..., radius=...)."
            )
        self.tape.nodes.append(node)

    def fresh(self, node: Node) -> int:
        index = self.count
        self.count += 1
        self.makers[index] = (node, len(node.outputs))
        node.outputs.append(index)
        return index

    def add_exit(
        self, node: Node, place: int, e: int, switch: int, base: float, sign: float | None
    ) -> None:
        index = len(self.tape.exits)
        self.tape.exits.append(Exit(index, switch, e, float(base), sign))
        node.exits.setdefault(place, []).append(index)

    def branch_on(self, number: Number) -> Any:
        labels = number.labels
        assert labels is not None
        single = labels[labels >= 0]
        t = int(single.min()) if single.size else self.several
        switch = self.tape.switches[t]
        raise NeedsBranch(switch.address, len(switch.outcomes), switch.line)

    @property
    def several(self) -> int:
        """Some jump that is open: where labels have met, the first open jump is as good as any."""
        return next(s.index for s in self.tape.switches if s.jumps and s.forced is None)
