"""How far a study is, from the names in its store: nothing is opened but two small files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steepest.study.progress import Heartbeat, MethodProgress, Totals, heartbeat
from steepest.study.store import Store

_SILENT = 30.0  # seconds without a heartbeat after which a runner out of sight may be dead


@dataclass(frozen=True)
class Status(Totals):
    """A study as its store has it.

    Attributes:
        where: the store.
        problem: the plan's.
        methods: in the plan's order.
        complete: whether the study has ended with all its trials there.
        others: results of other plans on the same store.
        set_aside: files that were found to be no results.
        runner: what the last runner said of itself; None where it has said nothing.
        running: whether a runner is on the store now; None where that is not known.
    """

    where: str
    problem: str
    methods: tuple[MethodProgress, ...]
    complete: bool
    others: int
    set_aside: int
    runner: Heartbeat | None
    running: bool | None


def read_status(store: Store | Path | str) -> Status:
    """How far the study of a store is. Names are counted; whether the files are whole is not read.

    Raises:
        StoreError: there is no store, or it cannot be read.
        MissingExtraError: fsspec is not installed.
    """
    store = store if isinstance(store, Store) else Store(store)
    record, names = store.record(), store.hashes()
    wanted = {hash for hashes in record.wanted.values() for hash in hashes}
    methods = tuple(
        MethodProgress(
            label=method.label,
            done=sum(hash in names for hash in record.wanted.get(method.label, ())),
            planned=record.planned.get(method.label, 0),
        )
        for method in record.plan.methods
    )
    runner = heartbeat(store)
    return Status(
        where=store.where,
        problem=record.plan.problem,
        methods=methods,
        complete=record.complete and wanted <= names,
        others=len(names - wanted),
        set_aside=store.count_set_aside(),
        runner=runner,
        running=_running(store, runner),
    )


def status_text(status: Status) -> str:
    """The status in a few lines."""
    width = max(len(method.label) for method in status.methods)
    known = "" if status.complete else ", as far as is known now"
    lines = [
        f"{status.problem} in {status.where}",
        *(f"  {m.label:{width}}  {m.done} of {m.planned} trials" for m in status.methods),
        f"{status.done} of {status.planned} trials{known}",
    ]
    if status.others:
        lines.append(f"{status.others} results of other plans are there, too")
    if status.set_aside:
        lines.append(f"{status.set_aside} files were no results and are in set-aside")
    lines.append(_of_runner(status))
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(4.2), duration(200.0), duration(9000.0)
        ('4 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _running(store: Store, runner: Heartbeat | None) -> bool | None:
    """By the lock, which no dead runner holds; behind a URL by the age of what was said last."""
    held = store.has_runner()
    if held is not None:
        return held
    if runner is None or runner.state != "running":
        return False
    return None if runner.age is None or runner.age > _SILENT else True


def _of_runner(status: Status) -> str:
    runner = status.runner
    if runner is None:
        return "a runner is starting" if status.running else "no runner has said anything yet"
    who = f"process {runner.pid} on {runner.host}"
    age = "an unknown time" if runner.age is None else duration(runner.age)
    if status.running:
        left = "not known" if runner.seconds_left is None else duration(runner.seconds_left)
        return f"running: {who}; time left: {left}"
    if runner.state == "running":
        if status.running is None:
            return f"not known whether it runs: {who} was last heard of {age} ago"
        return f"not running: {who} ended without a word (killed?); run again to go on"
    if runner.state == "failed":
        return f"not running: {who} failed {age} ago: {runner.message}"
    ends = "; run again to go on" if runner.state == "interrupted" else ""
    return f"not running: {who} was {runner.state} {age} ago{ends}"
