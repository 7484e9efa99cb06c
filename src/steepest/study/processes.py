"""The worker processes of this machine: how they are started, and how they are ended."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import Any

from steepest.study.extra import needed

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PJRT_NPROC": "1",  # XLA's pool on a CPU
}
# Workers on one accelerator must not take its memory from each other in advance.
_SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
SETTINGS: dict[str, Any] = {
    # The dispatcher decides where a trial runs.
    "distributed.scheduler.work-stealing": False,
    # A program that keeps the interpreter's lock for minutes is busy, and not dead.
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
    "distributed.admin.tick.limit": "1 day",
}
"""Of Dask, for as long as there are workers."""

_AGAIN = 0.2  # seconds


def processes() -> Any:
    """A Dask cluster on this machine, without workers as yet; `scale` starts them.

    Raises:
        MissingExtraError: `distributed` is not installed.
    """
    cluster = needed("distributed").LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        memory_limit=0,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        silence_logs=logging.CRITICAL,
        env=_ONE_THREAD | _SHARED | {"XLA_FLAGS": _xla_flags()},
    )
    cluster.sync(_leave_interrupts_to_the_runner)
    return cluster


@contextlib.contextmanager
def ended(cluster: Any, grace: float) -> Iterator[None]:
    """While the body closes the cluster, end the workers that do not leave within `grace` seconds.

    Dask waits for a worker that is in the middle of a trial.
    """
    nannies = [] if cluster is None else [*cluster.workers.values()]
    closed = threading.Event()
    threading.Thread(target=_end, args=(nannies, closed, grace), daemon=True).start()
    try:
        yield
    finally:
        closed.set()


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


def _end(nannies: list[Any], closed: threading.Event, grace: float) -> None:
    """End the worker processes of this machine, and what the user's code has started in them."""
    psutil = needed("psutil")
    while not closed.wait(grace):
        for number in (nanny.pid for nanny in nannies):
            with contextlib.suppress(psutil.NoSuchProcess):
                if number is not None:
                    worker = psutil.Process(number)
                    for process in (*worker.children(recursive=True), worker):
                        with contextlib.suppress(psutil.NoSuchProcess):
                            process.kill()
        grace = _AGAIN  # one that was about to start may be there by then
