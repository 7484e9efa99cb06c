"""The grid of step sizes that a plan describes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from steepest.study.fields import Table
from steepest.study.plan import Steps
from steepest.user_file import nearest

FIELDS = ("grid", "points", "extend", "around", "values")
GRIDS = {"powers of two": 2, "powers of ten": 10}

_CENTRE = 2.0**-3  # for a method that has no step size of its own
SMALLEST, LARGEST = 1e-37, 1e37
"""Numbers outside are 0 or infinite in single precision, or nearly so."""


def merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `[tuning] steps`, a method's own in their place."""
    if "values" in own:
        return {k: v for k, v in shared.items() if k == "extend"} | dict(own)
    if own.keys() & {"grid", "points", "around"}:
        shared = {k: v for k, v in shared.items() if k != "values"}
    return {**shared, **own}


def read_steps(table: Table, default: float | None, most: int) -> Steps:
    """The first grid.

    Args:
        table: with the fields `FIELDS`.
        default: the method's own step size, where it has one: what the grid lies around.
        most: how many step sizes the budget has room for.

    Raises:
        PlanError: a field has a value that means no grid.
    """
    extend = table.flag("extend", True)
    if "values" in table.values:
        for field in ("grid", "points", "around"):
            if field in table.values:
                raise table.error(field, "stands beside values; give the one or the other.")
        values = [table.number("values", value) for value in table.list_of("values")]
        table.list_of("values")
        steps = tuple(sorted(values))
        if extend and len(steps) == 1:
            raise table.error(
                "values", "has one step size, which no ratio extends; give two, or extend = false."
            )
        return Steps(_checked(table, "values", steps), extend)
    grid = table.text("grid", "powers of two")
    if grid not in GRIDS:
        hint = nearest(grid, GRIDS) or f"; there are {' and '.join(GRIDS)}."
        raise table.error("grid", f"is {grid!r:.40}{hint}")
    points = table.count("points", 5, least=2 if extend else 1)
    if points > most:
        raise table.error("points", f"is {points}, more than the budget of {most} configurations.")
    around = table.number("around", table.values.get("around", default or _CENTRE))
    _checked(table, "around", (around,))
    return Steps(_checked(table, "points", _powers(GRIDS[grid], around, points)), extend)


def _powers(base: int, around: float, points: int) -> tuple[float, ...]:
    """So many consecutive powers, the middle one nearest to `around` in ratio."""
    # log2 and log10 are exact at powers; math.log(x, 10) is not.
    middle = round(math.log2(around) if base == 2 else math.log10(around))
    exponents = range(middle - points // 2, middle - points // 2 + points)
    power = (lambda k: math.ldexp(1.0, k)) if base == 2 else (lambda k: float(f"1e{k}"))
    return tuple(power(max(-999, min(999, k))) for k in exponents)


def _checked(table: Table, field: str, steps: tuple[float, ...]) -> tuple[float, ...]:
    for step in steps:
        if not SMALLEST < step < LARGEST:
            kind = "not positive" if step <= 0 else "out of single precision's range"
            raise table.error(field, f"gives the step size {step:g}, which is {kind}.")
    return steps
