"""Who wins, as found: beside what the paper found, and beside a second study that tunes more."""

from __future__ import annotations

from itertools import pairwise

from steepest.study.comparison import equal
from steepest.study.figure import power_of_two
from steepest.study.outcome import MethodOutcome, StudyOutcome
from steepest.study.words import mean_and_sd

NON_ADAPTIVE = ("gradient_descent", "heavy_ball")


def against_paper(outcome: StudyOutcome) -> tuple[str, ...]:
    """Whether the finding agrees with the paper's, in training and in test error.

    As there the best non-adaptive method stands against the best adaptive one; which they are is
    decided by the development set.
    """
    said = []
    for metric in (outcome.trained, outcome.reported):
        assert metric is not None
        pair = _champions(outcome)
        if pair is None:
            continue
        plain, adaptive = pair
        found = next(
            c
            for c in outcome.comparisons[metric]
            if {c.first, c.second} == {plain.label, adaptive.label}
        )
        verdict = (
            "As in the paper, the non-adaptive method is better"
            if found.worse(adaptive.label)
            else "Unlike in the paper, the adaptive method is better"
            if found.worse(plain.label)
            else "Unlike in the paper, the two are not told apart"
        )
        said.append(
            f"{metric}, best non-adaptive against best adaptive method by {outcome.select}: "
            f"{_value(plain, metric)}, {_value(adaptive, metric)}. "
            f"{found.verdict[0].upper()}{found.verdict[1:]}. {verdict}."
        )
    return tuple(said)


def turned(first: StudyOutcome, second: StudyOutcome) -> str:
    """Whether the order of the methods is another when momentum and ε are tuned, too."""
    metric = first.reported
    before, after = (_order(outcome, metric) for outcome in (first, second))
    told = [
        sum(c.kind.endswith("better") for c in outcome.comparisons[metric])
        for outcome in (first, second)
    ]
    turns = f"stays {before}" if before == after else f"turns from {before} to {after}"
    return (
        f"With momentum and ε tuned too the order of the mean {metric}s {turns}; of "
        f"{len(first.comparisons[metric])} pairs {told[0]} are told apart before and {told[1]} "
        f"after. Chosen: {'; '.join(_chosen(second))}."
    )


def _chosen(outcome: StudyOutcome) -> list[str]:
    """Each method with its chosen step and what else was chosen."""
    return [
        ", ".join(
            [
                f"{m.label} {power_of_two(m.tuned.step)}",
                *(f"{name} {value:g}" for name, value in m.tuned.chosen.tuned),
            ]
        )
        for m in outcome.methods
        if m.tuned is not None
    ]


def _order(outcome: StudyOutcome, metric: str) -> str:
    """The methods by their mean, the lowest first; at the end those of which it is not known."""
    means = {method.label: method.summary(metric).mean for method in outcome.methods}
    known = {label: mean for label, mean in means.items() if mean is not None}
    ranked = sorted(known, key=known.__getitem__)
    signs = ["=" if equal(known[a], known[b]) else "<" for a, b in pairwise(ranked)]
    ordered = " ".join(word for pair in zip(ranked, [*signs, ""], strict=False) for word in pair)
    unknown = [f"{label} diverged" for label in means if label not in known]
    return ", ".join(word for word in (ordered.strip(), *unknown) if word)


def _champions(outcome: StudyOutcome) -> tuple[MethodOutcome, MethodOutcome] | None:
    """The best non-adaptive and the best adaptive method by the development set."""
    by_dev = [m for m in outcome.finished if m.tuned is not None]
    by_dev.sort(key=lambda m: m.tuned.chosen.value if m.tuned else ())
    plain = next((m for m in by_dev if m.plan.name in NON_ADAPTIVE), None)
    adaptive = next((m for m in by_dev if m.plan.name not in NON_ADAPTIVE), None)
    return None if plain is None or adaptive is None else (plain, adaptive)


def _value(method: MethodOutcome, metric: str) -> str:
    found = method.summary(metric)
    return f"{method.label} {mean_and_sd(metric, found.mean, found.sd)}"
