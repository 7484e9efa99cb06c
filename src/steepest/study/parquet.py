"""One result as the bytes of a Parquet file, and back, with proof that they are whole.

The table has a row an epoch: `epoch`, `step size`, and the metrics sorted by name. The file's
metadata hold the canonical text of the configuration, the epoch in which the trial diverged, and a
digest of both and of the table, by which an edited file is found out. The seconds are there too,
outside the digest: two runs of one trial differ in nothing else.
"""

from __future__ import annotations

import io
import json
from hashlib import sha256
from typing import Any

import numpy as np

from steepest.errors import ArgumentError, StoreError
from steepest.study.configuration import from_canonical
from steepest.study.extra import needed
from steepest.study.result import Result

FORMAT = 1
"""Of the files: raised when older releases could not read them."""

_EPOCH, _STEP_SIZE = "epoch", "step size"
_PREFIX = "steepest."


class NotAResultError(ValueError):
    """Bytes that are not the result that they should be; the message says why."""


def encode(result: Result) -> bytes:
    """The file of a result: the same bytes for the same result and seconds.

    Raises:
        ArgumentError: a metric has the name of another column, or not a value an epoch.
        MissingExtraError: PyArrow is not installed.
    """
    arrow, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    columns = _columns(result)
    facts = {
        "format": str(FORMAT),
        "configuration": result.configuration.canonical,
        "diverged": json.dumps(result.diverged),
        "digest": _digest(result.configuration.canonical, result.diverged, columns),
        "seconds": repr(float(result.seconds)),
    }
    epochs = np.arange(1, len(result.step_sizes) + 1, dtype=np.int64)
    table = arrow.table({_EPOCH: epochs, **columns}).replace_schema_metadata(
        {_PREFIX + name: fact for name, fact in facts.items()}
    )
    file = io.BytesIO()
    parquet.write_table(table, file, use_dictionary=False, write_statistics=False)
    return file.getvalue()


def decode(content: bytes, name: str) -> Result:
    """The result that a file holds.

    Args:
        content: the file's bytes.
        name: the hash of the configuration that it should be the result of.

    Raises:
        NotAResultError: they are torn, of another making, edited, or another trial's.
        StoreError: they were written by a release with a newer format.
        MissingExtraError: PyArrow is not installed.

    Example:
        >>> import numpy as np
        >>> from steepest.study.configuration import Surroundings, configuration
        >>> from steepest.study.plan import MethodPlan, Plan, Steps
        >>> method = MethodPlan("adam", "adam", Steps((0.1,)))
        >>> plan = Plan("file.py:run", (method,))
        >>> trial = configuration(plan, Surroundings("0" * 64, None), method, 0.1, {}, seed=0)
        >>> result = Result(trial, {"dev error": np.array([0.5, 0.25])}, np.array([0.1, 0.1]))
        >>> decode(encode(result), trial.hash).metrics
        {'dev error': array([0.5 , 0.25])}
    """
    arrow, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    try:
        table = parquet.read_table(io.BytesIO(content))
    except (arrow.ArrowException, OSError, ValueError) as error:
        why = str(error).strip().splitlines()
        raise NotAResultError(f"torn, or no Parquet file ({why[0] if why else '?'})") from error
    facts = {
        key.decode().removeprefix(_PREFIX): value.decode(errors="replace")
        for key, value in (table.schema.metadata or {}).items()
        if key.startswith(_PREFIX.encode())
    }
    _require_format(facts)
    try:
        configuration = from_canonical(facts["configuration"])
        diverged = json.loads(facts["diverged"])
        seconds = float(facts["seconds"])
        columns = {n: _floats(table.column(n)) for n in table.column_names if n != _EPOCH}
        found = Result(configuration, _metrics(columns), columns[_STEP_SIZE], diverged, seconds)
        digest = _digest(facts["configuration"], diverged, columns)
        epochs = table.column(_EPOCH).to_pylist()
    except (KeyError, TypeError, ValueError) as error:
        raise NotAResultError(f"not as this package writes it ({error})") from error
    if facts.get("digest") != digest or epochs != [*range(1, table.num_rows + 1)]:
        raise NotAResultError("edited: its contents do not agree with their digest")
    if sha256(facts["configuration"].encode()).hexdigest() != name:
        raise NotAResultError(f"the result of another trial, {configuration.hash}")
    return found


def _require_format(facts: dict[str, str]) -> None:
    written = facts.get("format", "")
    if not written.isdecimal():
        raise NotAResultError("a Parquet file that is no result of a study")
    if int(written) > FORMAT:
        raise StoreError(
            f"a result is of format {written}, and this release of steepest reads up to {FORMAT}: "
            "use the release that wrote it, or a newer one"
        )


def _columns(result: Result) -> dict[str, np.ndarray]:
    """Step sizes and metrics, in the order of the table."""
    rows = len(result.step_sizes)
    columns = {_STEP_SIZE: np.asarray(result.step_sizes, np.float64)}
    for name in sorted(result.metrics):
        values = np.asarray(result.metrics[name], np.float64)
        if name in (_EPOCH, _STEP_SIZE):
            raise ArgumentError(f"a metric may not be called {name!r}, as a column of results is")
        if values.shape != (rows,):
            raise ArgumentError(
                f"metric {name!r} has shape {values.shape}, and the trial {rows} epochs"
            )
        columns[name] = values
    return columns


def _metrics(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values for name, values in columns.items() if name != _STEP_SIZE}


def _floats(column: Any) -> np.ndarray:
    """A column's numbers: float64 without gaps, or it is none of ours."""
    arrow = needed("pyarrow")
    if column.type != arrow.float64() or column.null_count:
        raise ValueError("a column is not of double precision, or has gaps")
    return column.to_numpy()


def _digest(canonical: str, diverged: int | None, columns: dict[str, np.ndarray]) -> str:
    """SHA-256 of all that makes a result, to the last bit."""
    digest = sha256(json.dumps([canonical, diverged, [*columns]]).encode())
    for values in columns.values():
        digest.update(np.ascontiguousarray(values, "<f8").tobytes())
    return digest.hexdigest()


def same(one: Result, other: Result) -> bool:
    """Whether two results agree to the last bit; their seconds do not count."""
    digests = (_digest(r.configuration.canonical, r.diverged, _columns(r)) for r in (one, other))
    return len(set(digests)) == 1
