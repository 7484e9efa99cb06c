"""What a study is to do: a problem, methods, and how each is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Number = float | int | bool
DecayKind = Literal["on plateau", "every", "cosine", "none"]


@dataclass(frozen=True)
class Steps:
    """Which step sizes are tried first, and whether the grid grows.

    Attributes:
        values: the first grid, increasing; consecutive powers of two unless the plan lists others.
        extend: whether it grows, by one step at a time beyond an end, until the best is inside.
    """

    values: tuple[float, ...]
    extend: bool = True


@dataclass(frozen=True)
class MethodPlan:
    """One method of the study.

    Attributes:
        name: as `steepest.methods` or Optax has it, or "path/to/file.py:name".
        label: how tables and figures call it, unique in the plan; also its folder in the store.
        steps: the grid of step sizes.
        fixed: hyperparameters that are given and not tuned.
        tune: hyperparameters that are tuned besides the step size: name → values.
    """

    name: str
    label: str
    steps: Steps
    fixed: Mapping[str, Number] = field(default_factory=dict)
    tune: Mapping[str, tuple[Number, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Decay:
    """How the step size falls over the epochs.

    Attributes:
        kind: "on plateau" (times `factor` after `patience` epochs without a new best of the
            metric that the plan selects by), "every" (times `factor` each `epochs` epochs),
            "cosine" (half a cosine, to 0 at the end of the last epoch) or "none".
        factor: δ, in (0, 1).
        patience: epochs, for "on plateau".
        epochs: for "every".
    """

    kind: DecayKind = "on plateau"
    factor: float = 0.9
    patience: int = 1
    epochs: int | None = None


@dataclass(frozen=True)
class Tuning:
    """How each method is tuned.

    Attributes:
        seeds: how many seeds each configuration is run on.
        budget: how many configurations a method may take, extensions of its grid included.
        select: the metric, at the last epoch and averaged over the seeds, of which the lowest is
            best; of equal ones the lower "dev loss", then the smaller step.
    """

    seeds: int = 3
    budget: int = 25
    select: str = "dev error"


@dataclass(frozen=True)
class Plan:
    """A study, checked: every name in it is known.

    Attributes:
        problem: "module:name" or "path/to/file.py:name", the path relative to the plan's folder: a
            trial's identity does not depend on where that lies.
        methods: at least one.
        epochs, batch: of every trial.
        seeds: how many fresh seeds the tuned methods are run on; none of them tunes.
        seed: where the seeds begin: seed, seed + 1, … tune, seed + 10,000, … report.
        width: how many trials of one shape run as one batch (1 on a CPU, where more gain nothing);
            part of a trial's configuration, since the last bits depend on it.
        tuning, decay: see there.
        file: where the plan was read, for errors and for the files beside it; no part of the plan.
    """

    problem: str
    methods: tuple[MethodPlan, ...]
    epochs: int = 60
    batch: int = 128
    seeds: int = 5
    seed: int = 0
    width: int = 1
    tuning: Tuning = Tuning()
    decay: Decay = Decay()
    file: Path = field(default=Path("plan.toml"), compare=False)

    @property
    def folder(self) -> Path:
        """What the paths in the plan are relative to."""
        return self.file.parent

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """The seeds that every configuration is tuned on."""
        return tuple(range(self.seed, self.seed + self.tuning.seeds))

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """The seeds of what is reported; disjoint from those of the tuning."""
        first = self.seed + MOST_TUNING_SEEDS
        return tuple(range(first, first + self.seeds))


MOST_TUNING_SEEDS = 10_000
