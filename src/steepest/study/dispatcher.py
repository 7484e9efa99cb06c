"""Which batch of trials a worker gets next.

A method's program is compiled once in each process that runs it, so a method keeps to one worker
while others have work of their own. A worker without any takes over a whole method from one that
has several, of those the one with most left; and where every worker has but one method, it joins
the one with most left, if that is quicker than to leave it alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from steepest.study.configuration import Configuration

_SHORT = 2.0  # seconds; shorter batches are handed out one ahead, so that no worker waits
_COMPILED = 5.0  # seconds; a first batch that takes longer is no matter of its compilation


@dataclass(frozen=True)
class Batch:
    """Trials of one method and one shape, run together.

    Attributes:
        number: counts the batches.
        label: the method's.
        trials: at least one.
    """

    number: int
    label: str
    trials: tuple[Configuration, ...]


@dataclass
class _Method:
    """What is known of one method's trials."""

    waiting: deque[Batch] = field(default_factory=deque)
    workers: list[str] = field(default_factory=list)
    first: float | None = None  # seconds of the first batch on a worker, compilation included
    later: list[float] = field(default_factory=list)  # seconds of the others

    @property
    def typical(self) -> float | None:
        """Seconds of a batch that is compiled."""
        return sum(self.later) / len(self.later) if self.later else None


class Dispatcher:
    """Hands out batches; knows nothing of processes.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._methods: dict[str, _Method] = {}
        self._running: dict[int, tuple[Batch, str, float]] = {}
        self._last: dict[str, str] = {}  # worker → label of the batch that it got last
        self._warm: set[tuple[str, str]] = set()  # (worker, label) that have finished a batch
        self._suspects: set[int] = set()  # batches that a worker has died with
        self._count = 0

    def add(self, label: str, trials: Sequence[Configuration], width: int) -> None:
        """Trials to be run, at most `width` at once."""
        method = self._methods.setdefault(label, _Method())
        for group in _shapes(trials):
            for start in range(0, len(group), width):
                batch = Batch(self._count, label, tuple(group[start : start + width]))
                method.waiting.append(batch)
                self._count += 1

    @property
    def waiting(self) -> int:
        """How many batches no worker has."""
        return sum(len(method.waiting) for method in self._methods.values())

    @property
    def running(self) -> tuple[Batch, ...]:
        """The batches handed out and not finished, in the order of handing out."""
        return tuple(batch for batch, _, _ in self._running.values())

    def assign(self, workers: Sequence[str]) -> list[tuple[str, Batch]]:
        """Batches for the workers that have none, and one ahead where batches are short."""
        known = set(workers)
        for method in self._methods.values():
            method.workers = [w for w in method.workers if w in known]
        handed = []
        for ahead in (False, True):
            for worker in workers:
                mine = [b for b, w, _ in self._running.values() if w == worker]
                if len(mine) > ahead or any(b.number in self._suspects for b in mine):
                    continue
                label = self._ahead(worker) if ahead and mine else self._next(worker)
                if label is not None:
                    handed.append((worker, self._hand_out(worker, label)))
        return handed

    def finished(self, batch: Batch, worker: str, seconds: float) -> None:
        """A worker has finished a batch."""
        self._running.pop(batch.number)
        self._suspects.discard(batch.number)
        method = self._methods[batch.label]
        if (worker, batch.label) in self._warm:
            method.later.append(seconds)
        elif method.first is None or seconds < method.first:
            method.first = seconds
        self._warm.add((worker, batch.label))

    def lost(self, workers: Collection[str]) -> dict[str, list[Batch]]:
        """Workers have died: what they had is to be run again, before all else of its method.

        Any of it may be why, so each of these batches is then the only one that a worker has.

        Returns:
            Worker → its batches.
        """
        had: dict[str, list[Batch]] = {}
        for batch, worker, _ in [*self._running.values()]:
            if worker in workers:
                had.setdefault(worker, []).append(batch)
                del self._running[batch.number]
        for batches in had.values():
            for batch in reversed(batches):
                self._methods[batch.label].waiting.appendleft(batch)
                self._suspects.add(batch.number)
        return had

    def seconds_left(self, workers: int, more: dict[str, int]) -> float | None:
        """How long the rest takes on so many workers; None before anything is measured.

        Args:
            workers: at least one.
            more: label → batches that are neither finished nor running, known or expected.
        """
        measured = {
            label: seconds
            for label, method in self._methods.items()
            if (seconds := method.typical or method.first) is not None
        }
        if not measured:
            return None
        mean = sum(measured.values()) / len(measured)
        now = self._clock()
        running = sum(
            max(measured.get(batch.label, mean) - (now - start), 0.0)
            for batch, _, start in self._running.values()
        )
        waiting = sum(count * measured.get(label, mean) for label, count in more.items())
        return (running + waiting) / max(workers, 1)

    def _next(self, worker: str) -> str | None:
        """The method that a worker without work turns to."""
        left = {label: m for label, m in self._methods.items() if m.waiting}
        most = lambda labels: max(labels, key=lambda label: len(left[label].waiting), default=None)
        mine = self._mine(worker)
        if mine is not None:
            return mine
        free = most(label for label, m in left.items() if not m.workers)
        if free is not None:
            left[free].workers.append(worker)
            return free
        behind = most(
            label
            for label, m in left.items()
            if all(self._last.get(other) != label for other in m.workers)
        )
        if behind is not None:
            left[behind].workers = [worker]
            return behind
        joined = most(label for label, m in left.items() if self._is_worth_joining(label, m))
        if joined is not None:
            left[joined].workers.append(worker)
        return joined

    def _mine(self, worker: str) -> str | None:
        """The worker's own method: the one that it last worked on, where that has more."""
        mine = [label for label, m in self._methods.items() if m.waiting and worker in m.workers]
        last = self._last.get(worker)
        return last if last in mine else next(iter(mine), None)

    def _ahead(self, worker: str) -> str | None:
        """The same, for a worker that is not yet done: only of batches that are short."""
        label = self._mine(worker)
        if label is None or self._methods[label].waiting[0].number in self._suspects:
            return None
        typical = self._methods[label].typical
        return label if typical is not None and typical < _SHORT else None

    def _is_worth_joining(self, label: str, method: _Method) -> bool:
        """Whether one more worker, which has to compile first, makes an end sooner."""
        alone = len(method.waiting) / len(method.workers)  # rounds until they are all done
        if method.typical is not None and method.first is not None:
            return method.first < alone * method.typical
        starts = [start for b, _, start in self._running.values() if b.label == label]
        first = method.first or self._clock() - min(starts, default=self._clock())
        return first > _COMPILED

    def _hand_out(self, worker: str, label: str) -> Batch:
        batch = self._methods[label].waiting.popleft()
        self._running[batch.number] = (batch, worker, self._clock())
        self._last[worker] = label
        return batch


def _shapes(trials: Sequence[Configuration]) -> list[list[Configuration]]:
    """The trials apart by what a compiled program cannot take as a number: counts and switches."""
    groups: dict[tuple[object, ...], list[Configuration]] = {}
    for trial in trials:
        fixed = tuple((n, v) for n, v in trial.hyperparameters if not isinstance(v, float))
        names = tuple(name for name, _ in trial.hyperparameters)
        groups.setdefault((names, *fixed), []).append(trial)
    return [*groups.values()]
