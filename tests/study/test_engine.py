"""Workers: of this machine and of a scheduler; what goes wrong on them is told in one place."""

import os
import pickle
import shutil
import signal
from dataclasses import replace

import jax
import psutil
import pytest
from distributed import LocalCluster

import steepest.errors
from steepest.errors import SolverError, SteepestError
from steepest.study import cluster as cluster_module
from steepest.study.agenda import gather
from steepest.study.loading import problem_of
from steepest.study.run import run_study
from steepest.study.status import read_status, status_text
from steepest.study.store import Store
from steepest.study.surroundings import sources, surroundings
from steepest.study.work import Done, Failed, TrialError, Work, loaded, run_batch
from steepest.user_file import UserCodeError
from study import tiny


def works(plan):
    return Work(plan, sources(plan), surroundings(plan, problem_of(plan)))


def trial_of(plan):
    agenda = gather_of(plan)
    return agenda.ask(plan.methods[0])[0]


def gather_of(plan):
    from steepest.study.agenda import Agenda

    return Agenda(plan, surroundings(plan, problem_of(plan)), Store("memory://none"))


def test_our_errors_survive_the_journey():
    kinds = [k for k in vars(steepest.errors).values() if isinstance(k, type)]
    for kind in [*kinds, UserCodeError, TrialError]:
        assert issubclass(kind, SteepestError)
        back = pickle.loads(pickle.dumps(kind("what is wrong")))
        assert (type(back), str(back)) == (kind, "what is wrong")
        told = pickle.loads(pickle.dumps(Failed((kind.__module__, kind.__qualname__), "wrong")))
        assert (type(told.error()), str(told.error())) == (kind, "wrong")
    assert pickle.loads(pickle.dumps(SolverError("x", trajectory=[1]))).trajectory == [1]
    assert type(Failed(("builtins", "ValueError"), "x").error()) is TrialError


def test_whatever_a_trial_raises_is_told_and_not_raised(tmp_path, monkeypatch):
    plan = tiny.plan(
        tmp_path / "p", program=tiny.PROGRAM.replace("    with LOG", "    fail()\n    with LOG")
    )
    work, trial = works(plan), trial_of(plan)
    failed = run_batch(work, (trial,))
    assert isinstance(failed, Failed)
    assert type(failed.error()) is UserCodeError
    assert "NameError" in failed.message
    for error in (SystemExit(3), KeyboardInterrupt(), RecursionError("deep")):

        def raises(*_, error=error, **__):
            raise error

        monkeypatch.setattr("steepest.study.work.run_trials", raises)
        failed = run_batch(work, (trial, trial))
        assert isinstance(failed, Failed)
        assert (
            "adam with learning_rate = 0.125, seed 0 (or one of the 1 beside it)" in failed.message
        )
        assert f"{__file__}:" in failed.message


def test_a_worker_that_does_not_see_the_plans_folder_loads_what_was_sent(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    work, trial = works(plan), trial_of(plan)
    shutil.rmtree(tmp_path / "p")
    assert isinstance(run_batch(work, (trial,)), Done)
    assert isinstance(run_batch(work, (trial,)), Done)
    tiny.plan(tmp_path / "p", program=tiny.PROGRAM + "\n# edited since")
    assert isinstance(run_batch(replace(work, host="anew"), (trial,)), Done)
    assert not tiny.runs(tmp_path / "p")


def test_a_worker_in_other_surroundings_refuses(tmp_path):
    work = works(tiny.plan(tmp_path / "p"))
    for name, value in {"platform": "tpu", "data": "0" * 64}.items():
        other = replace(work, surroundings=replace(work.surroundings, **{name: value}))
        with pytest.raises(TrialError, match=rf"has {name} .* where the runner has '{value}'"):
            loaded(other)


def test_a_worker_computes_in_the_runners_precision(tmp_path):
    work = works(tiny.plan(tmp_path / "p"))
    assert not work.surroundings.x64
    double = replace(work, surroundings=replace(work.surroundings, x64=True))
    try:
        loaded(double)
        assert jax.numpy.zeros(1).dtype == "float64"
    finally:
        jax.config.update("jax_enable_x64", False)


def test_states_are_kept_only_where_the_runners_folder_is_seen(tmp_path):
    plan = tiny.plan(tmp_path / "p")
    work, trial = works(plan), trial_of(plan)
    for where, host, kept in (
        (None, "", True),
        (tmp_path / "none", os.uname().nodename, False),
        (tmp_path, "elsewhere", False),
        (tmp_path, os.uname().nodename, True),
    ):
        given = replace(work, checkpoints=None if where is None else str(where), host=host)
        assert run_batch(given, (trial,)).checkpointed is kept


def test_the_workers_of_a_scheduler(tmp_path, monkeypatch):
    plan = tiny.plan(tmp_path / "p")
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        ran = run_study(plan, tmp_path / "s", scheduler=cluster.scheduler_address)
        assert len(cluster.scheduler.workers) == 2  # they are not ours to end
        address = cluster.scheduler_address
        engine = cluster_module.Cluster(works(plan), 1, workers=0, scheduler=address)
    assert ran.ran == 26
    assert set(tiny.runs(tmp_path / "p").values()) == {1}
    monkeypatch.setattr(cluster_module, "_START", 1.0)
    monkeypatch.setattr(cluster_module, "_ANSWER", 0.5)
    with pytest.raises(TrialError, match="the scheduler is gone"):
        engine.next(5.0)
    engine.close(abort=True)
    other = tiny.plan(tmp_path / "q", epochs=2)
    with pytest.raises(TrialError, match="no worker came up on the scheduler at tcp"):
        run_study(other, tmp_path / "s", scheduler="tcp://127.0.0.1:9")


def test_a_trial_that_kills_its_worker_is_named_and_no_process_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_module, "_DEATHS", 2)
    dies = (
        "        if (trial.seed, trial.learning_rate) == (1, 0.25): os._exit(9)\n        time.sleep"
    )
    plan = tiny.plan(tmp_path / "p", program=tiny.PROGRAM.replace("        time.sleep", dies))
    plan = replace(plan, methods=plan.methods[:1])
    with pytest.raises(TrialError, match=r"learning_rate = 0\.25, seed 1: each process"):
        run_study(plan, tmp_path / "s", workers=1)
    assert tiny.workers() == []
    assert read_status(tmp_path / "s").done >= 3
    assert max(tiny.runs(tmp_path / "p").values()) in (2, 3)  # alone twice, and once with another


def test_an_interrupt_ends_the_runner_and_its_workers_and_the_store_is_whole(tmp_path):
    """As from a terminal: the whole process group is sent the signal at once."""
    runner = tiny.runner(tmp_path / "p", tmp_path / "s", seconds=0.05, workers=2)
    assert runner.stdout is not None
    while int(runner.stdout.readline().split()[0]) < 3:
        pass
    processes = psutil.Process(runner.pid).children(recursive=True)
    assert len(processes) >= 2
    os.killpg(runner.pid, signal.SIGINT)
    _, errors = runner.communicate(timeout=60)
    assert runner.returncode == -signal.SIGINT
    assert errors.strip().endswith("KeyboardInterrupt")
    assert errors.count("Traceback") == errors.count("KeyboardInterrupt") == 1
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    status = read_status(tmp_path / "s")
    assert "was interrupted" in status_text(status)
    plan = tiny.plan(tmp_path / "p", seconds=0.05)
    committed = [r.configuration for r in gather(Store(tmp_path / "s")).results.values()]
    before = tiny.runs(tmp_path / "p")
    assert len(committed) >= 3
    ran = run_study(plan, tmp_path / "s", workers=0)
    assert ran.set_aside == ()
    assert not {tiny.run_of(t) for t in committed} & (tiny.runs(tmp_path / "p") - before).keys()
