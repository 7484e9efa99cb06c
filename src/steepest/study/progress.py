"""How far a run is: for the screen beside it, and for `status` from another terminal."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from typing import Literal

from steepest.errors import StoreError
from steepest.study.store import Store

State = Literal["running", "done", "interrupted", "failed"]

_EVERY = 1.0  # seconds between two heartbeats


@dataclass(frozen=True)
class MethodProgress:
    """One method's trials: there, planned as far as is known, and under way."""

    label: str
    done: int
    planned: int
    running: int = 0


class Totals:
    """What the methods of a study add up to."""

    methods: tuple[MethodProgress, ...]

    @property
    def done(self) -> int:
        """How many of the plan's trials are there."""
        return sum(method.done for method in self.methods)

    @property
    def planned(self) -> int:
        """How many there will be, as far as is known: a grid may yet grow."""
        return sum(method.planned for method in self.methods)


@dataclass(frozen=True)
class Progress(Totals):
    """A study under way.

    Attributes:
        methods: in the plan's order.
        running: the trials under way, in words.
        diverged: how many of the trials that are there left the finite numbers.
        workers: how many there are now.
        seconds_left: by the trials measured so far; None before there is one.
    """

    methods: tuple[MethodProgress, ...]
    running: tuple[str, ...] = ()
    diverged: int = 0
    workers: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True)
class Heartbeat:
    """What a runner last said about itself.

    Attributes:
        pid, host: whose process it is.
        state: as it was then; a runner that is killed says nothing more.
        done, planned: trials.
        seconds_left: None where it did not know.
        written: seconds since 1970 by the runner's clock.
        message: why it failed.
    """

    pid: int
    host: str
    state: State
    done: int
    planned: int
    seconds_left: float | None
    written: float
    message: str = ""

    @property
    def age(self) -> float | None:
        """Seconds since it was written; None where the clocks disagree, or one was set back."""
        age = time.time() - self.written
        return age if age >= 0.0 else None


class Heart:
    """Writes a runner's heartbeats into its store, at most one a second."""

    def __init__(self, store: Store):
        self._store = store
        self._last = -float("inf")

    def beat(self, progress: Progress, state: State = "running", message: str = "") -> None:
        """Say how far the run is; an end is always said.

        Raises:
            StoreError: the disk is full, or the store cannot be written.
        """
        now = time.monotonic()
        if state == "running" and now - self._last < _EVERY:
            return
        self._last = now
        facts = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "state": state,
            "done": progress.done,
            "planned": progress.planned,
            "seconds_left": progress.seconds_left,
            "written": time.time(),
            "message": message,
        }
        self._store.beat(json.dumps(facts))


def heartbeat(store: Store) -> Heartbeat | None:
    """What the last runner on a store said about itself, if there was one.

    Raises:
        StoreError: the store cannot be read, or what was said is torn.
    """
    content = store.heartbeat()
    if content is None:
        return None
    try:
        return Heartbeat(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{store.where}: what the last runner said of itself is torn ({error}); the next run "
            "writes it anew"
        ) from error
