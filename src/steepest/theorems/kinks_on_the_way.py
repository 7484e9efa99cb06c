"""Whether a run passes a place at which f is not as smooth as a theorem asks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from steepest.curvature import sides
from steepest.errors import UnsupportedPrimitiveError
from steepest.flow import KinksPassed, TooManyTurns
from steepest.pieces import has_choices
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, in_words

_DERIVATIVES = ("f", "∇f", "∇²f")
_NAMES = {1: "f has no kink on the way", 2: "∇f and ∇²f do not jump on the way"}


class KinksOnTheWay:
    """Looks on ways of p for places at which ∇f (and, at order 2, ∇²f) is not Lipschitz.

    Compiled once for all ways.
    """

    def __init__(self, p: Problem, order: Literal[1, 2] = 1):
        self.p = p
        self.order: Literal[1, 2] = order
        self._name = _NAMES[order]

    @cached_property
    def _kinks(self) -> KinksPassed | None:
        """None where there is nothing that could turn.

        Raises:
            UnsupportedPrimitiveError: f chooses, and a primitive has no rule; with the line.
        """
        size = float(np.max(np.abs(flat(self.p.program.start)), initial=0.0))
        try:
            kinks = KinksPassed(self.p.program, self.order, nearest=64 * EPS * size)
        except UnsupportedPrimitiveError:
            if has_choices(self.p.program.closed.jaxpr, of_reals=True):
                raise
            return None  # smooth, but for roots and norms
        return kinks if kinks.watches else None

    def hypotheses(
        self, ways: Iterable[Float[np.ndarray, "n 4 d"]], joined: bool = True
    ) -> tuple[Hypothesis, ...]:
        """That there is none, where there is one or where that cannot be told.

        See `KinksPassed.first` on ways that are joined.
        """
        try:
            found = self._first(ways, joined)
        except UnsupportedPrimitiveError as error:
            return (Hypothesis(self._name, Evidence.UNKNOWN, str(error)),)
        except TooManyTurns:
            detail = "more choices of f turn on the way than are looked at"
            return (Hypothesis(self._name, Evidence.UNKNOWN, detail),)
        return () if found is None else (Hypothesis(self._name, Evidence.VIOLATED, found),)

    def at(self, points: list[Float[np.ndarray, " d"]]) -> tuple[Hypothesis, ...]:
        """The same of single points: the last derivative is asked along a line through each."""
        if self._kinks is None:
            return ()
        for x in points:
            change = self._kinks.jump_through(x, sides(x)[0] - x)
            if change > 0:
                detail = self._words(self.order, change, x)
                return (Hypothesis(self._name, Evidence.VIOLATED, detail),)
        return ()

    def _first(self, ways: Iterable[Float[np.ndarray, "n 4 d"]], joined: bool) -> str | None:
        if self._kinks is None:
            return None
        for some in ways:
            found = self._kinks.first(some, joined)
            if found is not None:
                return f"{self._words(found.order, found.change, found.x)}: {found.what}"
        return None

    def _words(self, order: int, change: float, x: Float[np.ndarray, " d"]) -> str:
        what = _DERIVATIVES[order]
        return f"{what} jumps by {change:.6g}, or changes as good as that, at {in_words(x)}"
