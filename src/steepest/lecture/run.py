"""A run of some claims: what was asked, what has ended, and what that amounts to."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from steepest.lecture.claim import Claim, Setting
from steepest.lecture.outcome import Outcome, Status

State = Literal["running", "ended", "interrupted"]


@dataclass(frozen=True)
class Run:
    """Some claims, run under one setting.

    Attributes:
        selected: what was to be run.
        setting: how.
        folder: where the files are.
        outcomes: what has ended, in order.
        state: whether it goes on, has ended, or was interrupted.
        seconds: how long everything took, drawing and writing included.
        started: when it began, in seconds since the epoch.
    """

    selected: tuple[Claim, ...]
    setting: Setting
    folder: Path
    outcomes: tuple[Outcome, ...] = ()
    state: State = "running"
    seconds: float = 0.0
    started: float = 0.0

    @property
    def page(self) -> Path:
        """The page of this run."""
        return self.folder / "index.html"

    @property
    def counts(self) -> Counter[Status]:
        """How many claims hold, fail, or raised."""
        return Counter(outcome.status for outcome in self.outcomes)

    @property
    def exit_status(self) -> int:
        """0 where all hold, 1 where some claim fails or raises, 130 where it was interrupted."""
        if self.state == "interrupted":
            return 130
        return 0 if self.counts["holds"] == len(self.outcomes) else 1


def command(claims: Sequence[Claim], setting: Setting) -> str:
    """What to type to run these claims under this setting."""
    words = ["steepest", "lecture", *(claim.id for claim in claims)]
    words += ["--size", setting.size, "--seed", str(setting.seed)]
    if setting.data is not None:
        words += ["--data", str(setting.data)]
    return shlex.join(words)
