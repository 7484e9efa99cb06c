"""What came out of a study, whole or as far as it has got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from steepest.study.best_of import expected_best_of
from steepest.study.comparison import Comparison, compare_all
from steepest.study.configuration import Surroundings
from steepest.study.curve import LearningCurve, learning_curve
from steepest.study.inclusion import Inclusion, inclusions
from steepest.study.plan import MethodPlan, Plan
from steepest.study.point import Point, final
from steepest.study.result import Result
from steepest.study.sensitivity import Sensitivity, sensitivity
from steepest.study.statistics import Summary, summary
from steepest.study.target import TimeToTarget, default_target, time_to_target
from steepest.study.tuning import Tuned, fresh_trials, points_so_far, tuned, wanted
from steepest.theorems.curves import Panelled

SETS = ("train", "dev", "test")


@dataclass(frozen=True)
class MethodOutcome:
    """What came out for one method.

    Attributes:
        plan: the method.
        tuned: what was chosen; None while its tuning goes on.
        points: the configurations whose tuning runs are all there.
        fresh: the runs of the chosen configuration on fresh seeds, in the order of the seeds.
        missing: how many trials are known to miss. While the tuning goes on more may follow.
    """

    plan: MethodPlan
    tuned: Tuned | None
    points: tuple[Point, ...]
    fresh: tuple[Result, ...]
    missing: int

    @property
    def label(self) -> str:
        """How tables and figures call it."""
        return self.plan.label

    @property
    def complete(self) -> bool:
        """Whether its tuning and its fresh runs are all there."""
        return self.missing == 0

    @property
    def missing_in_words(self) -> str:
        """What misses; empty where nothing does."""
        if self.complete:
            return ""
        trials = f"{self.missing} trial{'' if self.missing == 1 else 's'}"
        if self.tuned is None:
            return f"its tuning goes on: {trials} to come, and more if its grid grows"
        return f"{trials} of the chosen configuration on fresh seeds to come"

    def finals(self, metric: str) -> tuple[float, ...]:
        """The metric after the last epoch of each fresh run; infinite where it diverged."""
        return tuple(final(run, metric) for run in self.fresh)

    def summary(self, metric: str) -> Summary:
        """The final values of the fresh runs in a few numbers."""
        return summary(self.finals(metric))

    def curve(self, metric: str, epochs: int) -> LearningCurve:
        """The metric against the epochs, over the fresh runs."""
        return learning_curve(self.fresh, metric, epochs)


@dataclass(frozen=True)
class StudyOutcome(Panelled):
    """What came out of a study. `steepest.plot` draws it; `study_page` is its report.

    Methods are compared once all of their fresh runs are there, on all fresh seeds.

    Attributes:
        plan: the study.
        methods: in the plan's order.
    """

    plan: Plan
    methods: tuple[MethodOutcome, ...]

    @property
    def complete(self) -> bool:
        """Whether no trial misses."""
        return all(method.complete for method in self.methods)

    @property
    def finished(self) -> tuple[MethodOutcome, ...]:
        """The methods of which no trial misses."""
        return tuple(method for method in self.methods if method.complete)

    @property
    def select(self) -> str:
        """The metric that the methods are tuned by."""
        return self.plan.tuning.select

    @cached_property
    def recorded(self) -> frozenset[str]:
        """The metrics that the runs record."""
        runs = [run for method in self.methods for run in method.fresh]
        runs += [run for method in self.methods for point in method.points for run in point.results]
        return frozenset(name for run in runs for name in run.metrics)

    @property
    def reported(self) -> str:
        """The metric that is reported: `select` on the test set, where that is recorded."""
        return self._on("test") or self.select

    @property
    def trained(self) -> str | None:
        """What is selected by, on the training set; "train loss" where that is not recorded."""
        return self._on("train") or ("train loss" if "train loss" in self.recorded else None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is compared: on the training set, the development set, the test set."""
        named = (self.trained, self.select, self.reported)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @cached_property
    def comparisons(self) -> Mapping[str, tuple[Comparison, ...]]:
        """metric → every pair of the finished methods."""
        return {
            metric: compare_all(metric, {m.label: m.finals(metric) for m in self.finished})
            for metric in self.metrics
        }

    @cached_property
    def inclusions(self) -> tuple[Inclusion, ...]:
        """The checks of finished methods of which one contains the other, on dev and test set."""
        looked_at = [c for name in {self.select, self.reported} for c in self.comparisons[name]]
        looked_at.sort(key=lambda c: self.metrics.index(c.metric))
        return inclusions(tuple(method.plan for method in self.finished), tuple(looked_at))

    @cached_property
    def target(self) -> float | None:
        """The worst of the finished methods' mean final values of `select`; None without any."""
        return default_target({m.label: m.fresh for m in self.finished}, self.select)

    def time_to_target(self, method: MethodOutcome, target: float | None = None) -> TimeToTarget:
        """Epochs until `select` reaches a target, `self.target` unless another is given."""
        target = self.target if target is None else target
        runs = method.fresh if target is not None else ()
        return time_to_target(runs, self.select, 0.0 if target is None else target)

    def sensitivity(self, method: MethodOutcome) -> Sensitivity | None:
        """How far the method's step may be off; None while it is tuned, or where all diverged."""
        return None if method.tuned is None else sensitivity(method.tuned, self.select)

    def expected_best(self, method: MethodOutcome, metric: str) -> Any:
        """The metric of the best of k of the method's configurations, k = 1, …; see `best_of`."""
        return expected_best_of(method.points if method.tuned is not None else (), metric)

    @property
    def panels(self) -> tuple[Any, ...]:
        """What `steepest.plot` draws."""
        from steepest.study.figure import panels

        return panels(self)

    def _on(self, part: str) -> str | None:
        first, _, rest = self.select.partition(" ")
        name = f"{part} {rest}"
        return name if first in SETS and name in self.recorded else None


def read_outcome(
    plan: Plan, surroundings: Surroundings, results: Mapping[str, Result]
) -> StudyOutcome:
    """What the results, by their hashes, say of a study; also of one that is half done.

    Results of other trials are not looked at.

    Raises:
        PlanError: the results do not record the metric that the plan selects by.
    """
    methods = []
    for method in plan.methods:
        missing = wanted(plan, surroundings, method, results)
        choice = tuned(plan, surroundings, method, results)
        if choice is None:
            points, fresh = points_so_far(plan, surroundings, method, results), ()
        else:
            trials = fresh_trials(plan, surroundings, method, choice.chosen)
            points = choice.points
            fresh = tuple(results[trial.hash] for trial in trials if trial.hash in results)
        methods.append(MethodOutcome(method, choice, points, fresh, len(missing)))
    return StudyOutcome(plan, tuple(methods))
