"""A study that takes a second: a program of arithmetic, which writes down each time it is run."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil

from steepest.study.configuration import Configuration
from steepest.study.export import export
from steepest.study.plan import Decay, MethodPlan, Plan, Steps, Tuning
from steepest.study.store import Store

PROGRAM = """
import math
import os
import time
from pathlib import Path

LOG = Path(__file__).with_name("runs")


def run(trial):
    with LOG.open("a") as log:
        log.write(f"{trial.method} {trial.learning_rate!r} {trial.seed}\\n")
    best = {"adam": -3, "rmsprop": -5, "heavy_ball": -1}[trial.method]
    distance = abs(math.log2(trial.learning_rate) - best)
    for epoch in range(1, trial.epochs + 1):
        time.sleep(SECONDS)
        if distance > 4.5:
            yield {"train_loss": math.inf, "dev_error": math.nan, "dev_loss": math.inf}
        error = distance / 7 + 1 / (3 + epoch) + trial.seed % 7 / 1000
        yield {"train_loss": error**2, "dev_error": error, "dev_loss": math.sqrt(error)}
"""


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


def plan(folder: Path, *, seconds: float = 0.0, program: str = PROGRAM, **changes) -> Plan:
    """A plan and its problem's file in a folder, which is made."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.py").write_text(program.replace("SECONDS", repr(seconds)))
    steps = Steps((0.125, 0.25, 0.5))
    methods = (MethodPlan("adam", "Adam", steps), MethodPlan("rmsprop", "RMSProp: ε = 1e-8", steps))
    given = {"methods": methods, "epochs": 3, "batch": 1, "seeds": 3, **changes}
    return Plan(
        "tiny.py:run", **given, tuning=Tuning(seeds=2), decay=Decay(), file=folder / "p.toml"
    )


def runs(folder: Path) -> Counter[str]:
    """How often each trial was begun."""
    log = folder / "runs"
    return Counter(log.read_text().splitlines() if log.exists() else ())


def run_of(trial: Configuration) -> str:
    """The line that a trial writes when it is begun."""
    return f"{trial.method} {trial.step_size!r} {trial.seed}"


def exported(store: Store | Path | str, folder: Path) -> bytes:
    """The table of a store."""
    out = folder / "exported.csv"
    export(store, out)
    return out.read_bytes()


def runner(folder: Path, store: Path, *, seconds: float, workers: int) -> subprocess.Popen[str]:
    """A runner in a process of its own, which says how many trials are there."""
    script = folder.with_suffix(".py")
    script.write_text(RUNNER)
    here = [str(Path(__file__).parent.parent), *sys.path]
    return subprocess.Popen(
        [sys.executable, script, folder, store, str(seconds), str(workers)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(here)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers() -> list[psutil.Process]:
    """The worker processes of this one."""
    children = psutil.Process().children(recursive=True)
    return [process for process in children if "spawn_main" in " ".join(process.cmdline())]
