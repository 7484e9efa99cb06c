"""The table of a study: its order, its columns, its bytes."""

import csv
import io
import math
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from steepest.errors import ArgumentError, StoreError
from steepest.study.agenda import Agenda
from steepest.study.configuration import Surroundings
from steepest.study.export import export
from steepest.study.plan import MethodPlan, Plan, Steps, Tuning
from steepest.study.result import Result
from steepest.study.store import Store

METHODS = (
    MethodPlan("optax.noisy_sgd", "B", Steps((0.5, 1.0), extend=False), fixed={"seed": 3}),
    MethodPlan("adam", "A", Steps((0.25, 1.0), extend=False), tune={"eps": (1e-3, 1e-8)}),
)
PLAN = Plan("a.py:run", METHODS, epochs=2, seeds=2, tuning=Tuning(seeds=2))


def outcome(trial):
    """A trial's metrics by arithmetic; a step of 1 diverges in its first epoch."""
    diverged = 1 if trial.step_size == 1.0 else None
    epochs = diverged or trial.epochs
    errors = np.full(epochs, math.inf if diverged else 0.1 + trial.seed % 10 / 3)
    only = {"hash": errors} if trial.method == "adam" else {"test error": errors}
    metrics = {"dev error": errors, **only}
    return Result(trial, metrics, np.full(epochs, trial.step_size), diverged, seconds=time.time())


def study(where, backwards=False):
    """A complete store, filled in one of two orders."""
    store = Store(where)
    store.prepare()
    agenda = Agenda(PLAN, Surroundings("0" * 64, None), store)
    while waiting := [(m.label, t) for m in PLAN.methods for t in agenda.ask(m)]:
        for label, trial in waiting[::-1] if backwards else waiting:
            store.write(label, outcome(trial))
    store.keep(agenda.record(complete=True))
    return store


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_rows_are_in_the_order_of_the_plan(tmp_path):
    study(tmp_path / "s")
    written = export(tmp_path / "s", tmp_path / "t.csv")
    table = rows(tmp_path / "t.csv")
    assert written.missing == 0
    assert written.rows == len(table)
    assert written.trials == len({row["hash"] for row in table}) == 4 + 2 + 8 + 2
    found = [
        (row["label"], row["phase"], float(row["step size"]), row["eps"], int(row["seed"]))
        for row in table
        if row["epoch"] == "1"
    ]
    b = [("B", "tuning", s, "", seed) for s in (0.5, 1.0) for seed in (0, 1)]
    b += [("B", "fresh", 0.5, "", seed) for seed in (10_000, 10_001)]
    a = [("A", "tuning", s, e, n) for s in (0.25, 1.0) for e in ("0.001", "1e-08") for n in (0, 1)]
    a += [("A", "fresh", 0.25, "0.001", seed) for seed in (10_000, 10_001)]
    assert found == b + a


def test_columns_are_named_apart_and_numbers_read_back(tmp_path):
    store = study(tmp_path / "s")
    export(store, tmp_path / "t.csv")
    table = rows(tmp_path / "t.csv")
    assert list(table[0]) == [
        *("method", "label", "phase", "eps", "seed (hyperparameter)", "step size", "seed", "epoch"),
        *("step size of the epoch", "dev error", "hash (metric)", "test error", "diverged", "hash"),
    ]
    for row in table:
        result = store.read(row["hash"])
        error = float(result.metrics["dev error"][int(row["epoch"]) - 1])
        assert float(row["dev error"]) == error
        assert row["hash (metric)"] == (repr(error) if row["label"] == "A" else "")
        assert row["seed (hyperparameter)"] == ("3" if row["label"] == "B" else "")
        assert row["diverged"] == ("true" if row["step size"] == "1.0" else "false")


def test_both_formats_hold_the_same(tmp_path):
    store = study(tmp_path / "s")
    export(store, tmp_path / "t.csv")
    export(store, tmp_path / "t.parquet")
    columns = pq.read_table(tmp_path / "t.parquet").to_pydict()
    for name, values in columns.items():
        texts = [row[name] for row in rows(tmp_path / "t.csv")]
        shown = lambda v: "" if v is None else str(v).lower() if isinstance(v, bool) else str(v)
        assert [shown(value) for value in values] == texts


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_the_bytes_depend_on_the_plan_alone(tmp_path, name):
    study(tmp_path / "one")
    other = study(tmp_path / "two", backwards=True)
    for seed in range(3):  # of another plan
        trial = other.read(next(iter(other.hashes()))).configuration
        other.write("A", outcome(replace(trial, seed=seed, epochs=5)))
    files = [tmp_path / f"{where}-{name}" for where in ("one", "two")]
    for where, file in zip(("one", "two"), files, strict=True):
        export(tmp_path / where, file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_unfinished_study_gives_what_is_there(tmp_path):
    store = study(tmp_path / "s")
    gone = next(store.local.glob("results/A/*"))
    gone.unlink()
    written = export(store.where, tmp_path / "t.csv")
    assert written.missing > 0
    assert gone.stem not in (tmp_path / "t.csv").read_text()


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"\.csv or \.parquet"):
        export(tmp_path / "s", tmp_path / "t.xlsx")
    with pytest.raises(StoreError, match="no study here"):
        export(tmp_path / "s", tmp_path / "t.csv")
    study(tmp_path / "s")
    with pytest.raises(ArgumentError, match=r"none/t\.csv: cannot be written"):
        export(tmp_path / "s", tmp_path / "none/t.csv")
