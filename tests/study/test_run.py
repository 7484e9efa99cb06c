"""A study from its beginning to its end, in this process: nothing twice, nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from steepest.errors import ArgumentError, DataError, PlanError, StoreError
from steepest.study.agenda import gather
from steepest.study.plan import Decay
from steepest.study.run import run_study
from steepest.study.status import read_status, status_text
from steepest.study.store import Store
from steepest.study.work import TrialError
from steepest.user_file import UserCodeError
from study import tiny


class StoppedError(Exception):
    """What ends a run from its progress, as a kill would, but for the manners."""


def stop_after(count):
    def on_progress(progress):
        if progress.done >= count:
            raise StoppedError

    return on_progress


def interrupted(plan, store, count):
    """A run that ends after so many trials, one way or another."""
    with pytest.raises(StoppedError):
        run_study(plan, store, workers=0, on_progress=stop_after(count))


def test_a_study_ends_when_nothing_is_wanted_and_runs_nothing_twice(tmp_path):
    plan, told = tiny.plan(tmp_path / "p"), []
    ran = run_study(plan, tmp_path / "s", workers=0, on_progress=told.append)
    agenda = gather(Store(tmp_path / "s"))
    trials = {hash: t for asked in agenda.asked.values() for hash, t in asked.items()}
    # Steps on two seeds, as far as one beyond the best, and the best of both on three fresh ones.
    assert ran.ran == len(trials) == len(agenda.results) == (4 + 6) * 2 + 2 * 3
    assert tiny.runs(tmp_path / "p") == dict.fromkeys(map(tiny.run_of, trials.values()), 1)
    assert ran.agenda.results.keys() == agenda.results.keys()
    assert (ran.set_aside, ran.notes) == ((), ())
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert told[-1].done == told[-1].planned == ran.ran
    assert told[0].planned < ran.ran
    status = read_status(tmp_path / "s")
    assert status.complete
    assert status.done == status.planned == ran.ran
    assert "was done" in status_text(status)
    again = run_study(plan, tmp_path / "s", workers=0)
    assert again.ran == 0
    assert sum(tiny.runs(tmp_path / "p").values()) == ran.ran


@pytest.mark.parametrize("stops", [(1,), (2, 5, 9, 14)])
def test_a_half_finished_study_goes_on(tmp_path, stops):
    plan = tiny.plan(tmp_path / "p", seconds=0.01)
    for count in stops:
        interrupted(plan, tmp_path / "s", count)
    status = read_status(tmp_path / "s")
    assert stops[-1] <= status.done < status.planned
    assert status.runner.state == "failed"
    run_study(plan, tmp_path / "s", workers=0)
    assert set(tiny.runs(tmp_path / "p").values()) == {1}
    run_study(plan, tmp_path / "other", workers=0)
    assert tiny.exported(tmp_path / "s", tmp_path) == tiny.exported(tmp_path / "other", tmp_path)


def test_a_diverged_trial_is_a_result(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    steps = replace(plan.methods[0].steps, values=(0.125, 0.25, 4.0), extend=False)
    plan = replace(plan, methods=(replace(plan.methods[0], steps=steps),))
    told = []
    ran = run_study(plan, tmp_path / "s", workers=0, on_progress=told.append)
    assert told[-1].diverged == 2
    diverged = [r for r in ran.agenda.results.values() if r.diverged is not None]
    assert {r.configuration.step_size for r in diverged} == {4.0}
    assert tiny.exported(tmp_path / "s", tmp_path).count(b"true") == 2


def test_files_that_are_no_results_are_run_again_and_reported(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    first = run_study(plan, tmp_path / "s", workers=0)
    table = tiny.exported(tmp_path / "s", tmp_path)
    files = sorted(tmp_path.glob("s/results/Adam/*"))
    files[0].write_bytes(files[0].read_bytes()[:-9])
    files[1].write_bytes(files[2].read_bytes())
    (tmp_path / "s/results/Adam/thesis.txt").write_text("")
    again = run_study(plan, tmp_path / "s", workers=0)
    assert again.ran == 2
    assert {found.path for found in again.set_aside} == {
        *map(str, files[:2]),
        str(tmp_path / "s/results/Adam/thesis.txt"),
    }
    assert read_status(tmp_path / "s").set_aside == 3
    assert tiny.exported(tmp_path / "s", tmp_path) == table
    assert run_study(plan, tmp_path / "s", workers=0).set_aside == ()
    assert first.ran == len(first.agenda.results)


def test_another_plan_on_the_same_store_replaces_the_plan_and_no_result(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    one = run_study(plan, tmp_path / "s", workers=0)
    table = tiny.exported(tmp_path / "s", tmp_path)
    longer = replace(plan, decay=Decay("none"), methods=plan.methods[:1])
    other = run_study(longer, tmp_path / "s", workers=0)
    status = read_status(tmp_path / "s")
    assert status.others == one.ran
    assert status.done == other.ran > 0
    assert tiny.exported(tmp_path / "s", tmp_path).count(b"\n") == 3 * other.ran + 1
    assert run_study(plan, tmp_path / "s", workers=0).ran == 0
    assert tiny.exported(tmp_path / "s", tmp_path) == table


def test_labels_that_share_trials_run_them_once(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    twin = replace(plan.methods[0], label="twin")
    ran = run_study(replace(plan, methods=(plan.methods[0], twin)), tmp_path / "s", workers=0)
    assert set(tiny.runs(tmp_path / "p").values()) == {1}
    rows = tiny.exported(tmp_path / "s", tmp_path).decode().splitlines()
    assert len(rows) == 2 * 3 * ran.ran + 1
    status = read_status(tmp_path / "s")
    assert status.methods[0].done == status.methods[1].done == ran.ran


def test_a_study_in_memory(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    interrupted(tiny.plan(tmp_path / "p", seconds=0.02), "memory://run/study", 3)
    plan = tiny.plan(tmp_path / "p", seconds=0.02)
    run_study(plan, "memory://run/study", workers=0)
    assert set(tiny.runs(tmp_path / "p").values()) == {1}
    assert read_status("memory://run/study").complete
    run_study(plan, tmp_path / "s", workers=0)
    assert tiny.exported("memory://run/study", tmp_path) == tiny.exported(tmp_path / "s", tmp_path)


def test_a_second_runner_is_refused_and_behind_a_url_it_does_no_harm(tmp_path):
    plan = tiny.plan(tmp_path / "p", seconds=0.02)
    Store(tmp_path / "s").prepare()
    refused = pytest.raises(StoreError, match=f"process {os.getpid()}")
    with Store(tmp_path / "s").locked(), refused:
        run_study(plan, tmp_path / "s", workers=0)
    assert not tiny.runs(tmp_path / "p")
    where, beside = "memory://two/runners", []

    def other():
        beside.append(run_study(plan, where, workers=0).ran)

    thread = threading.Thread(target=other)
    thread.start()
    run_study(plan, where, workers=0)
    thread.join()
    assert len(beside) == 1
    run_study(plan, tmp_path / "s", workers=0)
    assert tiny.exported(where, tmp_path) == tiny.exported(tmp_path / "s", tmp_path)


def test_a_clock_set_back_changes_nothing(tmp_path, monkeypatch):
    plan, now = tiny.plan(tmp_path / "p"), time.time()
    backwards = iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: now - 1000.0 * next(backwards))
    told = []
    run_study(plan, tmp_path / "s", workers=0, on_progress=told.append)
    assert all(p.seconds_left is None or p.seconds_left >= 0 for p in told)
    assert read_status(tmp_path / "s").runner.age is None
    monkeypatch.undo()
    run_study(plan, tmp_path / "other", workers=0)
    assert tiny.exported(tmp_path / "s", tmp_path) == tiny.exported(tmp_path / "other", tmp_path)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 kB, and a function that makes it larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk cannot be mounted here")
    larger = ["mount", "-o", "remount,size=8m", disk]
    yield disk, lambda: subprocess.run(larger, check=True)
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_ends_the_run_and_it_goes_on_when_there_is_room(tmp_path, small_disk):
    disk, make_room = small_disk
    plan = tiny.plan(tmp_path / "p")
    with pytest.raises(StoreError, match=rf"{disk}/s/.+: the disk is full .* it goes on"):
        run_study(plan, disk / "s", workers=0)
    there = Store(disk / "s").hashes()
    assert there
    assert not [*disk.rglob("*.part")]
    make_room()
    before = tiny.runs(tmp_path / "p")
    ran = run_study(plan, disk / "s", workers=0)
    assert ran.set_aside == ()
    committed = {tiny.run_of(ran.agenda.results[hash].configuration) for hash in there}
    again = tiny.runs(tmp_path / "p") - before
    assert not committed & again.keys()
    run_study(plan, tmp_path / "s", workers=0)
    assert tiny.exported(disk / "s", tmp_path) == tiny.exported(tmp_path / "s", tmp_path)


def test_what_is_wrong_is_said_before_anything_runs(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    (tmp_path / "file").write_text("")
    wrong = {
        "store": (StoreError, plan, {"store": tmp_path / "file"}),
        "name": (PlanError, replace(plan, problem="tiny.py:rum"), {}),
        "data": (DataError, plan, {"data": tmp_path / "none"}),
        "count": (ArgumentError, plan, {"workers": -1}),
        "both": (ArgumentError, plan, {"scheduler": "tcp://127.0.0.1:1"}),
    }
    for error, given, changes in wrong.values():
        with pytest.raises(error):
            run_study(given, **{"store": tmp_path / "s", "workers": 0} | changes)
    assert not tiny.runs(tmp_path / "p")
    assert not (tmp_path / "s").exists()


def test_the_users_error_names_the_line_and_the_trial_and_the_store_stays_whole(tmp_path):
    raises = tiny.PROGRAM.replace(
        "        time.sleep", "        check(trial)\n        time.sleep"
    ) + ("\n\ndef check(trial):\n    if trial.learning_rate == 0.5:\n        raise OSError('no')\n")
    plan = tiny.plan(tmp_path / "p", program=raises)
    with pytest.raises(UserCodeError) as caught:
        run_study(plan, tmp_path / "s", workers=0)
    for part in ("learning_rate = 0.5, seed 0", " in check: raise OSError", "OSError: no"):
        assert part in str(caught.value)
    status = read_status(tmp_path / "s")
    assert status.done > 0
    assert "learning_rate = 0.5" in status_text(status)
    run_study(tiny.plan(tmp_path / "q"), tmp_path / "s", workers=0)
    assert read_status(tmp_path / "s").others == status.done


def test_results_of_another_trial_are_not_taken(tmp_path, monkeypatch):
    from steepest.study import work

    swapped = lambda problem, trials, **_: [*work_run(problem, [replace(trials[0], seed=99)])]
    work_run = work.run_trials
    monkeypatch.setattr(work, "run_trials", swapped)
    with pytest.raises(TrialError, match="another trial's"):
        run_study(tiny.plan(tmp_path / "p"), tmp_path / "s", workers=0)
    assert not Store(tmp_path / "s").hashes()


def test_an_interrupt_is_not_lost_where_python_ignores_what_is_raised(tmp_path, monkeypatch):
    class Careless:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def drop(progress):
        if progress.done >= 2:
            Careless()

    plan, before = tiny.plan(tmp_path / "p", seconds=0.05), signal.getsignal(signal.SIGINT)
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: ignored.append(told.exc_type))
    with pytest.raises(KeyboardInterrupt):
        run_study(plan, tmp_path / "s", workers=0, on_progress=drop)
    assert ignored == [KeyboardInterrupt]
    assert signal.getsignal(signal.SIGINT) is before
    assert read_status(tmp_path / "s").runner.state == "interrupted"


def test_an_interrupt_within_a_trial_is_no_failure_of_it(tmp_path):
    press = "        import signal; signal.raise_signal(signal.SIGINT)\n        time.sleep"
    plan = tiny.plan(tmp_path / "p", program=tiny.PROGRAM.replace("        time.sleep", press))
    with pytest.raises(KeyboardInterrupt):
        run_study(plan, tmp_path / "s", workers=0)
    assert read_status(tmp_path / "s").runner.state == "interrupted"
