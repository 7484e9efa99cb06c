"""A study that takes a second: a program of arithmetic, which writes down each time it is run."""

from collections import Counter
from pathlib import Path

from steepest.study.configuration import Configuration
from steepest.study.export import export
from steepest.study.plan import Decay, MethodPlan, Plan, Steps, Tuning

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


def exported(store: object, folder: Path) -> bytes:
    """The table of a store."""
    out = folder / "exported.csv"
    export(store, out)  # type: ignore[arg-type]
    return out.read_bytes()
