"""The search for a method's step size: what to run next, and what was chosen.

The protocol of Wilson, Roelofs, Stern, Srebro, Recht (2017): a grid of step sizes that grows until
the best is inside, every configuration run on every tuning seed, and no more configurations than
the budget, which is the same for all methods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from steepest.study.configuration import Configuration, Surroundings, configuration
from steepest.study.plan import MethodPlan, Plan
from steepest.study.point import LOSS, Point, point_of
from steepest.study.result import Result


@dataclass(frozen=True)
class Tuned:
    """What the tuning of a method chose.

    Attributes:
        chosen: the configuration.
        points: all that were run, by combination and then by step.
        interior: whether the chosen step is inside the grid of its combination.
        edge: where it is not, at which end and why the grid did not grow; else empty.
        ties: which configurations are equal to it in the metric, and what decided.
    """

    chosen: Point
    points: tuple[Point, ...] = field(repr=False)
    interior: bool
    edge: str = ""
    ties: tuple[str, ...] = ()

    @property
    def step(self) -> float:
        """The step size."""
        return self.chosen.step

    @property
    def spent(self) -> int:
        """How many configurations were run, each on every tuning seed."""
        return len(self.points)

    @property
    def diverged(self) -> bool:
        """Whether no configuration stayed finite on every tuning seed."""
        return math.isinf(self.chosen.score)

    @property
    def along(self) -> tuple[Point, ...]:
        """The points with the chosen values of all but the step, by step."""
        return tuple(point for point in self.points if point.place == self.chosen.place)


@dataclass(frozen=True)
class _Search:
    """The search as far as the results go: configurations that miss, or how it ended."""

    points: tuple[Point, ...]
    missing: tuple[Configuration, ...] = ()
    edge: str = ""


def wanted(
    plan: Plan, surroundings: Surroundings, method: MethodPlan, results: Mapping[str, Result]
) -> tuple[Configuration, ...]:
    """What to run next for a method: the trials that miss, in a fixed order; none when it is done.

    First the grid (every step with every combination of the other tuned values) on every tuning
    seed. Then, while the best lies at an end of the grid of its combination and the budget allows,
    one step beyond that end, by the factor of the last two steps (of 2 where there is one step).
    Then the chosen configuration on the fresh seeds.

    *At an end.* The best is inside when on both sides a step was run that is strictly worse, in the
    metric or, that being equal, in dev loss. A plateau of steps that are equal in both and reaches
    an end has its best at that end: on a landscape that falls and then rises, something better may
    lie beyond a tie and not beyond a step that is worse. Where the plateau reaches both ends the
    grid grows downwards, since of equal steps the smaller is chosen: so too where all diverged.

    Args:
        plan, surroundings: the study; that the grid is within the budget is checked with the plan.
        method: one of the plan's.
        results: hash → result; those of other trials are not looked at.

    Raises:
        PlanError: the results do not record the metric that the plan selects by.
    """
    search = _search(plan, surroundings, method, results)
    if search.missing:
        return search.missing
    return tuple(
        trial
        for trial in fresh_trials(plan, surroundings, method, _best(search.points))
        if trial.hash not in results
    )


def tuned(
    plan: Plan, surroundings: Surroundings, method: MethodPlan, results: Mapping[str, Result]
) -> Tuned | None:
    """What was chosen for a method; None while trials of its tuning miss.

    Raises:
        PlanError: the results do not record the metric that the plan selects by.
    """
    search = _search(plan, surroundings, method, results)
    if search.missing:
        return None
    best = _best(search.points)
    ties = tuple(
        _tie(best, other, plan.tuning.select)
        for other in search.points
        if other is not best and other.value[0] == best.value[0] and math.isfinite(best.score)
    )
    return Tuned(best, search.points, interior=not search.edge, edge=search.edge, ties=ties)


def points_so_far(
    plan: Plan, surroundings: Surroundings, method: MethodPlan, results: Mapping[str, Result]
) -> tuple[Point, ...]:
    """The configurations whose tuning runs are all there, by combination and then by step."""
    return _search(plan, surroundings, method, results).points


def fresh_trials(
    plan: Plan, surroundings: Surroundings, method: MethodPlan, chosen: Point
) -> tuple[Configuration, ...]:
    """The chosen configuration on the fresh seeds."""
    return tuple(
        configuration(plan, surroundings, method, chosen.step, dict(chosen.tuned), seed)
        for seed in plan.fresh_seeds
    )


def _search(
    plan: Plan, surroundings: Surroundings, method: MethodPlan, results: Mapping[str, Result]
) -> _Search:
    combinations = list(product(*method.tune.values()))
    grids = [list(method.steps.values) for _ in combinations]
    points: dict[tuple[int, float], Point] = {}
    while True:
        missing: list[Configuration] = []
        for place, values in enumerate(combinations):
            others = dict(zip(method.tune, values, strict=True))
            for step in grids[place]:
                if (place, step) in points:
                    continue
                trials = [
                    configuration(plan, surroundings, method, step, others, seed)
                    for seed in plan.tuning_seeds
                ]
                absent = [trial for trial in trials if trial.hash not in results]
                missing += absent
                if not absent:
                    runs = tuple(results[trial.hash] for trial in trials)
                    points[place, step] = point_of(plan.tuning.select, step, others, runs, place)
        known = tuple(points[key] for key in sorted(points))
        if missing:
            return _Search(known, missing=tuple(missing))
        best = _best(known)
        grid = grids[best.place]
        ends = _open_ends([points[best.place, step] for step in grid], best)
        if not ends:
            return _Search(known)
        beyond = [step for end in ends if (step := _beyond(grid, end)) is not None]
        why = _why_not(plan, method, len(points), blocked=not beyond)
        if why:
            return _Search(known, edge=_edge(best, grid, ends[0]) + why)
        grids[best.place] = sorted([*grid, beyond[0]])


def _best(points: tuple[Point, ...]) -> Point:
    return min(points, key=lambda point: point.order)


def _open_ends(along: list[Point], best: Point) -> list[str]:
    """The ends that the plateau of the best reaches, the lower first."""
    worse = [k for k, point in enumerate(along) if point.value > best.value]
    at = along.index(best)
    inside = {"lower": any(k < at for k in worse), "upper": any(k > at for k in worse)}
    return [end for end, closed in inside.items() if not closed]


def _beyond(grid: list[float], end: str) -> float | None:
    """The next step beyond an end, where it is a normal number in single precision, too."""
    last, neighbour = (grid[0], grid[1:2]) if end == "lower" else (grid[-1], grid[-2:-1])
    factor = last / neighbour[0] if neighbour else (0.5 if end == "lower" else 2.0)
    step, single = _tidy(last * factor), np.finfo(np.float32)
    return step if step not in grid and float(single.tiny) <= step <= float(single.max) else None


def _tidy(step: float) -> float:
    """The step without the last bits of a product: 1e-05 and not 1.0000000000000003e-05.

    A plan that lists the same step then names the same trials.
    """
    short = float(f"{step:.6g}")
    return short if math.isclose(short, step, rel_tol=1e-15) else step


def _why_not(plan: Plan, method: MethodPlan, spent: int, *, blocked: bool) -> str:
    if not method.steps.extend:
        return "; the plan does not let it grow"
    if blocked:
        return "; no step beyond it is a normal number"
    return " when the budget was spent" if spent >= plan.tuning.budget else ""


def _edge(best: Point, grid: list[float], end: str) -> str:
    at = grid[0] if end == "lower" else grid[-1]
    return f"{'at' if best.step == at else 'tied with'} the {end} end of its grid"


def _tie(best: Point, other: Point, select: str) -> str:
    if best.loss is None:
        equal, decided = f"{select} ({LOSS} is not recorded)", ""
    elif best.value[1] != other.value[1]:
        equal, decided = select, f"lower {LOSS}"
    else:
        equal, decided = select if select == LOSS else f"{select} and {LOSS}", ""
    if not decided:
        decided = "the smaller step" if best.step != other.step else "the first in the plan"
    return f"tied with {other} in {equal}; {decided}"
