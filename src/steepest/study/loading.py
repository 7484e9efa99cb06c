"""Problems by name: a JAX problem or a program, from a module or a user's file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from steepest.errors import ArgumentError, DataError, MissingExtraError, PlanError, SteepestError
from steepest.study.names import Found, find
from steepest.study.plan import Plan
from steepest.study.problem import JaxProblem, Problem, Program
from steepest.user_file import UserCodeError, require_no_arguments, user_code

PARTS = ("init", "loss", "metrics", "data")
"""What a JAX problem has; see `steepest.study.problem.JaxProblem`."""

_WANTED = (
    "it must have init, loss, metrics and data (a JAX problem), or run (a program), or be a "
    "function of one argument, the trial, that yields metrics"
)


def problem_of(plan: Plan, data: Path | None = None) -> Problem:
    """The plan's problem; errors name the plan's file. See `load_problem`."""
    where = f"{plan.file}: [study] problem"
    return load_problem(plan.problem, plan.folder, data=data, where=where)


def load_problem(
    spec: str, folder: Path = Path(), *, data: Path | None = None, where: str = "[study] problem"
) -> Problem:
    """The problem that a plan names; its file is run, and its data are read.

    The name may stand for an object, or a class or a function without arguments that gives one. An
    object with `init`, `loss`, `metrics` and `data` is a JAX problem; `data()` returns the train,
    dev and test sets. One with `run` is a program, as is a function of one argument, the trial; a
    program may have `data()` too, whose arrays are then part of a trial's identity.

    Args:
        spec: "module:name", or "file.py:name" relative to the folder.
        folder: the plan's.
        data: the folder of `--data`, which a `data` with an argument is handed.
        where: what an error calls the plan's field.

    Raises:
        PlanError: there is no such file, module or name (the nearest one is said); it stands for no
            problem; its code raises (the line is said).
        DataError: its data need a folder that is not given, or are not three sets; `data` raises.
        MissingExtraError: a shipped problem needs a package that is not installed.
    """
    if data is not None and not data.is_dir():
        raise DataError(f"--data {data} is no folder.")
    with _of_the_plan(where):
        found = find(spec, folder)
        value = _made(found, spec)
        if isinstance(value, JaxProblem | Program):
            return replace(value, name=spec, folder=folder)
        if _has(value, *PARTS):
            _require_use(value.data, data, spec)
            sets = _read(found, value.data, data, spec)
            return JaxProblem(
                spec, value.init, value.loss, value.metrics, *_three(sets, spec), folder=folder
            )
        if _has(value, "run"):
            _require_trial(value.run, f"{spec}: run")
            shown = getattr(value, "data", None)
            read = partial(_read, found, shown, data, spec) if callable(shown) else None
            return Program(spec, value.run, read, folder, data)
        if _is_function(value):
            return Program(spec, value, None, folder, data)
    lacking = [part for part in PARTS if not _has(value, part)]
    if len(lacking) < len(PARTS):
        raise PlanError(f"{where}: {spec} lacks {', '.join(lacking)}; {_WANTED}.")
    raise PlanError(f"{where}: {spec} is a {type(value).__name__}; {_WANTED}.")


@contextmanager
def _of_the_plan(where: str) -> Iterator[None]:
    try:
        yield
    except (PlanError, DataError, MissingExtraError):
        raise
    except SteepestError as error:
        raise PlanError(f"{where}: {error}") from error


def _made(found: Found, spec: str) -> Any:
    """The object, where the name stands for a class or function that makes it."""
    value: Any = found.value
    if inspect.isclass(value):
        require_no_arguments(value, spec)
    elif not _is_function(value):
        return value
    elif _arguments(value, spec) != 0:
        _require_trial(value, spec)
        return value
    with user_code(found.file):
        made: Any = value()
    if _is_function(made):
        _require_trial(made, f"what {spec} returns")
    return made


def _is_function(value: Any) -> bool:
    """Whether it is meant to be called, and is no object with the parts of a problem."""
    plain = callable(value) and not inspect.isclass(value)
    return plain and not any(_has(value, part) for part in (*PARTS, "run"))


def _read(found: Found, function: Callable[..., Any], data: Path | None, spec: str) -> Any:
    """What the problem's `data` returns."""
    takes = _arguments(function, f"{spec}: data")
    if takes > 1:
        raise ArgumentError(f"{spec}: data takes {takes} arguments; it must take none or a folder.")
    if takes == 1 and data is None:
        raise DataError(f"{spec} reads its data from a folder; give it as --data DIR.")
    try:
        with user_code(found.file):
            return function(data) if data is not None and _may_take_one(function) else function()
    except UserCodeError as error:
        raise DataError(f"{spec}: data() raises: {error}") from error


def _require_use(function: Callable[..., Any], data: Path | None, spec: str) -> None:
    """What is given is not to be passed over in silence."""
    if data is not None and not _may_take_one(function):
        raise DataError(f"{spec}: data() takes no folder; leave --data {data} out.")


def _three(sets: Any, spec: str) -> tuple[Any, Any, Any]:
    if not isinstance(sets, (tuple, list)) or len(sets) != 3:
        got = (
            f"{len(sets)} parts" if isinstance(sets, (tuple, list)) else f"a {type(sets).__name__}"
        )
        raise DataError(f"{spec}: data() returns {got}; it must return (train, dev, test).")
    return sets[0], sets[1], sets[2]


def _has(value: Any, *names: str) -> bool:
    return all(callable(getattr(value, name, None)) for name in names)


def _arguments(function: Callable[..., Any], shown: str) -> int:
    """How many arguments it cannot be called without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{shown} has no arguments that can be read.") from error
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters)


def _may_take_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True


def _require_trial(function: Callable[..., Any], shown: str) -> None:
    if _arguments(function, shown) != 1:
        raise ArgumentError(
            f"{shown} takes {inspect.signature(function)}; it must take one argument, the trial "
            "(or none, and return a problem)."
        )
