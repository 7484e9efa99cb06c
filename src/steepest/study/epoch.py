"""An epoch of some trials of one method and one shape, as one compiled program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Int, PyTree

from steepest.descent import descend
from steepest.errors import PlanError
from steepest.study.configuration import LEARNING_RATE
from steepest.study.history import History
from steepest.study.method import MethodFactory

CHUNK = 1024
"""Metrics are computed on so many examples at a time."""

_INIT, _LOSS = range(2)  # the streams of a trial's random numbers in JAX


class Data(NamedTuple):
    """The three sets of a problem: arguments of the compiled program, not constants in it."""

    train: PyTree
    dev: PyTree
    test: PyTree


class State(NamedTuple):
    """Where a trial is after some epochs; under a batch, with a leading axis."""

    params: PyTree
    method: PyTree


class Told(NamedTuple):
    """What an epoch is told of a trial: how many are over, and the hyperparameters that vary."""

    done: Any
    hyperparameters: dict[str, Any]


@dataclass(frozen=True)
class Programs:
    """The compiled programs of a problem, a method and a shape.

    Attributes:
        name: the problem's.
        init, loss, metrics: as in `JaxProblem`.
        factory: makes the method.
        statics: the hyperparameters that are compiled in.
        batch: examples a step.
        width: trials side by side; 1 for no batch of trials.
    """

    name: str
    init: Callable[..., PyTree]
    loss: Callable[..., Any]
    metrics: Callable[..., Any]
    factory: MethodFactory
    statics: Mapping[str, Any]
    batch: int
    width: int

    @cached_property
    def start(self) -> Callable[[jax.Array, Told], State]:
        """(key, what it is told) → where the trial begins."""
        return jax.jit(self._start if self.width == 1 else jax.vmap(self._start))

    @cached_property
    def epoch(self) -> Callable[[State, jax.Array, Told, Any, Data], tuple[State, Any, Any]]:
        """→ (the state after the epoch, metrics by set, name and chunk, whether all is finite)."""
        across = jax.vmap(self._epoch, in_axes=(0, 0, 0, 0, None))
        return jax.jit(self._epoch if self.width == 1 else across)

    def told(self, trials: Sequence[History]) -> Told:
        """What the next epoch of these trials, one a lane, is told; on the host."""
        each = [self._told(trial) for trial in trials]
        if self.width == 1:
            return each[0]
        return jax.tree.map(lambda *leaves: np.stack(leaves), *each)

    def rows(self, trials: Sequence[History], examples: int) -> Int[np.ndarray, "... steps batch"]:
        """Which examples each step of the next epoch takes, drawn on the host: a program's sort
        takes as long as tens of its steps."""
        each = [self._rows(trial, examples) for trial in trials]
        return each[0] if self.width == 1 else np.stack(each)

    def _rows(self, trial: History, examples: int) -> Int[np.ndarray, "steps batch"]:
        """The examples in random order, cut into batches; those that fill none are left out."""
        rng = np.random.default_rng((trial.configuration.seed, trial.done))
        steps = examples // self.batch
        order = rng.permutation(examples)[: steps * self.batch]
        return order.astype(np.int32).reshape(steps, self.batch)

    def _told(self, trial: History) -> Told:
        dtype = jnp.result_type(float)
        given = dict(trial.configuration.hyperparameters) | {LEARNING_RATE: trial.step_size}
        if LEARNING_RATE in self.statics:
            given[LEARNING_RATE] = trial.scale
        names = {LEARNING_RATE, *given} - (self.statics.keys() - {LEARNING_RATE})
        values = {name: np.asarray(given[name], dtype) for name in sorted(names)}
        return Told(np.int32(trial.done), values)

    def _method(self, told: Mapping[str, Any]) -> optax.GradientTransformation:
        """A step size that cannot be traced is compiled in; its decay multiplies the steps."""
        if LEARNING_RATE not in self.statics:
            return self.factory.build(**self.statics, **told)
        others = {name: value for name, value in told.items() if name != LEARNING_RATE}
        method = self.factory.build(**self.statics, **others)
        return optax.chain(method, optax.scale(told[LEARNING_RATE]))

    def _start(self, key: jax.Array, told: Told) -> State:
        params = _strong(self.init(jax.random.fold_in(key, _INIT)))
        return State(params, _strong(self._method(told.hyperparameters).init(params)))

    def _epoch(
        self, state: State, key: jax.Array, told: Told, rows: Any, data: Data
    ) -> tuple[State, Any, Any]:
        def draw(key: jax.Array, t: Any) -> tuple[PyTree, jax.Array]:
            of_step = lax.dynamic_index_in_dim(rows, t, keepdims=False)
            taken = lambda a: a.at[of_step].get(
                mode="promise_in_bounds", wrap_negative_indices=False
            )
            return jax.tree.map(taken, data.train), key

        run = descend(
            lambda params, drawn: self.loss(params, *drawn),
            state.params,
            self._method(told.hyperparameters),
            len(rows),
            saveat=[0],
            states=False,
            batches=draw,
            key=jax.random.fold_in(jax.random.fold_in(key, _LOSS), told.done),
            method_state=state.method,
        )
        measured = {name: self._metrics(run.final, part) for name, part in data._asdict().items()}
        return State(run.final, run.method_state), measured, ~run.diverged

    def _metrics(self, params: PyTree, part: PyTree) -> dict[str, Any]:
        """Name → the mean of each chunk."""

        def on(chunk: PyTree) -> dict[str, Any]:
            metrics = self.metrics(params, chunk)
            if not isinstance(metrics, Mapping) or not metrics:
                raise PlanError(
                    f"{self.name}: metrics gives a {type(metrics).__name__}; it must give "
                    'names and numbers, such as {"loss": …, "error": …}.'
                )
            for name, value in metrics.items():
                if np.shape(value) != ():
                    raise PlanError(
                        f"{self.name}: the metric {name!r} has shape {np.shape(value)}; it "
                        "must be one number, the mean over the batch."
                    )
            return {name.replace("_", " "): jnp.asarray(v) for name, v in metrics.items()}

        whole, rest = divmod(count(part), CHUNK)
        rows: list[dict[str, Any]] = []
        if whole:
            chunk = lambda i: jax.tree.map(
                lambda a: lax.dynamic_slice_in_dim(a, i * CHUNK, CHUNK), part
            )
            rows.append(lax.map(lambda i: on(chunk(i)), jnp.arange(whole)))
        if rest:
            last = on(jax.tree.map(lambda a: a[whole * CHUNK :], part))
            rows.append({name: value[None] for name, value in last.items()})
        return jax.tree.map(lambda *a: jnp.concatenate(a), *rows)


def count(part: PyTree) -> int:
    """How many examples a set has."""
    return jax.tree.leaves(part)[0].shape[0]


def mean_of_chunks(values: np.ndarray, examples: int) -> float:
    """The mean over all examples from the means of the chunks.

    A sum that is whole up to the rounding of the chunks' means is taken for whole: an error rate is
    then a count over a count, and two trials with as many errors tie.

    Example:
        >>> mean_of_chunks(np.array([1 / 1024, np.float32(2 / 500)]), 1524) == 3 / 1524
        True
    """
    whole, rest = divmod(examples, CHUNK)
    sizes = np.array([CHUNK] * whole + [rest] * (rest > 0), np.float64)
    total = float(np.sum(sizes * values.astype(np.float64)))
    if np.isfinite(total) and abs(total - round(total)) <= 2.0**-23 * abs(total):
        total = float(round(total))
    return total / examples


def _strong(tree: PyTree) -> PyTree:
    """Arrays of their own dtype: one that gives way to others would be compiled for twice."""

    def strong(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return leaf
        return lax.convert_element_type(leaf, leaf.dtype)

    return jax.tree.map(strong, tree)
