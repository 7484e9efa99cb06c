"""Studies whose results are made by a function, for the tests of what reads and draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from steepest.study.configuration import Configuration, Surroundings
from steepest.study.plan import MethodPlan, Plan, Steps, Tuning
from steepest.study.result import Result
from steepest.study.tuning import wanted

HERE = Surroundings("0" * 64, None)
POWERS = (0.25, 0.5, 1.0, 2.0, 4.0)


def method(name: str = "adam", steps: tuple[float, ...] = POWERS, **more: Any) -> MethodPlan:
    """A method with this grid."""
    extend = more.pop("extend", True)
    return MethodPlan(name, more.pop("label", name), Steps(steps, extend), **more)


def plan(*methods: MethodPlan, **more: Any) -> Plan:
    """A plan of these methods, of ten epochs, tuned on two seeds."""
    tuning = Tuning(**{"seeds": 2, "budget": 12} | more.pop("tuning", {}))
    return Plan(
        "planted.py:problem", methods or (method(),), **{"epochs": 10} | more, tuning=tuning
    )


def result(trial: Configuration, metrics: Mapping[str, Any], diverged: int | None = None) -> Result:
    """A result with these metrics; a number stands for itself at every epoch."""
    epochs = trial.epochs if diverged is None else diverged
    full = {name: np.full(epochs, value, np.float64) for name, value in metrics.items()}
    return Result(trial, full, np.full(epochs, trial.step_size), diverged)


def run(
    study: Plan, make: Callable[[Configuration], Result], known: Mapping[str, Result] | None = None
) -> dict[str, Result]:
    """Every result of the study, as an engine would gather them."""
    results = dict(known or {})
    for each in study.methods:
        while trials := wanted(study, HERE, each, results):
            results |= {trial.hash: make(trial) for trial in trials}
    return results


def bowl(trial: Configuration) -> Result:
    """Learning curves of a method whose best step is 1, with noise that the seed decides.

    A step of 8 and more diverges in its third epoch. Methods differ by a little in error.
    """
    steps = trial.step_size
    seed = [trial.seed, *trial.method.encode(), *np.float64(steps).tobytes()]
    noise = np.random.default_rng(seed)
    if steps >= 8:
        names = ("train loss", "train error", "dev loss", "dev error", "test loss", "test error")
        return result(trial, dict.fromkeys(names, 0.9), diverged=3)
    t = np.arange(1, trial.epochs + 1)
    others = sum(
        0.01 * math.log10(value / 0.9) ** 2
        for name, value in trial.hyperparameters
        if name == "momentum" and value > 0
    )
    floor = 0.05 + 0.02 * math.log2(steps) ** 2 + 0.004 * (len(trial.method) % 5) + others
    curve = floor + 0.5 * np.exp(-t / 3) + 0.003 * noise.standard_normal(trial.epochs)
    metrics = {}
    for k, part in enumerate(("train", "dev", "test")):
        error = np.abs(curve + 0.01 * k * t / trial.epochs + 0.002 * noise.standard_normal())
        metrics |= {f"{part} error": error, f"{part} loss": 3 * error}
    return result(trial, metrics)
