"""Runners and workers are killed at random instants: nothing is lost, nothing is run twice."""

import os
import random
import shutil
import threading
import time

import psutil
import pytest

from steepest.study.agenda import gather
from steepest.study.run import run_study
from steepest.study.status import read_status, status_text
from steepest.study.store import Store
from study import tiny

KILLS = 50 if os.environ.get("STEEPEST_PROFILE") == "long" else 3
SECONDS = 0.02  # an epoch


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The table of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run_study(tiny.plan(folder / "p", seconds=SECONDS), folder / "s", workers=0)
    assert set(tiny.runs(folder / "p").values()) == {1}
    return tiny.exported(folder / "s", folder)


def committed(store):
    """What the trials that are there wrote when they were begun."""
    agenda = gather(Store(store))
    return {tiny.run_of(result.configuration) for result in agenda.results.values()}


def test_a_runner_is_killed(tmp_path, uninterrupted):
    """With kill -9, at a random instant after it has begun; then another goes on."""
    random_instants = random.Random(8)
    folder, store, kills = tmp_path / "p", tmp_path / "s", 0
    while kills < KILLS:
        before, there = tiny.runs(folder), committed(store) if store.exists() else set()
        # One in three with workers, which must not outlive it; the others begin sooner.
        runner = tiny.runner(folder, store, seconds=SECONDS, workers=int(kills % 3 == 2))
        assert runner.stdout is not None
        first = runner.stdout.readline()
        time.sleep(random_instants.uniform(0.0, 0.8))
        processes = psutil.Process(runner.pid).children(recursive=True) if first else []
        runner.kill()
        _, errors = runner.communicate(timeout=60)
        assert "Traceback" not in errors, errors
        _, alive = psutil.wait_procs(processes, timeout=20)
        assert alive == []
        assert not there & (tiny.runs(folder) - before).keys()  # nothing that was there ran again
        if runner.returncode == 0:  # it had ended before: from the beginning
            assert tiny.exported(store, tmp_path) == uninterrupted
            shutil.rmtree(store)
            continue
        kills += 1
        if (store / "store.json").exists():
            assert read_status(store).running is False
    before, there = tiny.runs(folder), committed(store)
    ran = run_study(tiny.plan(folder, seconds=SECONDS), store, workers=0)
    assert ran.set_aside == ()  # nothing was torn
    assert not there & (tiny.runs(folder) - before).keys()
    assert tiny.exported(store, tmp_path) == uninterrupted
    assert not [*store.rglob("*.part")]
    assert "was done" in status_text(read_status(store))


def test_workers_are_killed(tmp_path, uninterrupted):
    """With kill -9, at random instants; what they were on is run again, and nothing else."""
    random_instants = random.Random(9)
    folder, plans, killed = tmp_path / "p", 0, []
    begun = threading.Event()

    def kill(limit):
        begun.wait()
        while len(killed) < limit and begun.is_set():
            time.sleep(random_instants.uniform(0.05, 0.4))
            if found := tiny.workers():
                victim = random_instants.choice(found)
                victim.kill()
                killed.append(victim.pid)
                victim.wait(10)
                while len(tiny.workers()) < len(found) and begun.is_set():
                    time.sleep(0.02)  # one at a time: a trial that kills three is not tried again

    while len(killed) < KILLS:
        plan = tiny.plan(folder, seconds=SECONDS)
        store, before = tmp_path / f"s{plans}", sum(tiny.runs(folder).values())
        so_far = len(killed)
        killer = threading.Thread(target=kill, args=(min(KILLS, so_far + 3),), daemon=True)
        killer.start()
        ran = run_study(plan, store, workers=2, on_progress=lambda p: p.done and begun.set())
        begun.clear()
        killer.join(30)
        assert not killer.is_alive()
        assert tiny.workers() == []
        assert ran.set_aside == ()
        assert tiny.exported(store, tmp_path) == uninterrupted
        again = sum(tiny.runs(folder).values()) - before - ran.ran
        assert 0 <= again <= 2 * (len(killed) - so_far)  # the trial it was on, and one it had done
        plans += 1
    assert len(killed) == KILLS
