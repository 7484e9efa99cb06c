"""What a worker does: load the problem once, and run batches of trials."""

from __future__ import annotations

import socket
import sysconfig
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path

import jax

from steepest.errors import PlanError, SteepestError
from steepest.study.configuration import Configuration, Surroundings
from steepest.study.loading import problem_of
from steepest.study.plan import Plan
from steepest.study.problem import Problem
from steepest.study.result import Result
from steepest.study.sources import load_bundle
from steepest.study.surroundings import sources, surroundings
from steepest.study.trial import run_trials


class TrialError(SteepestError):
    """A trial could not be run to its end; the message names the trial, and the line if known."""


@dataclass(frozen=True)
class Work:
    """What the batches of a study have in common.

    Attributes:
        plan: for the names in it and its folder.
        sources: of the user's files that it names, for workers that do not see them.
        surroundings: which must be the worker's, too.
        data: the folder of `--data`.
        checkpoints: folder of the trials under way; None where there is none.
        host: whose folder that is.
    """

    plan: Plan
    sources: Mapping[str, str]
    surroundings: Surroundings
    data: str | None = None
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
    try:
        problem = loaded(work)
        start = time.perf_counter()
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


_loaded: list[tuple[Work, Problem]] = []


def loaded(work: Work) -> Problem:
    """The problem, loaded once a process, in the surroundings that its configurations name.

    From the plan's folder where this process sees it as it was read; else from the sources that
    travel with the work.

    Raises:
        TrialError: this process differs in something that changes the numbers.
        PlanError, DataError, MissingExtraError: see `load_problem`.
    """
    if _loaded and _loaded[0][0] == work:
        return _loaded[0][1]
    jax.config.update("jax_enable_x64", work.surroundings.x64)
    plan = work.plan
    if not _sees(plan, work.sources):
        plan = replace(plan, file=load_bundle(work.sources) / plan.file.name)
    problem = problem_of(plan, None if work.data is None else Path(work.data))
    _require_same(surroundings(plan, problem), work.surroundings)
    remember(work, problem)
    return problem


def remember(work: Work, problem: Problem) -> None:
    """The problem is loaded in this process already."""
    _loaded[:] = [(work, problem)]


def _sees(plan: Plan, texts: Mapping[str, str]) -> bool:
    """Whether the plan's folder has these files here."""
    if not plan.folder.is_dir():
        return False
    try:
        return sources(plan) == dict(texts)
    except PlanError:
        return False


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
    trial = describe(trials[0])
    if len(trials) > 1:
        trial += f" (or one of the {len(trials) - 1} beside it)"
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
