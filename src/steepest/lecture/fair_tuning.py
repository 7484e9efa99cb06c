"""The protocol of a fair comparison, checked on what came out of a study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.lecture.finding import against_paper
from steepest.study.outcome import MethodOutcome, StudyOutcome
from steepest.study.report import findings
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve

SOURCE = (
    "Wilson, Roelofs, Stern, Srebro, Recht 2017, figure 1; Choi, Shallue, Nado, Lee, Maddison, "
    "Dahl 2019"
)
STATEMENT = Statement(
    name="tuned_fairly",
    id="E1",
    left="mean dev error at the tuned step",
    right="at the nearest steps below and above it",
    latex="each method's tuned step size is inside the grid that was searched",
    source=SOURCE,
)


def certified(outcome: StudyOutcome, name: str) -> Certificate:
    """The protocol, checked on what came out: left and right side a method each.

    Args:
        outcome: of a study that is complete.
        name: what its notes begin with.
    """
    plan = outcome.plan
    left, right = np.transpose([_sides(method) for method in outcome.methods])
    budget = plan.tuning.budget
    spent = {method.label: method.tuned.spent for method in outcome.methods if method.tuned}
    outside = [m.label for m in outcome.methods if m.tuned is None or not m.tuned.interior]
    tuned_on = {
        run.configuration.seed for m in outcome.methods for p in m.points for run in p.results
    }
    reported = {run.configuration.seed for m in outcome.methods for run in m.fresh}
    incomplete = [m.missing_in_words for m in outcome.methods if not m.complete]
    bare = [c.label for panel in outcome.panels[:2] for c in panel.curves if not _full(c)]
    hypotheses = (
        _seen("every method is run to its end", incomplete, f"{len(spent)} methods"),
        _seen("every tuned step is inside its grid", outside, f"at most {budget} configurations"),
        _seen(
            "no seed that is reported on was tuned on",
            sorted(tuned_on & reported),
            f"{len(tuned_on)} seeds tune, {len(reported)} others report",
        ),
        _seen(
            "five fresh seeds for each method",
            [m.label for m in outcome.methods if len(m.fresh) != 5],
            f"seeds {min(reported)} to {max(reported)}",
        ),
        _seen(
            f"no method took more than the budget of {budget} configurations",
            [label for label, count in spent.items() if count > budget],
            ", ".join(f"{label} {count}" for label, count in spent.items()),
        ),
        _seen(
            "each learning curve has its band of ± 1 sd and its best annotated",
            bare,
            f"{outcome.trained} and {outcome.reported}",
        ),
    )
    found = (*findings(outcome), *against_paper(outcome))
    notes = tuple(f"Found, {name}: {each}" for each in found)
    steps = np.arange(1.0, len(left) + 1)
    return Certificate(STATEMENT, hypotheses, steps, left, right, np.zeros(len(left)), notes=notes)


def _sides(method: MethodOutcome) -> tuple[float, float]:
    """The score of the tuned step, and the lower one of the steps beside it."""
    assert method.tuned is not None
    along, chosen = method.tuned.along, method.tuned.chosen
    at = along.index(chosen)
    beside = [*along[max(0, at - 1) : at], *along[at + 1 : at + 2]]
    return chosen.score, min((point.score for point in beside), default=chosen.score)


def _seen(name: str, against: Sequence[object], detail: str) -> Hypothesis:
    """A rule of the protocol, violated where something speaks against it."""
    if against:
        return Hypothesis(name, Evidence.VIOLATED, ", ".join(map(str, against)))
    return Hypothesis(name, Evidence.MEASURED, detail)


def _full(curve: Curve) -> bool:
    return curve.band is not None and curve.mark is not None and bool(curve.mark.note)
