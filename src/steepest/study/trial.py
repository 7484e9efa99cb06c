"""Trials: what a study runs, one for each configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from steepest.errors import ArgumentError, PlanError
from steepest.study.checkpoint import Checkpoints
from steepest.study.compiled import programs
from steepest.study.configuration import Configuration
from steepest.study.epoch import count
from steepest.study.history import History
from steepest.study.lanes import Lanes
from steepest.study.names import is_of_file
from steepest.study.problem import JaxProblem, Problem
from steepest.study.program import Trial as Trial, run_program
from steepest.study.result import Result
from steepest.user_file import nearest, user_code

OnEpoch = Callable[[Configuration, int, Mapping[str, float]], None]


def run_trials(
    problem: Problem,
    configurations: Sequence[Configuration],
    *,
    checkpoint: Path | str | None = None,
    checkpoint_after: float = 60.0,
    on_epoch: OnEpoch | None = None,
) -> list[Result]:
    """Run trials of one method and one shape side by side.

    A trial is a pure function of its configuration: its numbers, last bits included, depend neither
    on how many others run beside it nor on which. All its random numbers — the start, the order of
    the examples, the keys of the loss — derive from its seed alone, so that different methods have
    on one seed the same start and the same batches.

    In an epoch the training set is put in random order and cut into batches; what fills no batch is
    left out of that epoch. Then the metrics are computed on all three sets, after the epoch's last
    step. The step size falls by the plan's decay, on the metric that the plan selects by.

    A trial that leaves the finite numbers — in a loss, a parameter or a metric — and one whose
    method cannot go on (Newton's, at an indefinite Hessian) has diverged, which is a result and no
    error. The others go on.

    Args:
        problem: a JAX problem, or a program, whose trials run one after the other.
        configurations: at most as many as their width, all with one method, number of epochs, batch
            and decay.
        checkpoint: an existing folder in which the state of trials of a JAX problem is kept after
            each epoch, and from which trials that were stopped go on, bit for bit. Whoever has
            written a trial's result removes its state: `Checkpoints(folder).discard(trial)`.
        checkpoint_after: how many seconds the trials run before their states are kept.
        on_epoch: called after each epoch of each trial with its configuration, the number of the
            epoch (from 1) and its metrics. What it raises ends the trials.

    Returns:
        The results, in the order of the configurations.

    Raises:
        ArgumentError: the configurations do not go together.
        PlanError: the plan and the problem do not go together: a batch beyond the training set, a
            metric to select by that the problem does not give, a program that yields something else
            than its metrics once an epoch.
        UserCodeError: the problem's file raises; the message names the line.
    """
    began = time.perf_counter()
    trials = list(configurations)
    if not trials:
        return []
    _require_one_shape(trials)
    if isinstance(problem, JaxProblem):
        checkpoints = Checkpoints(
            None if checkpoint is None else Path(checkpoint), checkpoint_after
        )
        with _told(problem):
            _require_batch(problem, trials[0])
            done = _side_by_side(problem, trials, checkpoints, on_epoch)
        each = (time.perf_counter() - began) / len(trials)
        return [done[trial.hash].result(each) for trial in trials]
    results = []
    for trial in trials:
        history = History(trial)
        with _told(problem):
            for _ in run_program(problem, history):
                _epoch_over(history, on_epoch)
        results.append(history.result(time.perf_counter() - began))
        began = time.perf_counter()
    return results


def _side_by_side(
    problem: JaxProblem,
    trials: Sequence[Configuration],
    checkpoints: Checkpoints,
    on_epoch: OnEpoch | None,
) -> dict[str, History]:
    """The trials by their hashes; those that differ in what is compiled in, one after the other."""
    of_program: dict[Any, list[Configuration]] = {}
    for trial in trials:
        names = tuple(name for name, _ in trial.hyperparameters)
        of_program.setdefault((id(programs(problem, trial)), names), []).append(trial)
    done: dict[str, History] = {}
    for batch in of_program.values():
        lanes = Lanes(problem, batch, checkpoints)
        while lanes.alive:
            for i in lanes.run_epoch():
                _epoch_over(lanes.histories[i], on_epoch)
        done |= {history.configuration.hash: history for history in lanes.histories}
    return done


def _epoch_over(history: History, on_epoch: OnEpoch | None) -> None:
    if history.done == 1:
        _require_select(history)
    if on_epoch is not None:
        last = {name: values[-1] for name, values in history.metrics.items()}
        on_epoch(history.configuration, history.done, last)


def _require_one_shape(trials: Sequence[Configuration]) -> None:
    """
    Raises:
        ArgumentError: they cannot run as one batch.
    """
    first = trials[0]
    if len(trials) > first.width:
        raise ArgumentError(f"{len(trials)} configurations were given for a width of {first.width}")
    for trial in trials:
        for field in ("problem", "method", "decay", "select", "epochs", "batch", "width"):
            if getattr(trial, field) != getattr(first, field):
                raise ArgumentError(
                    f"configurations with the {field} {getattr(first, field)!r} and "
                    f"{getattr(trial, field)!r} were given; trials side by side have one."
                )


def _require_batch(problem: JaxProblem, trial: Configuration) -> None:
    """
    Raises:
        PlanError: an epoch would have no step.
    """
    examples = count(problem.train)
    if trial.batch > examples:
        raise PlanError(
            f"batch is {trial.batch} and {problem.name} has {examples} training examples; take a "
            "batch of at most as many."
        )


def _require_select(history: History) -> None:
    """
    Raises:
        PlanError: the metric that the plan selects by is not there.
    """
    select, names = history.configuration.select, list(history.metrics)
    if select not in names:
        hint = nearest(select, names) or f"; it gives {', '.join(names)}."
        raise PlanError(f"{history.configuration.problem} gives no metric {select!r}{hint}")


def _told(problem: Problem) -> AbstractContextManager[None]:
    """Errors of the user's file are told with its line."""
    if not is_of_file(problem.name):
        return nullcontext()
    return user_code((problem.folder / problem.name.rpartition(":")[0]).resolve())
