"""A trial of a program in any framework, which yields its metrics once an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steepest.errors import PlanError, SolverError
from steepest.study.configuration import LEARNING_RATE
from steepest.study.history import History
from steepest.study.plan import Decay, Number
from steepest.study.problem import Program
from steepest.user_file import nearest


class Trial:
    """What a program is handed: what to train, and with what.

    The program is a generator function. It trains for an epoch, yields its metrics as name →
    number, the plan's `select` among them, and so on for `epochs` epochs:

    .. code-block:: python

       def run(trial):
           torch.manual_seed(trial.seed)
           optimizer = torch.optim.Adam(model.parameters(), **trial.hyperparameters)
           for _ in range(trial.epochs):
               for group in optimizer.param_groups:
                   group["lr"] = trial.learning_rate
               ...
               yield {"train_loss": ..., "dev_error": ..., "test_error": ...}

    Attributes:
        seed: what all its random numbers are to derive from.
        method: the method's name in the plan, a framework's own if the program knows it.
        hyperparameters: name → value, without the step size.
        epochs: how many to train, and how often to yield.
        batch: examples a step.
        data: the folder of `--data`, or None.
    """

    def __init__(self, program: Program, history: History):
        trial = history.configuration
        self._history = history
        self.seed: int = trial.seed
        self.method: str = trial.method
        self.hyperparameters: dict[str, Number] = {
            name: value for name, value in trial.hyperparameters if name != LEARNING_RATE
        }
        self.epochs: int = trial.epochs
        self.batch: int = trial.batch
        self.decay: Decay = trial.decay
        self.data: Path | None = program.data_folder

    @property
    def learning_rate(self) -> float:
        """The step size of the coming epoch: the plan's decay is applied after each yield."""
        return self._history.step_size

    def __repr__(self) -> str:
        return f"Trial({self.method}, {self.hyperparameters}, seed {self.seed})"


def run_program(program: Program, history: History) -> Iterator[None]:
    """Run the trial, pausing after each epoch, whose metrics are in `history` then.

    A metric that is not finite ends the trial, which has diverged.

    Raises:
        PlanError: the program yields something else than its metrics once an epoch.
    """
    trial = history.configuration
    epochs = program.run(Trial(program, history))
    if not hasattr(epochs, "__iter__"):
        raise PlanError(
            f"{program.name} returns a {type(epochs).__name__}; write it as a generator, which "
            "yields its metrics after each epoch."
        )
    running = iter(epochs)
    try:
        while history.diverged is None:
            try:
                metrics = next(running)
            except StopIteration:
                break
            except SolverError:
                history.fail(tuple(history.metrics) or (trial.select,))
                yield
                break
            if history.done == trial.epochs:
                raise PlanError(
                    f"{program.name} yields more than once an epoch: more than {trial.epochs} "
                    "times; yield after each of `trial.epochs` epochs, and nowhere else."
                )
            history.add(_checked(metrics, program, history))
            yield
    finally:
        close = getattr(running, "close", None)  # an iterator need not be a generator
        if close is not None:
            close()
    if not history.is_over:
        raise PlanError(
            f"{program.name} yields {history.done} times and the plan has {trial.epochs} epochs; "
            "yield after each of `trial.epochs` epochs."
        )


def _checked(metrics: Any, program: Program, history: History) -> dict[str, float]:
    """The metrics as numbers, their names with spaces."""
    epoch = history.done + 1
    if not isinstance(metrics, Mapping):
        raise PlanError(
            f"{program.name} yields a {type(metrics).__name__} after epoch {epoch}; it must be a "
            'dictionary of numbers, such as {"train loss": …, "dev error": …}.'
        )
    read: dict[str, float] = {}
    for key, value in metrics.items():
        name = str(key).replace("_", " ")
        if name in read:
            raise PlanError(f"{program.name} yields {name!r} twice, with and without underscores.")
        try:
            read[name] = float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise PlanError(
                f"{program.name} yields {value!r:.40} as {name!r} after epoch {epoch}; it must be "
                "a number."
            ) from error
    select = history.configuration.select
    if select not in read:
        hint = nearest(select, read) or f"; they are {', '.join(read) or 'none'}."
        raise PlanError(
            f"{program.name}: the plan selects by {select!r}, which is not among the metrics "
            f"after epoch {epoch}{hint}"
        )
    if history.metrics and read.keys() != history.metrics.keys():
        odd = sorted(read.keys() ^ history.metrics.keys())
        raise PlanError(
            f"{program.name} yields {odd[0]!r} after some epochs only; yield the same metrics "
            "after each."
        )
    return read
