"""Fields of a plan's tables, each taken with its type and range; errors name file and field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from steepest.errors import PlanError, SteepestError
from steepest.user_file import nearest


class Table:
    """A table of a plan.

    Attributes:
        values: field → what the plan has.
        where: file and table, and a dot where the table is a field itself: what a field's name is
            written behind.
    """

    def __init__(self, values: Any, where: str, known: Sequence[str] | None = None):
        """
        Raises:
            PlanError: it is no table, or has a field that is not known.
        """
        self.values: Mapping[str, Any] = values
        self.where = where
        if known is None:
            return
        for field in values:
            if field not in known:
                hint = nearest(field, known) or f"; known here: {', '.join(known)}."
                raise self.error(field, f"is unknown{hint}")

    def error(self, field: str, message: str) -> PlanError:
        """`plan.toml: [tuning] budget is 0; it must be …`."""
        return PlanError(f"{self.where}{_shown(field)} {message}")

    @contextmanager
    def naming(self, field: str) -> Iterator[None]:
        """Turn errors of ours into a `PlanError` that names the field."""
        try:
            yield
        except SteepestError as error:
            raise PlanError(f"{self.where}{_shown(field)}: {error}") from error

    def count(self, field: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """A whole number."""
        value = self.values.get(field, default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            reach = f"at least {least}" if most is None else f"from {least} to {most}"
            raise self.error(field, f"is {brief(value)}; it must be a whole number, {reach}.")
        return value

    def number(self, field: str, value: Any) -> float:
        """A finite number."""
        if not is_number(value) or not _is_finite(value):
            raise self.error(field, f"is {brief(value)}; it must be a finite number.")
        return float(value)

    def flag(self, field: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(field, default)
        if not isinstance(value, bool):
            raise self.error(field, f"is {brief(value)}; it must be true or false.")
        return value

    def text(self, field: str, default: str) -> str:
        """A text with something in it."""
        value = self.values.get(field, default)
        if not isinstance(value, str) or not value.strip():
            raise self.error(field, f"is {brief(value)}; it must be a text in quotes.")
        return value

    def list_of(self, field: str) -> list[Any]:
        """A list with something in it, and nothing twice."""
        value = self.values[field]
        if not isinstance(value, list):
            raise self.error(field, f"is {brief(value)}; it must be a list, such as [0.1, 0.2].")
        if not value:
            raise self.error(field, "is an empty list; it must have one value or more.")
        for place, one in enumerate(value):
            if one in value[:place]:
                raise self.error(field, f"has {brief(one)} twice.")
        return value

    def table(self, field: str, known: Sequence[str] | None = None) -> Table:
        """A table in the table; an empty one where there is none."""
        value = self.values.get(field, {})
        if not isinstance(value, dict):
            raise self.error(field, f"is {brief(value)}; it must be a table, {{ name = value }}.")
        return Table(value, f"{self.where}{_shown(field)}.", known)


def is_number(value: Any) -> bool:
    """Whether it is one in TOML; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def brief(value: Any) -> str:
    """The value as TOML would have it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a whole number of over 40 digits"
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}…"


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _shown(field: str) -> str:
    return field if len(field) <= 60 and field.isprintable() else brief(field)
