"""Everything that a trial's numbers depend on, and the hash that names it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256

from steepest.study.plan import Decay, MethodPlan, Number, Plan

LEARNING_RATE = "learning_rate"
"""The hyperparameter that is the step size."""

_FORMAT = 1  # of the trial itself: raised when the same configuration would give other numbers


@dataclass(frozen=True)
class Surroundings:
    """What is not in the plan and changes a trial's numbers all the same.

    Attributes:
        problem_source: SHA-256 of the problem's source.
        data: SHA-256 of the problem's arrays, or None for a problem that does not show them.
        method_sources: for each method of a user's file, by its name in the plan, SHA-256 of it.
        platform: JAX's backend, such as "cpu".
        x64: whether JAX computes in double precision.
        versions: of the packages that matter, (name, version), sorted.
    """

    problem_source: str
    data: str | None
    method_sources: tuple[tuple[str, str], ...] = ()
    platform: str = "cpu"
    x64: bool = False
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Configuration:
    """A trial: a pure function of these fields."""

    problem: str
    method: str
    hyperparameters: tuple[tuple[str, Number], ...]  # sorted by name; the step size among them
    decay: Decay
    select: str  # what a decay on plateau watches
    epochs: int
    batch: int
    width: int
    seed: int
    surroundings: Surroundings

    @property
    def step_size(self) -> float:
        """The step size that the trial starts with."""
        return float(dict(self.hyperparameters)[LEARNING_RATE])

    @cached_property
    def canonical(self) -> str:
        """The fields as JSON with sorted keys: one text for one configuration."""
        record = {"format": _FORMAT, **asdict(self)}
        return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal: the name of the trial's result."""
        return sha256(self.canonical.encode()).hexdigest()


def configuration(
    plan: Plan,
    surroundings: Surroundings,
    method: MethodPlan,
    step_size: float,
    tuned: dict[str, Number],
    seed: int,
) -> Configuration:
    """The trial of a method with these hyperparameters on this seed.

    Example:
        >>> from steepest.study.plan import Steps
        >>> method = MethodPlan("adam", "adam", Steps((0.001,)))
        >>> plan = Plan("steepest.study:digits_mlp", (method,))
        >>> here = Surroundings("0" * 64, None)
        >>> c = configuration(plan, here, method, 0.001, {}, seed=0)
        >>> c.step_size, len(c.hash)
        (0.001, 64)
    """
    hyperparameters = {**method.fixed, **tuned, LEARNING_RATE: float(step_size)}
    return Configuration(
        problem=plan.problem,
        method=method.name,
        hyperparameters=tuple(sorted(hyperparameters.items())),
        decay=plan.decay,
        select=plan.tuning.select,
        epochs=plan.epochs,
        batch=plan.batch,
        width=plan.width,
        seed=seed,
        surroundings=surroundings,
    )


def from_canonical(text: str) -> Configuration:
    """The configuration that `canonical` is the text of.

    Raises:
        ValueError, KeyError, TypeError: it is the text of no configuration of this format.
    """
    record = json.loads(text)
    if record.pop("format") != _FORMAT:
        raise ValueError("another format of trials")
    around = record.pop("surroundings")
    pairs = lambda rows: tuple((name, value) for name, value in rows)
    return Configuration(
        **record
        | {
            "hyperparameters": pairs(record["hyperparameters"]),
            "decay": Decay(**record["decay"]),
            "surroundings": Surroundings(
                **around | {name: pairs(around[name]) for name in ("method_sources", "versions")}
            ),
        }
    )
