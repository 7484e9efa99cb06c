"""Trials of a JAX problem side by side, an epoch at a time."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from steepest._raising import reraised
from steepest.errors import SolverError
from steepest.study.checkpoint import Checkpoints
from steepest.study.compiled import programs
from steepest.study.configuration import Configuration
from steepest.study.epoch import Data, State, Told, count, mean_of_chunks
from steepest.study.history import History
from steepest.study.problem import JaxProblem


class Lanes:
    """A batch of trials under way, trial i in lane i until it is over.

    There are as many lanes as the configurations' width says, whatever the number of trials: the
    other lanes, and those of trials that are over, run copies of one that is not, and what they
    give is dropped. So a trial's numbers, last bits included, do not depend on its neighbours.

    Attributes:
        histories: of each trial.
    """

    def __init__(
        self, problem: JaxProblem, trials: Sequence[Configuration], checkpoints: Checkpoints
    ):
        self.histories = [History(trial) for trial in trials]
        self._began = time.perf_counter()
        self._checkpoints = checkpoints
        self._programs = programs(problem, trials[0])
        self._data = _on_device(problem)
        self._sizes = {name: count(part) for name, part in self._data._asdict().items()}
        self._runs = [i if i < len(trials) else 0 for i in range(self._programs.width)]
        keys = [jax.random.key(trials[i].seed) for i in self._runs]
        self._keys = keys[0] if self._programs.width == 1 else jnp.stack(keys)
        with reraised():
            self._state: State = self._programs.start(self._keys, self._told())
        self._resume()

    @property
    def alive(self) -> list[int]:
        """The trials that are not over."""
        return [i for i, history in enumerate(self.histories) if not history.is_over]

    def run_epoch(self) -> list[int]:
        """One epoch of every trial that is not over; which trials these were."""
        began = self.alive
        while alive := [i for i in self.alive if i in began]:
            self._fill([i if i in alive else alive[0] for i in range(self._programs.width)])
            try:
                state, measured, finite = self._epoch()
            except SolverError:
                self._fail(alive)
                continue
            self._state = state
            for i in alive:
                self.histories[i].add(self._metrics(measured, i), finite=bool(self._of(finite, i)))
            self._keep(alive)
            break
        return began

    def _epoch(self) -> tuple[State, PyTree, Any]:
        with reraised():
            state, measured, finite = self._programs.epoch(*self._arguments())
            return state, *jax.device_get((measured, finite))

    def _arguments(self) -> tuple[State, jax.Array, Told, Any, Data]:
        trials = [self.histories[i] for i in self._runs]
        rows = self._programs.rows(trials, self._sizes["train"])
        return self._state, self._keys, self._told(), rows, self._data

    def _told(self) -> Told:
        return self._programs.told([self.histories[i] for i in self._runs])

    def _of(self, leaf: Any, lane: int) -> Any:
        return leaf if self._programs.width == 1 else leaf[lane]

    def _metrics(self, measured: PyTree, lane: int) -> dict[str, float]:
        return {
            f"{part} {name}": mean_of_chunks(self._of(chunks, lane), self._sizes[part])
            for part, of_part in measured.items()
            for name, chunks in of_part.items()
        }

    def _fill(self, runs: list[int]) -> None:
        """Run these trials, a lane each: every one of them is in its own lane now."""
        if runs != self._runs:
            lanes = jnp.array(runs)
            self._state, self._keys = jax.tree.map(lambda a: a[lanes], (self._state, self._keys))
            self._runs = runs

    def _fail(self, alive: list[int]) -> None:
        """The method could not go on in one of these trials: run each alone, to find out in which.

        Raises:
            SolverError: in none of them.
        """
        state, keys, runs = self._state, self._keys, self._runs
        for i in alive:
            self._fill([i] * self._programs.width)
            try:
                self._epoch()
            except SolverError:
                self.histories[i].fail(self._metric_names())
            self._state, self._keys, self._runs = state, keys, runs
        if self.alive == alive:
            raise SolverError("the method could not go on, but none of the trials shows it alone")

    def _after(self) -> tuple[State, PyTree, Any]:
        """What an epoch gives, without its numbers."""
        return jax.eval_shape(self._programs.epoch, *self._arguments())

    def _metric_names(self) -> tuple[str, ...]:
        parts = self._after()[1].items()
        return tuple(f"{part} {name}" for part, of_part in parts for name in of_part)

    def _keep(self, trials: Sequence[int]) -> None:
        """Checkpoints of these trials, if they have run for long."""
        if self._checkpoints.due(time.perf_counter() - self._began):
            for i in trials:
                if not self.histories[i].is_over:
                    state = jax.tree.map(lambda a, i=i: self._of(a, i), self._state)
                    self._checkpoints.write(self.histories[i], state)

    def _resume(self) -> None:
        """Go on where checkpoints say that trials were."""
        if not any(self._checkpoints.has(history.configuration) for history in self.histories):
            return
        like = self._after()[0]
        if self._programs.width > 1:
            like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), like)
        for i, history in enumerate(self.histories):
            found = self._checkpoints.read(history.configuration, like)
            if found is not None:
                self.histories[i], state = found
                self._put(i, state)

    def _put(self, trial: int, state: State) -> None:
        """Set the state of the lanes that run this trial."""
        if self._programs.width == 1:
            self._state = state
            return
        lanes = jnp.array([lane for lane, i in enumerate(self._runs) if i == trial])
        put = lambda a, one: a.astype(one.dtype).at[lanes].set(one)
        self._state = jax.tree.map(put, self._state, state)


_last: list[tuple[weakref.ref[JaxProblem], Data]] = []


def _on_device(problem: JaxProblem) -> Data:
    """The problem's arrays where they are computed with; those of the last problem are kept."""
    if not _last or _last[0][0]() is not problem:
        data = Data(*jax.device_put((problem.train, problem.dev, problem.test)))
        _last[:] = [(weakref.ref(problem), data)]
    return _last[0][1]
