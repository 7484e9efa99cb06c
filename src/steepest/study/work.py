"""What a worker does: load the problem once, and run batches of trials."""

from __future__ import annotations

import socket
import sysconfig
import time
import traceback
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from steepest.errors import SteepestError
from steepest.study.configuration import Configuration, Surroundings
from steepest.study.problem import Problem
from steepest.study.result import Result


class TrialError(SteepestError):
    """A trial could not be run to its end; the message names the trial, and the line if known."""


@dataclass(frozen=True)
class Work:
    """What the batches of a study have in common.

    Attributes:
        problem: as the plan has it.
        data: the folder of `--data`.
        surroundings: which must be the worker's, too.
        checkpoints: folder of the trials under way; None where there is none.
        host: whose folder that is.
    """

    problem: str
    data: str | None
    surroundings: Surroundings
    checkpoints: str | None = None
    host: str = ""


@dataclass(frozen=True)
class Done:
    """A batch's results, how long it took in seconds, and whether its states were kept."""

    results: tuple[Result, ...]
    seconds: float
    checkpointed: bool = True


@dataclass(frozen=True)
class Failed:
    """What a batch raised, as text: an exception of a user's need not survive the journey."""

    kind: tuple[str, str]  # module and name
    message: str

    def error(self) -> SteepestError:
        """The error again: of its own class where it is one of ours."""
        module, name = self.kind
        if module.partition(".")[0] == "steepest":
            kind = getattr(import_module(module), name, None)
            if isinstance(kind, type) and issubclass(kind, SteepestError):
                return kind(self.message)
        return TrialError(self.message)


def run_batch(work: Work, trials: tuple[Configuration, ...]) -> Done | Failed:
    """Run trials of one method and one shape; whatever goes wrong is told, not raised."""
    start = time.perf_counter()
    try:
        problem = loaded(work)
        from steepest.study.trial import run_trials

        folder = _checkpoints(work)
        results = run_trials(problem, trials, checkpoint=folder)
    except BaseException as error:  # the user's code may raise anything, and SystemExit too
        return _failed(error, trials)
    kept = folder is not None or work.checkpoints is None
    return Done(tuple(results), time.perf_counter() - start, kept)


def describe(trial: Configuration) -> str:
    """A trial in words.

    Example:
        >>> from steepest.study.configuration import configuration
        >>> from steepest.study.plan import MethodPlan, Plan, Steps
        >>> method = MethodPlan("adam", "adam", Steps((0.1,)))
        >>> plan = Plan("file.py:run", (method,))
        >>> here = Surroundings("0" * 64, None)
        >>> describe(configuration(plan, here, method, 0.1, {"eps": 1e-3}, seed=7))
        'adam with eps = 0.001, learning_rate = 0.1, seed 7'
    """
    values = ", ".join(f"{name} = {value:g}" for name, value in trial.hyperparameters)
    return f"{trial.method} with {values}, seed {trial.seed}"


@lru_cache(maxsize=1)
def loaded(work: Work) -> Problem:
    """The problem, loaded once a process, in the surroundings that its configurations name.

    Raises:
        TrialError: this process differs in something that changes the numbers.
        PlanError, DataError: see `load_problem`.
    """
    from steepest.study.loading import load_problem

    return load_problem(work.problem, data=work.data)


def _checkpoints(work: Work) -> Path | None:
    """The folder of the trials under way, if this process sees the runner's."""
    if work.checkpoints is None or socket.gethostname() != work.host:
        return None
    folder = Path(work.checkpoints)
    return folder if folder.is_dir() else None


def _require_same(here: Surroundings, there: Surroundings) -> None:
    differing = [f.name for f in fields(here) if getattr(here, f.name) != getattr(there, f.name)]
    if differing:
        name = differing[0]
        raise TrialError(
            f"a worker on {socket.gethostname()} has {name} {getattr(here, name)!r} where the "
            f"runner has {getattr(there, name)!r}; its numbers would be another study's: give the "
            "workers the runner's environment"
        )


def _failed(error: BaseException, trials: tuple[Configuration, ...]) -> Failed:
    kind = (type(error).__module__, type(error).__qualname__)
    others = f" (and {len(trials) - 1} beside it)" if len(trials) > 1 else ""
    trial = f"{describe(trials[0])}{others}"
    if isinstance(error, SteepestError):
        return Failed(kind, f"{trial}: {error}")
    return Failed(kind, f"{trial}: {type(error).__name__}: {error}{_line(error)}")


def _line(error: BaseException) -> str:
    """The innermost line that is neither ours nor of an installed package."""
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    libraries.append(str(Path(__file__).parent.parent))
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not any(f.filename.startswith(path) for path in libraries)]
    return "".join(f"\n{f.filename}:{f.lineno} in {f.name}: {f.line}" for f in theirs[-1:])
