"""Whether a run passes a place at which f is not as smooth as a theorem asks."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, partial
from typing import Literal

import numpy as np
from jaxtyping import Float

from steepest.curvature import sides
from steepest.errors import UnsupportedPrimitiveError
from steepest.flow import Derivatives, KinksByHalving, KinksPassed, TooManyTurns
from steepest.pieces import has_choices, holds
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, in_words

_DERIVATIVES = ("f", "∇f", "∇²f")
# Smooth, but for edges of their domain that no choice or root tells of: the bases of powers beyond
# 1, eigenvalues that meet, an angle's end.
_EDGES = frozenset({"pow", "rsqrt", "cbrt", "acos", "asin", "atan2", "eigh", "svd", "eig", "schur"})
_NAMES = {1: "f has no kink on the way", 2: "∇f and ∇²f do not jump on the way"}


class KinksOnTheWay:
    """Looks on ways of p for places at which ∇f (and, at order 2, ∇²f) is not Lipschitz.

    Compiled once for all ways.
    """

    def __init__(self, p: Problem, order: Literal[1, 2] = 1):
        self.p, self.order = p, order
        self._name = _NAMES[order]
        self._derivatives = Derivatives(p.program, order)

    @cached_property
    def _kinks(self) -> KinksPassed:
        """
        Raises:
            UnsupportedPrimitiveError: a primitive has no rule; with the line.
        """
        size = float(np.max(np.abs(flat(self.p.program.start)), initial=0.0))
        return KinksPassed(self._derivatives, nearest=64 * EPS * size)

    def hypotheses(
        self, ways: Iterable[Float[np.ndarray, "n 4 d"]], joined: bool = True
    ) -> tuple[Hypothesis, ...]:
        """That there is none, where there is one or where that cannot be told.

        See `KinksPassed.first` on ways that are joined.
        """
        unknown, jaxpr = None, self.p.program.closed.jaxpr
        by_halving = KinksByHalving(self._derivatives).first
        searches = [by_halving] if holds(jaxpr, _EDGES) else []
        try:
            if self._kinks.watches:
                searches.insert(0, partial(self._kinks.first, joined=joined))
        except UnsupportedPrimitiveError as error:
            searches = [by_halving]
            if has_choices(jaxpr, of_reals=True):
                unknown = str(error)
        found = None
        try:
            for some in ways if searches else ():
                found = next(filter(None, (search(some) for search in searches)), None)
                if found is not None:
                    break
        except TooManyTurns:
            unknown = "more choices of f turn on the way than are looked at"
        if found is not None:
            detail = f"{self._words(*found.jump, found.x)}: {found.what}"
            return (Hypothesis(self._name, Evidence.VIOLATED, detail),)
        return () if unknown is None else (Hypothesis(self._name, Evidence.UNKNOWN, unknown),)

    def ends(self, points: Float[np.ndarray, "n d"]) -> tuple[Hypothesis, ...]:
        """That f is defined at points, unknown where it is NaN at one: a gradient may be finite
        there (that of 0·log(x)), and rounding may be to blame (inf/inf)."""
        undefined = np.isnan(self._derivatives.each[0](points))
        if not undefined.any():
            return ()
        detail = f"f is nan at {in_words(points[int(np.argmax(undefined))])}"
        return (Hypothesis("f is defined on the way", Evidence.UNKNOWN, detail),)

    def at(self, points: list[Float[np.ndarray, " d"]]) -> tuple[Hypothesis, ...]:
        """The same of single points: the last derivative is asked along a line through each."""
        for x in points:
            change = self._derivatives.jump_through(x, sides(x)[0] - x)
            if change > 0:
                detail = self._words(self.order, change, x)
                return (Hypothesis(self._name, Evidence.VIOLATED, detail),)
        return ()

    def _words(self, order: int, change: float, x: Float[np.ndarray, " d"]) -> str:
        if np.isinf(change):
            return f"f is not finite on one side of {in_words(x)}"
        what = _DERIVATIVES[order]
        return f"{what} jumps by {change:.6g}, or changes as good as that, at {in_words(x)}"
