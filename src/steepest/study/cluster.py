"""Trials on processes of this machine, or on a cluster: by Dask's scheduler (Rocklin 2015).

A worker has one thread, and so have the linear algebra and XLA in it: as many trials run at once as
there are workers. A worker that dies takes nothing with it but the trial it was on, which is run
again by another.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import threading
import time
from collections import Counter
from multiprocessing import resource_tracker
from typing import Any

from steepest.study.configuration import Configuration
from steepest.study.dispatcher import Batch
from steepest.study.engine import Engine, Finished
from steepest.study.extra import needed
from steepest.study.work import Done, Failed, TrialError, Work, describe, run_batch

_START, _CLOSE = 120.0, 10.0  # seconds that a start or an end may take
_GRACE = {False: 1.0, True: 0.2}  # seconds for workers to leave by themselves; aborted or not
_LOOK = 1.0  # seconds between two looks at which workers there are
_DEATHS = 3  # of workers, on one trial, after which it is not tried again

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PJRT_NPROC": "1",  # XLA's pool on a CPU
}
# Workers on one accelerator must not take its memory from each other in advance.
_SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
_SETTINGS: dict[str, Any] = {
    # The dispatcher decides where a trial runs.
    "distributed.scheduler.work-stealing": False,
    # A program that keeps the interpreter's lock for minutes is busy, and not dead.
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
    "distributed.admin.tick.limit": "1 day",
}


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
        self._stack.enter_context(needed("dask").config.set(_SETTINGS))
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
        nannies = [] if self._cluster is None else [*self._cluster.workers.values()]
        ending = threading.Timer(_GRACE[abort], _end, [nannies])
        ending.daemon = True
        ending.start()
        try:
            for part in (self._client, self._cluster):
                if part is not None:
                    with contextlib.suppress(TimeoutError):  # its processes are ended all the same
                        part.close(timeout=_CLOSE)
        finally:
            ending.cancel()
            self._stack.close()

    def _start(self, workers: int, scheduler: str | None) -> None:
        if scheduler is None:
            self._cluster = self._distributed.LocalCluster(
                n_workers=0,
                threads_per_worker=1,
                memory_limit=0,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
                env=_ONE_THREAD | _SHARED | {"XLA_FLAGS": _xla_flags()},
            )
            self._cluster.sync(_leave_interrupts_to_the_runner)
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
            TrialError: a trial has killed each worker that it was given to.
        """
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        alive = sorted(self._client.nthreads())
        for batches in self.dispatcher.lost(set(self._alive) - set(alive)).values():
            for batch in batches:
                self._futures.pop(batch.number).cancel()
            self._deaths[batches[0].number] += 1
            self._require_harmless(batches[0])
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
        try:
            while True:
                try:
                    outcome, worker = future.result(timeout=_LOOK)
                    break
                except TimeoutError:
                    if future.status != "finished":
                        return None
        except self._distributed.KilledWorker as error:
            raise TrialError(_killer(batch)) from error
        except self._distributed.client.FutureCancelledError as error:
            raise TrialError("the scheduler is gone, and the trials under way with it") from error
        except Exception as error:  # what stands between us and the worker may raise anything
            raise TrialError(
                f"{describe(batch.trials[0])}: could not be run ({type(error).__name__}: {error})"
            ) from error
        del self._futures[batch.number]
        if isinstance(outcome, Failed):
            raise outcome.error()
        self.dispatcher.finished(batch, worker, outcome.seconds)
        return Finished(batch, outcome)

    def _require_harmless(self, batch: Batch) -> None:
        if self._deaths[batch.number] == _DEATHS:
            raise TrialError(_killer(batch))


def _killer(batch: Batch) -> str:
    trials = "; or ".join(describe(trial) for trial in batch.trials)
    return (
        f"{trials}: each process that ran it died without a word (out of memory, or a crash in "
        "compiled code); run it with --workers 0 to see it happen"
    )


def _task(work: Work, trials: tuple[Configuration, ...]) -> tuple[Done | Failed, str]:
    """A batch, and the worker that ran it."""
    return run_batch(work, trials), needed("distributed").get_worker().address


def _xla_flags() -> str:
    """XLA's flags with one thread for linear algebra; what the user has set is kept."""
    return f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()


async def _leave_interrupts_to_the_runner() -> None:
    """Block Ctrl-C in the thread that starts the workers: they inherit it, and so do restarts.

    A terminal interrupts all processes at once; it is the runner who ends its workers.
    """
    # The first process that is spawned starts this one, which unblocks Ctrl-C when it is up.
    resource_tracker.ensure_running()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _end(nannies: list[Any]) -> None:
    """End the worker processes of this machine, and what the user's code has started in them."""
    psutil = needed("psutil")
    for number in (nanny.pid for nanny in nannies):
        with contextlib.suppress(psutil.NoSuchProcess):
            if number is not None:
                worker = psutil.Process(number)
                for process in (*worker.children(recursive=True), worker):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
