"""The compiled programs of a process, each made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from steepest.study.configuration import Configuration
from steepest.study.epoch import Programs
from steepest.study.method import MethodFactory, resolve
from steepest.study.problem import JaxProblem

Function = Callable[..., Any]


def programs(problem: JaxProblem, trial: Configuration) -> Programs:
    """The programs that run the trial: the same ones for trials that differ in what is traced."""
    source = dict(trial.surroundings.method_sources).get(trial.method)
    method = (trial.method, str(problem.folder), source)
    traceable = _factory(*method).traceable
    statics = tuple(
        (name, value, type(value))  # True is not 1
        for name, value in trial.hyperparameters
        if name not in traceable or not isinstance(value, float)
    )
    init, loss, metrics = map(_known, (problem.init, problem.loss, problem.metrics))
    return _programs(problem.name, init, loss, metrics, method, statics, trial.batch, trial.width)


@lru_cache(maxsize=64)
def _factory(name: str, folder: str, source: str | None) -> MethodFactory:
    """The method's factory; `source` tells the states of its file apart."""
    return resolve(name, folder)


@lru_cache(maxsize=32)
def _programs(
    name: str,
    init: Function,
    loss: Function,
    metrics: Function,
    method: tuple[str, str, str | None],
    statics: tuple[tuple[str, Any, type], ...],
    batch: int,
    width: int,
) -> Programs:
    compiled_in = {name: value for name, value, _ in statics}
    return Programs(name, init, loss, metrics, _factory(*method), compiled_in, batch, width)


@dataclass(frozen=True, eq=False)
class _Same:
    """A function without a hash, equal where it is the same object."""

    function: Function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.function is other.function

    def __hash__(self) -> int:
        return id(self.function)


def _known(function: Function) -> Function:
    """What a cache knows the function by: a method of one object is another object each time."""
    try:
        hash(function)
    except TypeError:
        return _Same(function)
    return function
