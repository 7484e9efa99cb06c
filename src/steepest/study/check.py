"""A problem is tried on one batch before a study runs: what is wrong is known at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.descent import descend
from steepest.errors import ArgumentError, DataError, PlanError, SteepestError
from steepest.inputs import as_point, check_scalar, leaf_name
from steepest.study.configuration import LEARNING_RATE
from steepest.study.method import resolve
from steepest.study.names import find
from steepest.study.plan import MethodPlan, Plan
from steepest.study.problem import JaxProblem, Problem
from steepest.user_file import nearest, user_code

SETS = ("train", "dev", "test")


def check_before_running(plan: Plan, problem: Problem) -> None:
    """Try a JAX problem on a batch: its data, `init`, `loss`, `metrics`, a step of each method.

    Of a program nothing can be tried: its metrics are known when its first epoch ends.

    Args:
        plan: what is to run.
        problem: as it was loaded.

    Raises:
        DataError: a set has no examples, or fewer than a batch, or arrays of different lengths; a
            value is NaN or infinite; the sets differ in structure, shape or type. It names the
            array, as `train[0]`.
        PlanError: `init`, `loss` or `metrics` raise (the line is said) or return something else
            than they must; the metric that the plan selects by is none of the problem's (the
            nearest one is said); a method cannot take a step.
    """
    if not isinstance(problem, JaxProblem):
        return
    counts = {name: check_set(getattr(problem, name), name) for name in SETS}
    for name in SETS[1:]:
        _require_alike(problem.train, getattr(problem, name), name)
    if counts["train"] < plan.batch:
        raise DataError(
            f"train has {counts['train']} examples, fewer than a batch: [study] batch is "
            f"{plan.batch} in {plan.file}."
        )
    loss = problem.loss
    where, file = f"{plan.file}: [study] problem: ", find(plan.problem, plan.folder).file
    key = jax.random.key(plan.seed)
    batch = jax.tree.map(lambda a: jnp.asarray(a[: plan.batch]), problem.train)
    with _told(f"{where}init", file):
        parameters = jax.jit(lambda key: _parameters(problem.init(key)))(key)
        as_point(parameters, name="init(key)")  # now that the numbers are known
    with _told(f"{where}loss", file):
        jax.eval_shape(lambda *of: check_scalar(loss(*of), loss), parameters, batch, key)
        value = float(jax.jit(loss)(parameters, batch, key))
    if not math.isfinite(value):
        raise PlanError(
            f"{where}loss is {value} at the initial parameters, on the first {plan.batch} examples."
        )
    with _told(f"{where}metrics", file):
        names = _metric_names(problem, parameters, batch, where)
    _require_metric(plan, names)
    for place, method in enumerate(plan.methods, start=1):
        with _told(f"{plan.file}: [[method]] {place} ({method.name})", file):
            _one_step(plan, method, problem, parameters, batch, key)


@contextmanager
def _told(where: str, file: Path) -> Iterator[None]:
    """What goes wrong is an error of the plan, with the user's line where there is one."""
    try:
        with user_code(file):
            yield
    except (PlanError, DataError):
        raise
    except SteepestError as error:
        raise PlanError(f"{where}: {error}") from error
    except Exception as error:  # the user's code may raise anything
        message = str(error).strip().split("\n\n")[0]
        raise PlanError(f"{where}: {type(error).__name__}: {message}") from error


def check_set(data: PyTree, name: str) -> int:
    """How many examples a set has.

    Raises:
        DataError: it has none, or arrays that are not of one length and finite.

    Example:
        >>> check_set((np.ones((5, 2)), np.arange(5)), "train")
        5
    """
    leaves = jax.tree_util.tree_flatten_with_path(data)[0]
    if not leaves:
        raise DataError(f"{name} is empty: data() returns no arrays for it.")
    first = leaf_name(name, leaves[0][0])
    for path, leaf in leaves:
        shown = leaf_name(name, path)
        if not hasattr(leaf, "dtype") or not np.ndim(leaf):
            raise DataError(
                f"{shown} is {leaf!r:.40}; it must be an array with a leading axis of examples."
            )
        if len(leaf) != len(leaves[0][1]):
            raise DataError(
                f"{shown} has {len(leaf)} examples and {first} {len(leaves[0][1])}; the arrays of "
                "a set must have one length."
            )
        if not len(leaf):
            raise DataError(f"{shown} is empty, of shape {leaf.shape}.")
        _require_numbers(np.asarray(leaf), shown)
    return len(leaves[0][1])


def _require_numbers(array: np.ndarray, shown: str) -> None:
    if jnp.issubdtype(array.dtype, np.floating):
        finite = np.isfinite(array)
        if not finite.all():
            at = np.argwhere(~finite)[0]
            where = f"[{', '.join(map(str, at))}]"
            raise DataError(
                f"{shown}{where} is {array[tuple(at)]}; every value must be finite "
                f"({np.sum(~finite)} of {array.size} are not)."
            )
    elif array.dtype.kind not in "iub":
        raise DataError(f"{shown} is of type {array.dtype}; it must hold real numbers.")


def _require_alike(train: PyTree, other: PyTree, name: str) -> None:
    """The same tree of arrays, but for how many examples there are."""
    if jax.tree.structure(train) != jax.tree.structure(other):
        raise DataError(
            f"{name} is {jax.tree.structure(other)} and train {jax.tree.structure(train)}; "
            "the sets must be built alike."
        )
    pairs = zip(jax.tree_util.tree_flatten_with_path(train)[0], jax.tree.leaves(other), strict=True)
    for (path, a), b in pairs:
        if a.shape[1:] != b.shape[1:] or a.dtype != b.dtype:
            raise DataError(
                f"{leaf_name(name, path)} holds examples of shape {b.shape[1:]} and type "
                f"{b.dtype}, {leaf_name('train', path)} of shape {a.shape[1:]} and type {a.dtype}; "
                "they must be alike."
            )


def _metric_names(problem: JaxProblem, parameters: PyTree, batch: PyTree, where: str) -> list[str]:
    """The names of what `metrics` returns, with spaces."""
    names: list[str] = []

    def measured(parameters: PyTree, batch: PyTree) -> None:
        metrics = problem.metrics(parameters, batch)
        if not isinstance(metrics, Mapping) or not metrics:
            raise PlanError(
                f"{where}metrics returns {metrics!r:.60}; it must return a dict of numbers, such "
                'as {"loss": …, "error": …}.'
            )
        for name, value in metrics.items():
            names.append(_metric_name(name, where))
            if names.count(names[-1]) > 1:
                raise PlanError(f"{where}metrics has {name!r} twice, as {names[-1]!r}.")
            array = jnp.asarray(value)
            if array.shape != () or jnp.issubdtype(array.dtype, np.complexfloating):
                raise PlanError(
                    f"{where}metrics[{name!r}] is an array of shape {array.shape} and type "
                    f"{array.dtype}; it must be one real number, a mean over the examples."
                )

    jax.eval_shape(measured, parameters, batch)
    found = jax.jit(lambda *given: dict(problem.metrics(*given)))(parameters, batch)
    for name, value in found.items():
        if not math.isfinite(float(value)):
            raise PlanError(
                f"{where}metrics[{name!r}] is {float(value)} at the initial parameters, on the "
                "first examples."
            )
    return names


def _metric_name(name: Any, where: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise PlanError(f"{where}metrics has the name {name!r:.40}; it must be a text.")
    return name.replace("_", " ")


def _require_metric(plan: Plan, names: list[str]) -> None:
    known = [f"{name} {metric}" for name in SETS for metric in names]
    if plan.tuning.select not in known:
        fit = [name for name in known if not name.startswith("test ")]
        hint = nearest(plan.tuning.select, fit) or f"; there are {', '.join(fit)}."
        raise PlanError(
            f"{plan.file}: [tuning] select is {plan.tuning.select!r}, which the problem does not "
            f"measure{hint}"
        )


def _parameters(parameters: PyTree) -> PyTree:
    """What `init` returned.

    Raises:
        ArgumentError: a leaf is no array of floats.
    """
    as_point(parameters, name="init(key)")
    for path, leaf in jax.tree_util.tree_flatten_with_path(parameters)[0]:
        if not isinstance(leaf, float) and not hasattr(leaf, "dtype"):
            raise ArgumentError(
                f"{leaf_name('init(key)', path)} is a {type(leaf).__name__}; the parameters must "
                "be arrays of floats and nothing else (of an Equinox module, the part that "
                "eqx.partition(model, eqx.is_inexact_array) puts first)."
            )
    return parameters


def _one_step(
    plan: Plan,
    method: MethodPlan,
    problem: JaxProblem,
    parameters: PyTree,
    batch: PyTree,
    key: jax.Array,
) -> None:
    """Trace a step of the method, with the first value of all that is tuned."""
    first = {name: values[0] for name, values in method.tune.items()}
    factory = resolve(method.name, plan.folder)
    built = factory.build(**{**method.fixed, **first, LEARNING_RATE: method.steps.values[0]})

    def step(parameters: PyTree, batch: PyTree) -> Any:
        return descend(lambda x: problem.loss(x, batch, key), parameters, built, 1).final

    jax.eval_shape(step, parameters, batch)
