"""The report of a study: one page, the same in a browser and in a terminal."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from steepest.report import (
    Badge,
    Block,
    Facts,
    Figure,
    Notes,
    Page,
    Section,
    Text,
    render_text,
)
from steepest.study.comparison import equal
from steepest.study.outcome import StudyOutcome
from steepest.study.plan import Decay
from steepest.study.report_tables import (
    budgets,
    chances,
    checks,
    differences,
    edges,
    search,
    sensitivities,
    targets,
    tuning,
    values,
)
from steepest.study.words import value_of

_SEARCH = (
    "Each method's grid of step sizes grows, one step at a time, until a strictly worse step lies "
    "on both sides of the best; every configuration is run on every tuning seed. The test set "
    "chooses nothing. ± is one standard deviation over the fresh seeds (n − 1 below)."
)
_INTERVALS = (
    "Intervals are percentile bootstrap at 95 %, over seeds. Of five values such an interval "
    "covers the mean in about five cases of six only, and so a method is called better only where "
    "Student's paired t over the seeds, adjusted by Holm for all pairs of methods in that metric, "
    "is below 0.05 as well. The chance to win is by seed, ties counting half, with the interval of "
    "Clopper and Pearson. Seeds differ in the initialisation and the order of batches: the "
    "intervals speak of those, not of another data set."
)


def study_page(outcome: StudyOutcome, *, figure: bool = True) -> Page:
    """The report as a page.

    Args:
        outcome: also of a study that is half done: the page says what misses.
        figure: whether the figure is in it, which needs Matplotlib.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    blocks: list[Block] = [*_missing(outcome), _findings(outcome)]
    if figure and any(method.points for method in outcome.methods):
        blocks.append(_figure(outcome))
    blocks += [
        Section("Comparison", (values(outcome), *differences(outcome), *chances(outcome))),
        Section("Tuning", (tuning(outcome), *search(outcome), *checks(outcome))),
        Section(
            "Cost and robustness",
            (budgets(outcome), targets(outcome), sensitivities(outcome)),
        ),
        _protocol(outcome),
    ]
    return Page(
        title=f"Study of {outcome.plan.problem}",
        lede=_lede(outcome),
        blocks=tuple(blocks),
        badge=Badge("complete", "good") if outcome.complete else Badge("not complete"),
    )


def study_text(outcome: StudyOutcome, width: int = 100) -> str:
    """The report as text for a terminal."""
    return render_text(study_page(outcome, figure=False), width)


def findings(outcome: StudyOutcome) -> tuple[str, ...]:
    """What was found, in sentences: who is lowest in each metric, and who is not told apart; whose
    tuning is at fault, or ended at an end of its grid.

    Nothing is compared with methods that are not finished.
    """
    found = []
    for metric in outcome.metrics:
        means = {
            method.label: mean
            for method in outcome.finished
            if (mean := method.summary(metric).mean) is not None
        }
        if len(means) > 1:
            found.append(_leader(outcome, metric, means))
    for method in outcome.finished:
        failed = sum(run.diverged is not None for run in method.fresh)
        if failed:
            found.append(
                f"{method.label} diverged on {failed} of {len(method.fresh)} fresh seeds: it has "
                "no mean, and is compared by the chance to win alone."
            )
    found += [str(check) for check in outcome.inclusions if check.at_fault]
    return (*found, *edges(outcome))


def _leader(outcome: StudyOutcome, metric: str, means: dict[str, float]) -> str:
    lowest = min(means.values())
    leaders = [label for label, mean in means.items() if equal(mean, lowest)]
    among = {frozenset((c.first, c.second)): c for c in outcome.comparisons[metric]}
    beaten, level = [], []
    for other in means:
        if other not in leaders:
            pairs = [among[frozenset((label, other))] for label in leaders]
            if all(pair.worse(other) for pair in pairs):  # what is said must hold for each leader
                beaten.append(other)
            elif all(pair.kind != "not known" for pair in pairs):
                level.append(other)
    tied = all(among[frozenset(pair)].kind == "tied" for pair in combinations(leaders, 2))
    equal_ones = f", equal{' on every seed' if tied else ''}" if len(leaders) > 1 else ""
    of = "within the noise of" if len(leaders) == 1 else "not told apart from all of these:"
    parts = [
        f"Lowest mean {metric}: {_listed(leaders)}{equal_ones}, {value_of(metric, lowest)}",
        f"better than {_listed(beaten)} by more than the noise" if beaten else "",
        f"{of} {_listed(level)}" if level else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def _listed(labels: list[str]) -> str:
    """In words: a, b and c."""
    *before, last = labels or [""]
    return f"{', '.join(before)} and {last}" if before else last


def _lede(outcome: StudyOutcome) -> str:
    plan = outcome.plan
    count = len(plan.methods)
    return (
        f"{count} method{'' if count == 1 else 's'}, each tuned by {outcome.select} with at most "
        f"{plan.tuning.budget} configurations, then run on {plan.seeds} fresh "
        f"seed{'' if plan.seeds == 1 else 's'} and reported by {outcome.reported}."
    )


def _missing(outcome: StudyOutcome) -> tuple[Block, ...]:
    missing = tuple(
        f"{method.label}: {method.missing_in_words}."
        for method in outcome.methods
        if not method.complete
    )
    if not missing:
        return ()
    return (
        Notes("The study is not complete; methods that are not finished are not compared", missing),
    )


def _findings(outcome: StudyOutcome) -> Block:
    found = findings(outcome)
    if not found:
        only = outcome.complete and len(outcome.methods) == 1
        nothing = "There is one method, and nothing to compare it with."
        return Text(nothing if only else "Nothing can be said of which method is better yet.")
    return Notes("Found", found)


def _figure(outcome: StudyOutcome) -> Figure:
    from steepest import figures

    axes = figures.plot(outcome)
    svg = figures.render_figure(np.ravel(axes)[0].figure)["svg"]
    caption = (
        "Rings mark the lowest mean over all epochs; the tables compare the values after the last "
        "epoch, which is no choice made on the test set."
    )
    return Figure(svg, alt=figures.describe(outcome), caption=caption)


def _protocol(outcome: StudyOutcome) -> Section:
    plan = outcome.plan
    tuning_seeds = _range(plan.tuning_seeds)
    facts = (
        ("Problem", plan.problem),
        ("Epochs", str(plan.epochs)),
        ("Batch", str(plan.batch)),
        ("Decay of the step size", decay_in_words(plan.decay, outcome.select)),
        (
            "Selected by",
            f"the mean {outcome.select} after the last epoch over the tuning seeds; of "
            "equal ones the lower dev loss, then the smaller step",
        ),
        ("Reported on", f"{outcome.reported} after the last epoch, on seeds that tuned nothing"),
        ("Seeds that tune", tuning_seeds),
        ("Fresh seeds", _range(plan.fresh_seeds)),
        (
            "Budget",
            f"{plan.tuning.budget} configurations a method, extensions of its grid included",
        ),
    )
    return Section("Protocol", (Facts(facts), Text(_SEARCH), Text(_INTERVALS)))


def decay_in_words(decay: Decay, select: str) -> str:
    """How the step falls.

    Example:
        >>> decay_in_words(Decay("none"), "dev error")
        'none'
    """
    if decay.kind == "on plateau":
        epochs = "an epoch" if decay.patience == 1 else f"{decay.patience} epochs"
        return f"times {decay.factor:g} after {epochs} without a new best {select}"
    if decay.kind == "every":
        return f"times {decay.factor:g} every {decay.epochs} epochs"
    return "half a cosine, to 0 at the end" if decay.kind == "cosine" else "none"


def _range(seeds: tuple[int, ...]) -> str:
    return str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
