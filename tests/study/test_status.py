"""The status of a store: by names alone, and honest about what is not known."""

import itertools
import json
import time

from steepest.study.configuration import Surroundings
from steepest.study.plan import MethodPlan, Plan, Steps
from steepest.study.progress import Heart, MethodProgress, Progress
from steepest.study.record import Record
from steepest.study.status import read_status, status_text
from steepest.study.store import Store

METHODS = tuple(MethodPlan(name, name.title(), Steps((0.5,))) for name in ("adam", "rmsprop"))
PLAN = Plan("a.py:run", METHODS)
PROGRESS = Progress((MethodProgress("Adam", 3, 9),), seconds_left=90.0)


def store_of(where, there=3):
    """A store whose results are names, and nothing else."""
    store = Store(where)
    store.prepare()
    names = [f"{i:064x}" for i in range(12)]
    wanted = {"Adam": tuple(names[:8]), "Rmsprop": tuple(names[8:10])}
    store.keep(Record(PLAN, Surroundings("0", None), wanted, {"Adam": 13, "Rmsprop": 7}))
    for name in (*names[:there], *names[10:]):
        store._folder.write(f"results/Adam/{name}.parquet", b"not opened")
    return store


def test_counts_are_of_names(tmp_path):
    status = read_status(store_of(tmp_path).where)
    assert status.methods == (MethodProgress("Adam", 3, 13), MethodProgress("Rmsprop", 0, 7))
    assert (status.done, status.planned, status.others) == (3, 20, 2)
    assert not status.complete
    text = status_text(status)
    assert "Adam     3 of 13 trials" in text
    assert "3 of 20 trials, as far as is known now" in text
    assert "2 results of other plans" in text
    assert "no runner has said anything" in text


def test_a_runner_is_known_by_its_lock(tmp_path):
    store = store_of(tmp_path)
    heart = Heart(store)
    with store.locked():
        assert "a runner is starting" in status_text(read_status(store))
        heart.beat(PROGRESS)
        status = read_status(store)
        assert status.running
        assert "time left: 90 s" in status_text(status)
    status = read_status(store)
    assert status.running is False
    assert "ended without a word" in status_text(status)
    heart.beat(PROGRESS, "failed", "because")
    assert "failed 0 s ago: because" in status_text(read_status(store))
    heart.beat(PROGRESS, "interrupted")
    assert "was interrupted 0 s ago; run again" in status_text(read_status(store))


def test_at_most_one_heartbeat_a_second(tmp_path, monkeypatch):
    store, beats = store_of(tmp_path), []
    monkeypatch.setattr(store, "beat", beats.append)
    heart, seconds = Heart(store), itertools.count(0.0, 0.25)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    for _ in range(9):
        heart.beat(PROGRESS)
    assert len(beats) == 3
    heart.beat(PROGRESS, "done")
    assert json.loads(beats[-1])["state"] == "done"


def test_a_clock_set_back_gives_no_negative_age(monkeypatch):
    """Behind a URL there is no lock: whether a runner lives is guessed by the age of its word."""
    store = store_of("memory://clock/back")
    Heart(store).beat(PROGRESS)
    assert read_status(store).running is True
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 99)
    status = read_status(store)
    assert status.running is None
    assert "last heard of 99 s ago" in status_text(status)
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    status = read_status(store)
    assert status.runner.age is None
    assert status.running is None
    assert "last heard of an unknown time ago" in status_text(status)


def test_a_study_without_its_results_is_not_complete(tmp_path):
    store = store_of(tmp_path, there=10)
    record = store.record()
    store.keep(Record(record.plan, record.surroundings, record.wanted, record.planned, True))
    assert read_status(store).complete
    next(tmp_path.glob("results/Adam/*0.parquet")).unlink()
    assert not read_status(store).complete
