"""Run what a plan wants and its store does not have yet."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from steepest.errors import ArgumentError, StoreError
from steepest.study.agenda import Agenda
from steepest.study.check import check_before_running
from steepest.study.checkpoint import Checkpoints
from steepest.study.configuration import Configuration, Surroundings
from steepest.study.engine import Engine, Finished, engine_for
from steepest.study.interrupt import Interrupts
from steepest.study.loading import problem_of
from steepest.study.plan import MethodPlan, Plan
from steepest.study.problem import JaxProblem
from steepest.study.progress import Heart, MethodProgress, Progress
from steepest.study.set_aside import SetAside
from steepest.study.store import Store
from steepest.study.surroundings import sources, surroundings
from steepest.study.work import TrialError, Work, describe, remember

_WAIT, _PAUSE = 0.5, 0.1  # seconds between two words on the progress: at most, at least


@dataclass(frozen=True)
class StudyRun:
    """What a run did; all the plan's trials are in the store now.

    Attributes:
        agenda: the trials and their results.
        ran: how many trials were run; the others were there.
        seconds: how long it took.
        set_aside: the files of the store that were found to be no results.
        notes: what else there is to say, a sentence each.
    """

    agenda: Agenda
    ran: int
    seconds: float
    set_aside: tuple[SetAside, ...] = ()
    notes: tuple[str, ...] = ()


def run_study(
    plan: Plan,
    store: Store | Path | str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    data: Path | str | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> StudyRun:
    """Run what a plan wants and its store does not have yet, and end when nothing is wanted.

    A trial's result is committed when it arrives, and nothing is run twice: a run that was killed
    or interrupted goes on where it was. Everything is checked before anything runs.

    Args:
        plan: what to run.
        store: where its results are, or the path or URL of that.
        workers: how many processes of this machine run trials; by default as many as it has
            processors. 0, and the default where JAX computes on an accelerator, is this process,
            one batch after another.
        scheduler: the address of a Dask scheduler whose workers run them instead.
        data: the folder of the problem's data, for problems that read one; on the workers too.
        on_progress: told how far the run is, between two and ten times a second.

    Raises:
        PlanError, DataError: the plan or the problem's data are wrong.
        StoreError: the store cannot be written, another runner is on it, or the disk is full.
        TrialError: the user's code raises, or a trial kills its workers.
        ArgumentError: `workers` is negative, or given beside `scheduler`.
        MissingExtraError: a package of `steepest[study]` is not installed.
    """
    if workers is not None and (workers < 0 or scheduler is not None):
        raise ArgumentError(
            f"--workers {workers}: give a count, 0 for this process alone"
            if scheduler is None
            else "--workers and --scheduler exclude each other: a scheduler has its own workers"
        )
    store = store if isinstance(store, Store) else Store(store)
    plan = replace(plan, file=plan.file.absolute())
    data = None if data is None else Path(data).absolute()
    problem = problem_of(plan, data)
    check_before_running(plan, problem)
    around = surroundings(plan, problem)
    store.prepare()
    width = plan.width if isinstance(problem, JaxProblem) else 1
    with store.locked():
        work = Work(
            plan=plan,
            sources=sources(plan),
            surroundings=around,
            data=None if data is None else str(data),
            checkpoints=None if store.checkpoints is None else str(store.checkpoints.absolute()),
            host=socket.gethostname(),
        )
        remember(work, problem)
        start = lambda: engine_for(work, width, workers, scheduler)
        runner = _Runner(plan, around, store, start, width, on_progress or (lambda _: None))
        return runner.run()


class _Runner:
    """One run: asks the methods what they want, and writes what comes back."""

    def __init__(
        self,
        plan: Plan,
        surroundings: Surroundings,
        store: Store,
        start: Callable[[], Engine],
        width: int,
        on_progress: Callable[[Progress], object],
    ):
        self._store, self._start, self._width = store, start, width
        self._on_progress = on_progress
        self._methods = {method.label: method for method in plan.methods}
        self._agenda = Agenda(plan, surroundings, store)
        self._left: dict[str, set[str]] = {label: set() for label in self._methods}
        self._heart = Heart(store)
        self._checkpoints = Checkpoints(store.checkpoints)
        self._engine: Engine | None = None
        self._notes: dict[str, None] = {}  # in order, each once
        self._told = -float("inf")

    def run(self) -> StudyRun:
        start, before = time.monotonic(), len(self._store.set_aside)
        self._store.set_strangers_aside()
        with Interrupts() as interrupts:
            try:
                ran = self._loop(interrupts)
            except BaseException as error:
                interrupted = interrupts.asked or isinstance(error, KeyboardInterrupt)
                self._close(abort=True)
                # The error is told; that the heartbeat could not be written too would hide it.
                with contextlib.suppress(StoreError):
                    state = "interrupted" if interrupted else "failed"
                    self._heart.beat(self._progress(), state, "" if interrupted else str(error))
                if interrupted and not isinstance(error, KeyboardInterrupt):
                    raise KeyboardInterrupt from error  # a trial in this process met it
                raise
        self._close()
        self._store.keep(self._agenda.record(complete=True))
        self._heart.beat(self._progress(), "done")
        self._on_progress(self._progress())
        return StudyRun(
            agenda=self._agenda,
            ran=ran,
            seconds=time.monotonic() - start,
            set_aside=tuple(self._store.set_aside[before:]),
            notes=tuple(self._notes),
        )

    def _loop(self, interrupts: Interrupts) -> int:
        """Until nothing is wanted; how many trials were run."""
        ran = 0
        self._ask(self._methods.values())
        while any(self._left.values()):
            interrupts.check()
            self._tell()
            assert self._engine is not None
            finished = self._engine.next(_WAIT)
            if finished is not None:
                self._commit(finished)
                ran += len(finished.done.results)
        return ran

    def _ask(self, methods: Iterable[MethodPlan]) -> None:
        """What the methods want next; written down before it runs."""
        under_way = set().union(*self._left.values())
        new: dict[str, list[Configuration]] = {}
        for method in methods:
            trials = self._agenda.ask(method)
            self._left[method.label] = {trial.hash for trial in trials}
            new[method.label] = [trial for trial in trials if trial.hash not in under_way]
            under_way |= self._left[method.label]
        self._store.keep(self._agenda.record(complete=False))
        if any(new.values()):
            self._engine = self._engine or self._start()
            for label, trials in new.items():
                self._engine.add(label, trials)

    def _commit(self, finished: Finished) -> None:
        batch, done = finished.batch, finished.done
        if tuple(result.configuration for result in done.results) != batch.trials:
            raise TrialError(f"{describe(batch.trials[0])}: its results are another trial's")
        for result in done.results:
            self._store.write(batch.label, result)
            self._agenda.results[result.configuration.hash] = result
            self._checkpoints.discard(result.configuration)
        if not done.checkpointed:
            self._notes[
                "a worker does not see the store's folder: its trials start again when "
                "they are interrupted"
            ] = None
        waited = [label for label, left in self._left.items() if left]
        for label in waited:
            self._left[label].difference_update(trial.hash for trial in batch.trials)
        ready = [self._methods[label] for label in waited if not self._left[label]]
        if ready:
            self._ask(ready)

    def _tell(self) -> None:
        if time.monotonic() - self._told < _PAUSE:
            return
        self._told = time.monotonic()
        progress = self._progress()
        self._heart.beat(progress)
        self._on_progress(progress)

    def _progress(self) -> Progress:
        running = () if self._engine is None else self._engine.dispatcher.running
        under_way = dict.fromkeys(self._methods, 0)
        for batch in running:
            under_way[batch.label] += len(batch.trials)
        methods = tuple(
            MethodProgress(
                label, self._agenda.done(label), self._agenda.planned(label), under_way[label]
            )
            for label in self._methods
        )
        left = None
        if self._engine is not None:
            more = {
                m.label: math.ceil((m.planned - m.done - m.running) / self._width) for m in methods
            }
            left = self._engine.dispatcher.seconds_left(self._engine.workers, more)
        return Progress(
            methods=methods,
            running=tuple(describe(trial) for batch in running for trial in batch.trials),
            diverged=sum(r.diverged is not None for r in self._agenda.results.values()),
            workers=0 if self._engine is None else self._engine.workers,
            seconds_left=left,
        )

    def _close(self, *, abort: bool = False) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(abort=abort)
