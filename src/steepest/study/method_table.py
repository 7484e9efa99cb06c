"""The methods of a plan: `[[method]]`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from steepest.errors import PlanError
from steepest.study.configuration import LEARNING_RATE
from steepest.study.fields import Table, brief, is_number
from steepest.study.grid import FIELDS as STEPS, LARGEST, SMALLEST, merged, read_steps
from steepest.study.method import REQUIRED, MethodFactory, resolve
from steepest.study.names import normalised
from steepest.study.plan import MethodPlan, Number, Steps, Tuning

_OWN = ("name", "label", "tune", "steps")  # every other key is a hyperparameter
_LABEL = re.compile(r"\w[\w .+=()-]{0,62}[\w+=)-]|\w")


def read_methods(
    tables: Sequence[Any], where: str, shared: Table, tuning: Tuning, folder: Path
) -> tuple[MethodPlan, ...]:
    """The methods, in the plan's order, with labels that are unique.

    Args:
        tables: what stands under each `[[method]]`.
        where: the plan's file and a colon.
        shared: `[tuning] steps`.
        tuning: for its budget.
        folder: what paths of files are relative to.

    Raises:
        PlanError: see `read_plan`.
    """
    # On its own, too: where every method has steps of its own it would not be looked at.
    read_steps(shared, None, tuning.budget)
    rows = [
        _method(values, f"{where}[[method]] {place} ", shared, tuning, folder)
        for place, values in enumerate(tables, start=1)
    ]
    for place, (method, _) in enumerate(rows):
        for other, (earlier, _) in enumerate(rows[:place]):
            if (*_content(method),) == (*_content(earlier),):
                raise PlanError(
                    f"{where}[[method]] {place + 1} name is {method.name!r}, with all that "
                    f"[[method]] {other + 1} has; tell them apart, or leave one out."
                )
    return tuple(_labelled(rows, where))


def _content(method: MethodPlan) -> Iterator[Any]:
    yield from (method.name, method.steps, method.fixed, method.tune)


def _labelled(rows: list[tuple[MethodPlan, bool]], where: str) -> Iterator[MethodPlan]:
    """The methods, with "-2" and so on behind labels that the plan did not give and are taken."""
    taken: dict[str, int] = {}
    for place, (method, given) in enumerate(rows, start=1):
        if given and method.label.casefold() in taken:
            raise PlanError(
                f"{where}[[method]] {place} label is {method.label!r}, as that of [[method]] "
                f"{taken[method.label.casefold()]}; give each its own (case does not count)."
            )
        if given:
            taken[method.label.casefold()] = place
    for place, (method, given) in enumerate(rows, start=1):
        label, count = method.label, 1
        while not given and label.casefold() in taken:
            count += 1
            label = f"{method.label}-{count}"
        taken[label.casefold()] = place
        yield MethodPlan(method.name, label, method.steps, method.fixed, method.tune)


def _method(
    values: dict[str, Any], where: str, shared: Table, tuning: Tuning, folder: Path
) -> tuple[MethodPlan, bool]:
    """The method, and whether its label was given."""
    table = Table(values, where)
    if "name" not in values:
        hint = "".join(f" ({key} is no field of it)" for key in values if key.lower() == "name")
        raise table.error("name", f'is missing{hint}; write name = "adam", say.')
    name = table.text("name", "")
    with table.naming("name"):
        name = normalised(name, folder) if ":" in name else name.strip()
        factory = resolve(name, folder)
    table.where = f"{where}({name:.60}) "
    tune = {
        field: tuple(_values(table.table("tune"), field, factory))
        for field in table.table("tune").values
    }
    fixed = {
        field: _hyperparameter(table, field, value, factory)
        for field, value in values.items()
        if field not in _OWN
    }
    for field in fixed:
        if field in tune:
            raise table.error(field, "is given and tuned; leave one of the two out.")
    with table.naming("name"):
        factory.check_names({**fixed, **tune})
    product = math.prod(map(len, tune.values()))
    steps = _steps(table, shared, factory, tuning.budget)
    if product * len(steps.values) > tuning.budget:
        by = "".join(f" × {len(found)} of {field}" for field, found in tune.items())
        raise table.error(
            "tune" if tune else "steps",
            f"asks for {len(steps.values)} step sizes{by} = {product * len(steps.values)} "
            f"configurations, more than the budget of {tuning.budget}.",
        )
    _try(table, factory, steps, fixed, tune)
    given = "label" in values
    label = _label(table, table.text("label", "")) if given else re.split("[.:]", name)[-1][:60]
    return MethodPlan(name, label, steps, fixed, tune), given


def _steps(table: Table, shared: Table, factory: MethodFactory, budget: int) -> Steps:
    own = table.table("steps", STEPS)
    both = merged(shared.values, own.values)
    # An error is to name the table that has the field at fault: the method's where it has any.
    place = own.where if own.values else shared.where
    return read_steps(Table(both, place, STEPS), factory.default_learning_rate, budget)


def _values(table: Table, field: str, factory: MethodFactory) -> Iterator[Number]:
    found = [_hyperparameter(table, field, v, factory) for v in table.list_of(field)]
    for place, value in enumerate(found):
        if value in found[:place]:
            raise table.error(field, f"has {brief(value)} twice.")
        yield value


def _hyperparameter(table: Table, field: str, value: Any, factory: MethodFactory) -> Number:
    """The value, as a float where the default is one: 0 and 0.0 are to be the same trial."""
    if field == LEARNING_RATE:
        raise table.error(field, "is what steps tunes; give steps = { values = [0.1, 0.2] }.")
    with table.naming(field):
        factory.check_name(field)
    default = factory.defaults.get(field)
    if isinstance(default, bool) and not isinstance(value, bool):
        raise table.error(field, f"is {brief(value)}; it must be true or false.")
    if isinstance(value, bool):
        if is_number(default):
            raise table.error(field, f"is {brief(value)}; it must be a number.")
        return value
    number = table.number(field, value)
    if number and not SMALLEST < abs(number) < LARGEST:
        beyond = "0" if abs(number) < 1 else "infinite"
        raise table.error(field, f"is {number:g}, which is {beyond} in single precision.")
    return value if isinstance(value, int) and not isinstance(default, float) else number + 0.0


def _try(
    table: Table,
    factory: MethodFactory,
    steps: Steps,
    fixed: dict[str, Number],
    tune: dict[str, tuple[Number, ...]],
) -> None:
    """Make the method with each value once: it knows its ranges best."""
    first = {field: values[0] for field, values in tune.items()}
    tried = [(f"tune.{field}", {field: v}) for field, values in tune.items() for v in values]
    tried += [("steps", {LEARNING_RATE: step}) for step in (steps.values[0], steps.values[-1])]
    needed = {field: v for field, v in fixed.items() if factory.defaults.get(field) is REQUIRED}
    start = {LEARNING_RATE: steps.values[0], **needed, **first}
    for field, value in fixed.items():  # each alone, to name the one at fault
        with table.naming(field):
            factory.build(**start | {field: value})
    for field, values in [("name", {}), *tried]:
        with table.naming(field):
            factory.build(**start | fixed | values)


def _label(table: Table, label: str) -> str:
    """A label that is a folder's name on every system and store."""
    label = unicodedata.normalize("NFC", label.strip())
    if not _LABEL.fullmatch(label):
        raise table.error(
            "label",
            f"is {label!r:.80}; it names a folder, too: at most 64 letters, digits, spaces and "
            ". + = ( ) - _, a letter or digit first and no dot last.",
        )
    return label
