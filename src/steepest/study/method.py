"""Methods by name: the lecture's, Optax's, and those of a user's file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax

from steepest import methods
from steepest.descent import descend
from steepest.errors import ArgumentError, SteepestError
from steepest.study.configuration import LEARNING_RATE
from steepest.study.sources import sources_of
from steepest.user_file import load_object, nearest, split, user_code

REQUIRED = inspect.Parameter.empty
"""In place of the default of a hyperparameter that has none."""

Source = Literal["steepest", "optax", "file"]


_OURS = tuple(name for name, value in vars(methods).items() if inspect.isfunction(value))


@dataclass(frozen=True)
class MethodFactory:
    """What makes a method from its hyperparameters, the step size among them.

    Attributes:
        name: as the plan has it.
        source: whose it is.
        function: hyperparameters → an Optax gradient transformation.
        defaults: hyperparameter → default, or `REQUIRED`; without the step size.
        default_learning_rate: the step size's own default, where it is a number.
        open: whether the function takes hyperparameters that its signature does not name.
        file: the user's file, for a method of one.
    """

    name: str
    source: Source
    function: Callable[..., Any]
    defaults: Mapping[str, Any]
    default_learning_rate: float | None = None
    open: bool = False
    file: Path | None = None

    def build(self, **hyperparameters: Any) -> optax.GradientTransformation:
        """The method with these hyperparameters, which may be traced as far as `traceable` says.

        Raises:
            ArgumentError: a name that the method does not take, or a value out of its range; the
                function gives no method.
            UserCodeError: the function is a user's and raises.
        """
        self.check_names(hyperparameters)
        try:
            with user_code(self.file) if self.file else nullcontext():
                built = self.function(**hyperparameters)
        except SteepestError:
            raise
        except Exception as error:  # Optax's factories raise what they like
            raise ArgumentError(f"{self.name}: {type(error).__name__}: {error}") from error
        if not isinstance(built, optax.GradientTransformation):
            raise ArgumentError(
                f"{self.name} makes a {type(built).__name__} and no method; it must return an "
                "optax.GradientTransformation."
            )
        return built

    def check_names(self, names: Iterable[str]) -> None:
        """
        Raises:
            ArgumentError: one of them is no hyperparameter of the method, or one is missing.
        """
        names = set(names)
        for name in sorted(names):
            self.check_name(name)
        for name, default in self.defaults.items():
            if default is REQUIRED and name not in names:
                raise ArgumentError(f"{self.name} needs {name}, which has no default.")

    def check_name(self, name: str) -> None:
        """
        Raises:
            ArgumentError: it is no hyperparameter of the method; the nearest one is said.
        """
        known = [LEARNING_RATE, *self.defaults]
        if name not in known and not self.open:
            hint = nearest(name, known) or f"; it takes {', '.join(known)}."
            raise ArgumentError(f"{self.name} takes no {name}{hint}")

    @cached_property
    def sha256(self) -> str | None:
        """Of the user's file and what it imports from its folder; None where there is none."""
        return None if self.file is None else sources_of(self.file).sha256

    @cached_property
    def traceable(self) -> tuple[str, ...]:
        """The hyperparameters that may be traced, sorted: one compiled program serves all values.

        Found by tracing a step. The others have a whole number, a flag or a text as their default,
        or are branched on, and a program is compiled for each value.
        """
        tried = {n: _sample(default) for n, default in self.defaults.items()}
        required = {n: 0.5 for n, default in self.defaults.items() if default is REQUIRED}
        step = 0.125 if self.default_learning_rate is None else self.default_learning_rate
        numbers = {LEARNING_RATE: step} | {n: v for n, v in tried.items() if v is not None}
        traced: dict[str, float] = {}
        for name, value in numbers.items():  # what traces alone need not trace beside another
            more = traced | {name: value}
            if self._can_trace(more, required | more):
                traced = more
        return tuple(sorted(traced))

    def _can_trace(self, traced: Mapping[str, float], fixed: Mapping[str, float]) -> bool:
        """Whether a step on a small quadratic can be traced with these hyperparameters traced."""
        given = {LEARNING_RATE: 0.125, **fixed}
        quadratic = lambda x: sum(jnp.sum((leaf - 1.0) ** 2) for leaf in jax.tree.leaves(x))
        start = {"weights": jnp.zeros((2, 3)), "biases": jnp.zeros(3)}

        def step(values: Mapping[str, Any]) -> Any:
            return descend(quadratic, start, self.build(**{**given, **values}), 1).final

        values = {name: jnp.asarray(value) for name, value in traced.items()}
        try:
            jax.eval_shape(step, values)
        except Exception:  # a factory that branches on a tracer may raise whatever it likes
            return False
        return True


def resolve(name: str, folder: Path | str = ".") -> MethodFactory:
    """The factory of a method.

    Args:
        name: a name of `steepest.methods`; one of Optax, as "lion" or "optax.lion" (of a name that
            both have, the first); or "file.py:name".
        folder: what the file's path is relative to.

    Raises:
        ArgumentError: there is no such method, or it has no step size; the nearest name is said.
        UserCodeError: the file raises while it is run.

    Example:
        >>> resolve("adam").source, resolve("lion").source
        ('steepest', 'optax')
        >>> resolve("adam").traceable
        ('b1', 'b2', 'eps', 'learning_rate')
    """
    if ":" in name:
        file, inner = split(name)
        path, function = load_object(Path(folder) / file, inner, shown=file)
        return _factory(name, "file", function, path)
    if name in _OURS:
        return _factory(name, "steepest", getattr(methods, name))
    return _factory(name, "optax", _of_optax(name))


def _of_optax(name: str) -> Any:
    found: Any = optax
    for part in name.removeprefix("optax.").split("."):
        found = getattr(found, part, None) if not part.startswith("_") else None
    if found is None or not callable(found) or inspect.isclass(found):
        of_optax = [f"optax.{n}" if name.startswith("optax.") else n for n in _optax_names()]
        hint = nearest(name, [*_OURS, *of_optax]) or (
            f"; there are {', '.join(_OURS)}, those of Optax, and file.py:name."
        )
        raise ArgumentError(f"there is no method {name!r}{hint}")
    return found


@lru_cache(maxsize=1)
def _optax_names() -> tuple[str, ...]:
    """Optax's methods: its functions that take a step size."""
    functions = {n: f for n, f in vars(optax).items() if callable(f) and not inspect.isclass(f)}
    return tuple(
        name
        for name, function in functions.items()
        if not name.startswith("_") and LEARNING_RATE in (_parameters(function) or {})
    )


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some that are written in C have none to read
        return None


def _factory(name: str, source: Source, function: Any, file: Path | None = None) -> MethodFactory:
    if isinstance(function, optax.GradientTransformation):
        raise ArgumentError(
            f"{name} is a method whose hyperparameters are chosen; name a function that makes it "
            f"from its {LEARNING_RATE}."
        )
    if not callable(function):
        raise ArgumentError(f"{name} is a {type(function).__name__}, not a function.")
    parameters = _parameters(function)
    if parameters is None:
        raise ArgumentError(f"{name} is no function whose arguments can be read.")
    kinds = inspect.Parameter
    step = parameters.pop(LEARNING_RATE, None)
    if step is None or step.kind in (kinds.POSITIONAL_ONLY, kinds.VAR_POSITIONAL):
        twin = ""
        if source == "steepest" and name in _optax_names():
            twin = f"; optax.{name} takes one"
        raise ArgumentError(
            f"{name} has no step size to tune: it takes no argument {LEARNING_RATE}{twin}."
        )
    named = (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
    rate = step.default
    is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate > 0
    return MethodFactory(
        name,
        source,
        function,
        defaults={n: p.default for n, p in parameters.items() if p.kind in named},
        default_learning_rate=float(rate) if is_number and np.isfinite(rate) else None,
        open=any(p.kind is kinds.VAR_KEYWORD for p in parameters.values()),
        file=file,
    )


def _sample(default: Any) -> float | None:
    """A number to trace a hyperparameter at; None for one that is no real number."""
    if default is None or default is REQUIRED:
        return 0.5
    return default if isinstance(default, float) else None
