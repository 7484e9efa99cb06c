"""Workers: of this machine and of a scheduler; what goes wrong on them is told in one place."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import psutil
import pytest
from distributed import LocalCluster

import steepest.errors
from steepest.errors import SolverError, SteepestError
from steepest.study.agenda import gather
from steepest.study.loading import problem_of
from steepest.study.run import run_study
from steepest.study.status import read_status, status_text
from steepest.study.store import Store
from steepest.study.surroundings import sources, surroundings
from steepest.study.work import Done, Failed, TrialError, Work, loaded, run_batch
from steepest.user_file import UserCodeError
from study import tiny

RUNNER = """
import sys
from pathlib import Path
from steepest.study.run import run_study
from study import tiny

def say(progress):
    print(progress.done, progress.workers, flush=True)

if __name__ == "__main__":
    folder, store, seconds, workers = sys.argv[1:]
    plan = tiny.plan(Path(folder), seconds=float(seconds))
    run_study(plan, store, workers=int(workers), on_progress=say)
"""


def children():
    return psutil.Process().children(recursive=True)


def workers():
    """The worker processes of this one: those that were spawned, but for the resource tracker."""
    return [p for p in children() if "spawn_main" in " ".join(p.cmdline())]


def works(plan):
    return Work(plan, sources(plan), surroundings(plan, problem_of(plan)))


def trial_of(plan):
    agenda = gather_of(plan)
    return agenda.ask(plan.methods[0])[0]


def gather_of(plan):
    from steepest.study.agenda import Agenda

    return Agenda(plan, surroundings(plan, problem_of(plan)), Store("memory://none"))
