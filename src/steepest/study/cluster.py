"""Trials on processes of this machine, or on a cluster: by Dask's scheduler (Rocklin 2015).

A worker has one thread, and so have the linear algebra and XLA in it: as many trials run at once as
there are workers. A worker that dies takes nothing with it but the trial it was on, which is run
again by another.
"""

from __future__ import annotations

import contextlib
import os
import queue
import time
from collections import Counter
from typing import Any

from steepest.study.configuration import Configuration
from steepest.study.dispatcher import Batch
from steepest.study.engine import Engine, Finished
from steepest.study.extra import needed
from steepest.study.processes import SETTINGS, ended, processes
from steepest.study.work import Done, Failed, TrialError, Work, describe, run_batch

_START, _CLOSE = 120.0, 10.0  # seconds that a start or an end may take
_ANSWER = 30.0  # seconds after which a scheduler is held to be gone
_GRACE = {False: 1.0, True: 0.2}  # seconds for workers to leave by themselves; aborted or not
_LOOK = 1.0  # seconds between two looks at which workers there are
_DEATHS = 3  # of workers, on one trial, after which it is not tried again

_GONE = "the scheduler is gone, and the trials under way with it; run again to go on"


class Cluster(Engine):
    """Batches as tasks of Dask, each asked of the worker that has its method compiled.

    Args:
        work: what the batches have in common.
        width: how many trials a batch has at most.
        workers: how many processes of this machine, where there is no scheduler.
        scheduler: address of a running scheduler, such as "tcp://10.0.0.1:8786".

    Raises:
        TrialError: no worker came up, or nobody answers at the scheduler's address.
        MissingExtraError: `distributed` is not installed.
    """

    def __init__(self, work: Work, width: int, *, workers: int, scheduler: str | None = None):
        super().__init__(work, width)
        self._distributed = needed("distributed")
        self._done: queue.SimpleQueue[tuple[Any, Batch]] = queue.SimpleQueue()
        self._futures: dict[int, Any] = {}  # by the number of the batch
        self._deaths: Counter[int] = Counter()
        self._count = 0
        self._alive: list[str] = []
        self._looked = -float("inf")
        self._cluster: Any = None
        self._client: Any = None
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(needed("dask").config.set(SETTINGS))
        try:
            self._start(workers, scheduler)
        except BaseException:
            self.close(abort=True)
            raise

    @property
    def workers(self) -> int:
        """How many are alive."""
        return len(self._alive)

    def next(self, timeout: float) -> Finished | None:
        until = time.monotonic() + timeout
        while True:
            self._look()
            self._hand_out()
            wait = min(until - time.monotonic(), _LOOK)
            try:
                finished = self._take(*self._done.get(timeout=max(wait, 0.0)))
            except queue.Empty:
                if wait <= 0.0:
                    return None
                continue
            if finished is not None:
                self._hand_out()
                return finished

    def close(self, *, abort: bool = False) -> None:
        # A worker in the middle of a trial would be waited for: it is ended, with its children.
        with ended(self._cluster, _GRACE[abort]):
            for part in (self._client, self._cluster):
                if part is not None:
                    with contextlib.suppress(TimeoutError):  # its processes are ended all the same
                        part.close(timeout=_CLOSE)
        self._stack.close()

    def _start(self, workers: int, scheduler: str | None) -> None:
        if scheduler is None:
            self._cluster = processes()
            self._cluster.scale(workers)
        try:
            self._client = self._distributed.Client(
                self._cluster or scheduler, timeout=_START, set_as_default=False
            )
            self._client.wait_for_workers(1, timeout=_START)
        except (OSError, TimeoutError, ValueError) as error:
            where = f"the scheduler at {scheduler}" if scheduler else "this machine"
            raise TrialError(f"no worker came up on {where}: {error}") from error

    def _look(self) -> None:
        """Find out which workers there are, once in a while.

        Dask would move a dead worker's tasks itself, but not where all workers died at once.

        Raises:
            TrialError: a trial has killed each worker that it was given to; the scheduler is gone.
        """
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        try:
            alive = sorted(self._client.nthreads(callback_timeout=_ANSWER))
        except OSError as error:
            raise TrialError(_GONE) from error
        for batches in self.dispatcher.lost(set(self._alive) - set(alive)).values():
            for batch in batches:
                self._futures.pop(batch.number).cancel()
            if len(batches) == 1:
                self._died_with(batches[0])
        self._alive = alive

    def _hand_out(self) -> None:
        for worker, batch in self.dispatcher.assign(self._alive):
            self._count += 1
            future = self._client.submit(
                _task,
                self._work,
                batch.trials,
                key=f"steepest-{os.getpid()}-{id(self)}-{self._count}",
                pure=False,
                workers=[worker],
            )
            self._futures[batch.number] = future
            future.add_done_callback(lambda future, batch=batch: self._done.put((future, batch)))

    def _take(self, future: Any, batch: Batch) -> Finished | None:
        """What a task gave; None where it died with its worker, which will be found out."""
        if self._futures.get(batch.number) is not future:
            return None
        if future.status == "error":
            raise _lost(batch, future.exception(), self._distributed.KilledWorker)
        # "skip": one that dies with its worker is found out by `_look`, which hands it out again.
        gather = lambda: self._client.gather([future], errors="skip", asynchronous=True)
        got: list[Any] = []
        while not got:
            with contextlib.suppress(TimeoutError):
                got = self._client.sync(gather, callback_timeout=_LOOK)
            if future.status == "cancelled":
                raise TrialError(_GONE)
            if not got and future.status != "finished":
                return None
        outcome, worker = got[0]
        del self._futures[batch.number]
        if isinstance(outcome, Failed):
            raise outcome.error()
        self.dispatcher.finished(batch, worker, outcome.seconds)
        return Finished(batch, outcome)

    def _died_with(self, batch: Batch) -> None:
        self._deaths[batch.number] += 1
        if self._deaths[batch.number] == _DEATHS:
            raise TrialError(_killer(batch))


def _lost(batch: Batch, error: BaseException, killed: type[BaseException]) -> TrialError:
    """What stood between us and the worker, of which the batch itself knows nothing."""
    if isinstance(error, killed):
        return TrialError(_killer(batch))
    name = type(error).__name__
    return TrialError(f"{describe(batch.trials[0])}: could not be run ({name}: {error})")


def _killer(batch: Batch) -> str:
    trials = "; or ".join(describe(trial) for trial in batch.trials)
    return (
        f"{trials}: each process that ran it died without a word (out of memory, or a crash in "
        "compiled code); run it with --workers 0 to see it happen"
    )


def _task(work: Work, trials: tuple[Configuration, ...]) -> tuple[Done | Failed, str]:
    """A batch, and the worker that ran it."""
    return run_batch(work, trials), needed("distributed").get_worker().address
