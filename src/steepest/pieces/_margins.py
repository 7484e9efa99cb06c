"""Which choices of a program turn on the same thing, told from what they compare.

abs(e), e > 0, max(e, 0) and min(0, −e) all turn where e changes its sign, and are one choice. Two
that are not known to be one are two: that costs a look at how they work together, no more.

A *margin* is what a two-way choice compares, the sign of first − second: a key, the same for the
same pair of numbers, and +1 or −1 for which of the two comes first.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from steepest.pieces._choices import COMPARISONS

Margin = tuple[Hashable, int]

_MOVES = frozenset({"broadcast_in_dim", "reshape", "convert_element_type", "squeeze"})

# Two-way choices: +1 where the first key is the larger one where the margin is positive.
PAIRED = {"max": 1, "min": -1, "abs": 1, "sign": 1} | dict.fromkeys(sorted(COMPARISONS), 1)


def outcomes(name: str, values: list[Any]) -> tuple[Any, Any]:
    """What a two-way choice gives where its margin is positive, and where it is negative."""
    first, last = values[0], values[-1]
    if name in COMPARISONS:
        above = name in ("gt", "ge")
        return np.asarray(above), np.asarray(not above)
    return {
        "max": (first, last),
        "min": (last, first),
        "abs": (first, -first),
        "sign": (np.asarray(1.0), np.asarray(-1.0)),
    }[name]


class Margins:
    """The margins of one interpretation of a program."""

    def __init__(self) -> None:
        # By the id of a number, the number beside it: an id may come back once it is forgotten.
        self._names: dict[int, tuple[Any, Hashable]] = {}
        self._signs: dict[int, tuple[Any, Margin]] = {}
        # Of max(x, c) and min(x, c): x, c, and whether it is the maximum.
        self._bounded: dict[int, tuple[Any, Any, float, bool]] = {}

    def name(self, value: Any) -> Hashable:
        """The same for the same number, and for numbers that are one constant throughout."""
        if id(value) not in self._names:
            new: Hashable = ("number", len(self._names))
            if isinstance(value, np.ndarray | np.generic) and np.size(value) == 1:
                new = ("constant", float(np.asarray(value).reshape(())))
            self._names[id(value)] = (value, new)
        return self._names[id(value)][1]

    def constant(self, value: Any) -> float | None:
        """What a number is throughout, if that is known."""
        match self.name(value):
            case ("constant", float(number)):
                return number
        return None

    def of(self, value: Any) -> Margin:
        """Of a number and 0."""
        known = self._signs.get(id(value))
        return (self.name(value), 1) if known is None else known[1]

    def between(self, first: Any, second: Any) -> Margin:
        """Of two numbers."""
        first, second = self._freed(first, second), self._freed(second, first)
        if self.constant(second) == 0:
            return self.of(first)
        if self.constant(first) == 0:
            key, sign = self.of(second)
            return key, -sign
        a, b = self.name(first), self.name(second)
        return ((a, b), 1) if str(a) <= str(b) else ((b, a), -1)

    def _freed(self, value: Any, other: Any) -> Any:
        """x for max(x, c) beside a number larger than c, and for min(x, c) beside a smaller one."""
        against = self.constant(other)
        while against is not None and id(value) in self._bounded:
            _, inside, bound, is_max = self._bounded[id(value)]
            if not (bound < against if is_max else bound > against):
                break
            value = inside
        return value

    def bounded(self, name: str, values: list[Any], out: Any) -> None:
        """Keep that a result is a maximum or minimum with a constant."""
        for x, bound in (values, values[::-1]):
            constant = self.constant(bound)
            if name in ("max", "min") and constant is not None:
                self._bounded[id(out)] = (out, x, constant, name == "max")

    def mixed(self, cases: Any, out: Any) -> None:
        """Keep that a number is what another one with cases was mixed to."""
        if id(cases) in self._bounded:
            self._bounded[id(out)] = (out, *self._bounded[id(cases)][1:])

    def note(self, name: str, values: list[Any], out: Any) -> None:
        """Keep what an equation tells of its result."""
        if name in _MOVES and len(values) == 1 and self.constant(values[0]) is not None:
            self._names[id(out)] = (out, self.name(values[0]))
        elif name == "sub":
            self._signs[id(out)] = (out, self.between(*values))
        elif name == "neg":
            key, sign = self.of(values[0])
            self._signs[id(out)] = (out, (key, -sign))
        elif name in ("mul", "div"):
            for i, j in ((0, 1), (1, 0)) if name == "mul" else ((0, 1),):
                factor = self.constant(values[j])
                if factor is not None and factor != 0 and np.isfinite(factor):
                    key, sign = self.of(values[i])
                    self._signs[id(out)] = (out, (key, sign if factor > 0 else -sign))
                    return
