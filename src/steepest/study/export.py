"""A study's results as one table: a row a trial and epoch, in an order set by the plan alone.

No times are in it, so that a study that was killed and went on gives the bytes of one that was not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.errors import ArgumentError
from steepest.report.files import write_atomically
from steepest.study.agenda import Agenda, gather
from steepest.study.configuration import LEARNING_RATE, Configuration
from steepest.study.extra import needed
from steepest.study.plan import MethodPlan, Plan
from steepest.study.result import Result
from steepest.study.store import Store

_FIRST = ("method", "label", "phase")
_LAST = ("diverged", "hash")
_STEP, _SEED, _EPOCH, _EPOCH_STEP = "step size", "seed", "epoch", "step size of the epoch"
_OWN = (*_FIRST, _STEP, _SEED, _EPOCH, _EPOCH_STEP, *_LAST)


@dataclass(frozen=True)
class Exported:
    """What was written: the file, and how much is in it.

    Attributes:
        path: the file.
        trials, rows: how many.
        missing: trials that the plan wants, as far as is known, and that are not there.
    """

    path: Path
    trials: int
    rows: int
    missing: int


def export(store: Store | Path | str, out: Path | str) -> Exported:
    """Write the results of the plan that was run on a store: a row a trial and epoch.

    Columns: method, label, phase ("tuning" or "fresh"), the hyperparameters, step size, seed,
    epoch, step size of the epoch, the metrics, diverged (whether the trial's last epoch is that in
    which it left the finite numbers), hash. Rows: by method as the plan has them, tuning before
    fresh, then by step size, hyperparameters, seed, epoch. What a trial does not have is empty.
    Numbers are written so that they read back to the last bit.

    Args:
        store: or its path or URL.
        out: a file whose name ends in .csv or .parquet.

    Raises:
        ArgumentError: the name ends otherwise, or the file cannot be written.
        StoreError: there is no store, or it cannot be read.
        MissingExtraError: a package of `steepest[study]` is not installed.
    """
    out = Path(out)
    if out.suffix not in (".csv", ".parquet"):
        raise ArgumentError(f"--out {out}: give a file whose name ends in .csv or .parquet")
    agenda = gather(store if isinstance(store, Store) else Store(store))
    trials = [*_trials(agenda)]
    table = _table(agenda.plan, trials)
    content = _csv(table) if out.suffix == ".csv" else _parquet(table)
    try:
        write_atomically(out, content)
    except OSError as error:
        raise ArgumentError(
            f"--out {out}: cannot be written ({error.strerror or error})"
        ) from error
    planned = sum(agenda.planned(label) for label in agenda.asked)
    return Exported(out, len(trials), len(table[_EPOCH]), planned - len(trials))


def _trials(agenda: Agenda) -> Iterator[tuple[MethodPlan, Result]]:
    """The results that are there, in the order of the rows."""
    for method in agenda.plan.methods:
        asked = agenda.asked[method.label].values()
        for trial in sorted(asked, key=lambda trial: _place(agenda.plan, method, trial)):
            result = agenda.results.get(trial.hash)
            if result is not None:
                yield method, result


def _place(plan: Plan, method: MethodPlan, trial: Configuration) -> tuple[Any, ...]:
    values = dict(trial.hyperparameters)
    # As the plan lists them: numbers of one kind need not be comparable with another's.
    others = tuple(listed.index(values[name]) for name, listed in method.tune.items())
    return (trial.seed in plan.fresh_seeds, trial.step_size, others, trial.seed)


def _table(plan: Plan, trials: list[tuple[MethodPlan, Result]]) -> dict[str, list[Any]]:
    """The columns by name; None where a trial has no such value."""
    hyperparameters = sorted(
        {name for _, r in trials for name, _ in r.configuration.hyperparameters} - {LEARNING_RATE}
    )
    metrics = sorted({name for _, result in trials for name in result.metrics})
    shown = {name: _free(name, (*_OWN, *metrics)) for name in hyperparameters}
    measured = {name: _free(name, _OWN, "metric") for name in metrics}
    order = (*_FIRST, *shown.values(), _STEP, _SEED, _EPOCH, _EPOCH_STEP, *measured.values())
    table: dict[str, list[Any]] = {name: [] for name in (*order, *_LAST)}
    for method, result in trials:
        trial, epochs = result.configuration, len(result.step_sizes)
        values = dict(trial.hyperparameters)
        constant = {
            "method": method.name,
            "label": method.label,
            "phase": "fresh" if trial.seed in plan.fresh_seeds else "tuning",
            **{column: values.get(name) for name, column in shown.items()},
            _STEP: trial.step_size,
            _SEED: trial.seed,
            "diverged": result.diverged is not None,
            "hash": trial.hash,
        }
        for name, value in constant.items():
            table[name] += [value] * epochs
        table[_EPOCH] += range(1, epochs + 1)
        table[_EPOCH_STEP] += result.step_sizes.tolist()
        for name, column in measured.items():
            found = result.metrics.get(name)
            table[column] += [None] * epochs if found is None else found.tolist()
    return table


def _free(name: str, taken: tuple[str, ...], kind: str = "hyperparameter") -> str:
    """The name as a column, told apart from those that are taken."""
    return f"{name} ({kind})" if name in taken else name


def _csv(table: dict[str, list[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows([_field(value) for value in row] for row in zip(*table.values(), strict=True))
    return text.getvalue().encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _parquet(table: dict[str, list[Any]]) -> bytes:
    arrow, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    file = io.BytesIO()
    columns = {name: arrow.array(values, _kind(values)) for name, values in table.items()}
    parquet.write_table(arrow.table(columns), file)
    return file.getvalue()


def _kind(values: list[Any]) -> Any:
    """The type of a column; of numbers of several kinds, double precision."""
    arrow = needed("pyarrow")
    kinds = {type(value) for value in values if value is not None}
    for kind, name in ((str, "string"), (bool, "bool_"), (int, "int64")):
        if kinds == {kind}:
            return getattr(arrow, name)()
    return arrow.float64()
