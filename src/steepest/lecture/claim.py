"""One claim of the lecture: a theorem's certificate on the lecture's instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import jax

from steepest.theorems.certificate import Certificate

T = TypeVar("T")
Size = Literal["quick", "paper"]


@dataclass(frozen=True)
class Setting:
    """How large a claim is run, and from which seed; `data` is the user's CIFAR-10 folder."""

    size: Size = "quick"
    seed: int = 0
    data: Path | None = None

    @property
    def key(self) -> jax.Array:
        """The random key that every random draw of a claim derives from."""
        return jax.random.key(self.seed)

    def pick(self, *, quick: T, paper: T) -> T:
        """The value for this size."""
        return paper if self.size == "paper" else quick


@dataclass(frozen=True)
class Claim:
    """A claim of the lecture, ready to run.

    Attributes:
        id: the lecture's id, such as "C1" or "X2".
        title: the claim in one line of plain text with Unicode mathematics, for tables.
        statement: the claim in words, with LaTeX between dollar signs.
        heading: the heading of the slide that it stands on.
        source: author, year, theorem.
        run: from a `Setting` to a certificate.
    """

    id: str
    title: str
    statement: str
    heading: str
    source: str
    run: Callable[[Setting], Certificate]


def claim(
    id: str, *, title: str, statement: str, heading: str, source: str
) -> Callable[[Callable[[Setting], Certificate]], Claim]:
    """Make a claim of the function that runs it."""

    def decorate(run: Callable[[Setting], Certificate]) -> Claim:
        return Claim(id, title, statement, heading, source, run)

    return decorate
