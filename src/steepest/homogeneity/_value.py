"""What is known of a number while a program is read for its degree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from steepest.homogeneity._degrees import INVARIANT, Degrees
from steepest.pieces._concrete import widened


class Constant:
    """A number that does not depend on the parameters, computed only when it is asked for.

    Args:
        compute: in float64.
        at_hand: whether that costs nothing.
        own: in the types that the program is written in, where that may round otherwise.
        sources: the numbers that it is computed from.
    """

    def __init__(
        self,
        compute: Callable[[], Any],
        *,
        at_hand: bool,
        own: Callable[[], Any] | None = None,
        sources: Sequence[Constant] = (),
    ):
        self._compute, self._compute_own = compute, own
        self.at_hand, self.is_exact, self.sources = at_hand, own is None, sources

    @property
    def value(self) -> Any:
        return self._forced("_value")

    @property
    def own(self) -> Any:
        return self._forced("_own")

    @cached_property
    def _value(self) -> Any:
        return self._compute()

    @cached_property
    def _own(self) -> Any:
        return self.value if self._compute_own is None else self._compute_own()

    def _forced(self, name: str) -> Any:
        """Sources first, so that a long chain is no deep recursion."""
        if name not in self.__dict__:
            todo = [self]
            while todo:
                missing = [c for c in todo[-1].sources if name not in c.__dict__]
                todo += missing
                if not missing:
                    getattr(todo.pop(), name)
        return getattr(self, name)

    @cached_property
    def agreed(self) -> Any:
        """The value, where both precisions give it; else None: 0.1 + 0.2 ≤ 0.3 is no decision."""
        if self.is_exact:
            return self.value
        value, own = (np.asarray(widened(v)) for v in (self.value, self.own))
        if value.dtype.kind in "fc":
            alike = np.allclose(value, own, 1e-4, 1e-6, equal_nan=True)
        else:
            alike = np.array_equal(value, own)
        return self.value if alike else None

    @cached_property
    def fits(self) -> bool:
        """Whether it is 0, ±∞ or NaN throughout: scaled by any power it stays what it is."""
        return _fits(self.value) and (self.is_exact or _fits(self.own))


def _fits(value: Any) -> bool:
    if np.ndim(value) == 0 and np.asarray(value).dtype.kind == "f":  # most of them
        return float(value) == 0 or not math.isfinite(value)
    value = np.asarray(widened(value))  # bfloat16 has no kind of its own in NumPy
    if value.dtype.kind == "c":  # where one part is infinite, the other may be a number
        return not np.any(value)
    if value.dtype.kind not in "fiub":
        return False
    return bool(np.all((value == 0) | ~np.isfinite(value)))


class Value:
    """The degrees of a number's entries, or the number itself where it is constant.

    `degrees` is None where every entry is 0, ±∞ or NaN whatever the parameters: it fits any degree.
    A constant has degree 0, unless it fits any. `shift`: it is a logarithm, which a scaling shifts
    by this times log c (see `_logarithms`). `pending`: inputs of an equation that must have degree
    0 if this is used at all. `sides`: where it has degrees of its own on the two sides of a test
    (`degrees` then says nothing). The rest is what `_guards` writes down: `origin`, the equation
    and inputs that made it; whether it is `real` (no NaN or infinity) and `nonnegative`; the `test`
    that a truth value is of. One object stands for one number: a loop's body gets new ones.
    """

    __slots__ = (
        "constant",
        "degrees",
        "is_plain",
        "nonnegative",
        "origin",
        "pending",
        "real",
        "shift",
        "sides",
        "test",
    )

    def __init__(
        self,
        degrees: Degrees | None,
        constant: Constant | None = None,
        *,
        shift: Degrees | None = None,
        pending: tuple[Any, Value] | None = None,
        sides: Any = None,
        real: bool = False,
    ):
        self.degrees, self.constant = degrees, constant
        self.shift, self.pending, self.sides = shift, pending, sides
        self.origin: tuple[Any, list[Value]] | None = None
        self.test: Any = None
        self.real, self.nonnegative = real, False
        self.is_plain = shift is None and pending is None and sides is None

    @property
    def fits(self) -> bool:
        return self.degrees is None or (self.constant is not None and self.constant.fits)

    @property
    def is_invariant(self) -> bool:
        return self.is_plain and self.degrees is not None and self.degrees.is_zero

    def anew(self) -> Value:
        """Another object, for another number of these degrees."""
        return Value(
            self.degrees, self.constant, shift=self.shift, pending=self.pending, sides=self.sides
        )

    def forgotten(self) -> Value:
        """The same without the number: how it enters a loop's carry."""
        if self.constant is None:
            return Value(self.degrees)
        return Value(None if self.constant.fits else INVARIANT)


def known(value: Any) -> Value:
    """A constant at hand."""
    return Value(INVARIANT, Constant(lambda: value, at_hand=True))


# What a rule returns for each result; and a rule, of (reading, equation, inputs, which are wanted).
Result = Sequence[Degrees | Value | None]
Rule = Callable[[Any, Any, list[Value], list[bool]], Result]


def each(names: str, rule: Rule) -> dict[str, Rule]:
    """One rule for several primitives."""
    return dict.fromkeys(names.split(), rule)
