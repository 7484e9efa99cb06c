"""The compiled functions of a program: for every mode, and for every solve of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from steepest.flow._crossing import Crossings
from steepest.flow._field import Fields, Tied
from steepest.flow._loop import Loop
from steepest.flow._mode import Arguments
from steepest.flow._scales import Scales
from steepest.flow._standing import Limits, Step
from steepest.flow._stepper import Stepper
from steepest.pieces import Program
from steepest.pieces._compile import compiled, compiled_to_numpy
from steepest.pieces._content import Content
from steepest.pieces._gated import Gated

_KEPT = 8  # programs
_MOST_BYTES = 2**26  # closed over by a program that is kept


class Own(NamedTuple):
    """The program itself at a point; see `Gated.actual`."""

    value: Any
    keys: Any
    weights: Any


class Functions:
    """See the module.

    Args:
        program: the user's.
        stiff: whether steps are implicit ones.

    Attributes:
        gated: the program with its choices as data.
        loop, turn, tied, own: see `Loop`, `Fields.turn`, `Fields.tied` and `Own`; the first three
            take `Scales` in the end.
        called: which of them were called, and for how many pairs: those need no compilation.
    """

    def __init__(self, program: Program, stiff: bool):
        gated = self.gated = Gated(program)
        self.called: set[tuple[str, int]] = set()

        def loop(
            t: Any, y: Any, next_t: Any, mode: Arguments, limits: Limits, scales: Scales
        ) -> Step:
            fields = Fields(gated, scales)
            stepper = Stepper(fields.velocity, scales.rtol, scales.atol, stiff)
            return Loop(fields, stepper, Crossings(fields))(t, y, next_t, mode, limits)

        def turn(y: Any, weights: Any, step: Any, along: Any, scales: Scales) -> Any:
            return Fields(gated, scales).turn(y, weights, step, along)

        def tied(y: Any, mode: Arguments, scales: Scales) -> Tied:
            return Fields(gated, scales).tied(y, mode)

        self.loop = compiled_to_numpy(loop)
        self.turn = compiled_to_numpy(turn)
        self.tied = compiled_to_numpy(tied)
        self.own = compiled(lambda y: Own(*gated.actual(program.leaves(y))))


def functions(program: Program, stiff: bool) -> Functions:
    """Those of a program, compiled before if the last few had one of the same content."""
    size = sum(getattr(const, "nbytes", 0) for const in program.closed.consts)
    return Functions(program, stiff) if size > _MOST_BYTES else kept(Content(program), stiff)


@lru_cache(maxsize=_KEPT)
def kept(content: Content, stiff: bool) -> Functions:
    return Functions(content.program, stiff)
