"""Where trials run: in this process, in processes of this machine, or on a cluster."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from steepest.study.configuration import Configuration
from steepest.study.dispatcher import Batch, Dispatcher
from steepest.study.extra import needed
from steepest.study.work import Done, Failed, Work, run_batch


@dataclass(frozen=True)
class Finished:
    """A batch and what it gave."""

    batch: Batch
    done: Done


class Engine(ABC):
    """Runs batches of trials.

    Args:
        work: what they have in common.
        width: how many trials a batch has at most.
    """

    def __init__(self, work: Work, width: int):
        self._work, self._width = work, width
        self.dispatcher = Dispatcher()

    def add(self, label: str, trials: Sequence[Configuration]) -> None:
        """Trials to be run."""
        self.dispatcher.add(label, trials, self._width)

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many there are now."""

    @abstractmethod
    def next(self, timeout: float) -> Finished | None:
        """The next batch that is finished; None where none is within `timeout` seconds.

        Raises:
            SteepestError: what a trial raised, with its message and where.
            TrialError: the user's code raised, or a trial kills its workers.
        """

    @abstractmethod
    def close(self, *, abort: bool = False) -> None:
        """Leave nothing behind: no process, no port. Trials under way are not waited for."""


class InProcess(Engine):
    """One after another, in this process: to look into a problem with a debugger."""

    def __init__(self, work: Work, width: int):
        super().__init__(work, width)
        self._handed: deque[Batch] = deque()

    @property
    def workers(self) -> int:
        return 1

    def next(self, timeout: float) -> Finished | None:
        self._handed.extend(batch for _, batch in self.dispatcher.assign(["here"]))
        if not self._handed:
            return None
        batch = self._handed.popleft()
        outcome = run_batch(self._work, batch.trials)
        if isinstance(outcome, Failed):
            if outcome.kind == (KeyboardInterrupt.__module__, KeyboardInterrupt.__name__):
                raise KeyboardInterrupt
            raise outcome.error()
        self.dispatcher.finished(batch, "here", outcome.seconds)
        return Finished(batch, outcome)

    def close(self, *, abort: bool = False) -> None:
        """There is nothing to close."""


def engine_for(work: Work, width: int, workers: int | None, scheduler: str | None) -> Engine:
    """The engine that these options of `run_study` ask for."""
    on_cpu = work.surroundings.platform == "cpu"
    if workers is None and scheduler is None and not on_cpu:
        workers = 0  # this process holds the accelerator's memory, and lanes fill it, not workers
    if workers == 0:
        return InProcess(work, width)
    from steepest.study.cluster import Cluster

    as_many = needed("dask.system").CPU_COUNT
    return Cluster(work, width, workers=workers or as_many, scheduler=scheduler)
