"""What happens on the way of a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from steepest.errors import SolverError

Kind = Literal["cross", "slide", "release", "stop"]
KINDS: tuple[Kind, ...] = ("cross", "slide", "release", "stop")


class NoContinuationError(SolverError):
    """No mode was found to go on in."""


class Kink(NamedTuple):
    """One scalar choice of the program.

    Attributes:
        line: the user's line.
        primitive: what chooses there.
        element: which element of its result, counted flat.
    """

    line: str
    primitive: str
    element: int

    def __str__(self) -> str:
        return f"{self.primitive}[{self.element}] at {self.line}"


@dataclass(frozen=True)
class Event:
    """A change of mode.

    Attributes:
        time: when.
        kind: the flow crosses a kink, begins to slide on it, leaves it, or stops for good.
        kinks: which.
        unique: False where another continuation is a solution, too.
    """

    time: float
    kind: Kind
    kinks: tuple[Kink, ...]
    unique: bool = True

    def __str__(self) -> str:
        kinks = "; ".join(map(str, self.kinks[:3]))
        more = f" and {len(self.kinks) - 3} more" if len(self.kinks) > 3 else ""
        doubt = "" if self.unique else " (not the only solution)"
        what = f" {kinks}{more}" if kinks else ""
        return f"t = {self.time:.9g}: {self.kind}{what}{doubt}"
