"""The tables of a study's report."""

from __future__ import annotations

import math

from steepest.report import Badge, Block, Column, Notes, Table, Text
from steepest.study.comparison import Comparison
from steepest.study.figure import power_of_two
from steepest.study.outcome import MethodOutcome, StudyOutcome
from steepest.study.statistics import Summary
from steepest.study.words import NOT_KNOWN, is_error, mean_and_sd, number, value_of

_NOT_YET = "not yet"


def values(outcome: StudyOutcome) -> Table:
    """Mean ± sd of each metric after the last epoch, with the interval of the reported one."""
    rows = tuple(
        (
            method.label,
            *(_mean_and_sd(method, metric) for metric in outcome.metrics),
            _interval(outcome.reported, method.summary(outcome.reported)),
            f"{len(method.fresh)} of {outcome.plan.seeds}",
            str(method.summary(outcome.reported).diverged),
        )
        for method in outcome.methods
    )
    columns = (
        Column("method"),
        *(Column(metric, number=True) for metric in outcome.metrics),
        Column(f"mean {outcome.reported}, 95 %", number=True),
        Column("seeds run", number=True),
        Column("diverged", number=True),
    )
    return Table(
        "After the last epoch, mean ± one standard deviation over fresh seeds", columns, rows
    )


def differences(outcome: StudyOutcome) -> tuple[Block, ...]:
    """Every pair in the reported metric: the verdict in words, and what it rests on."""
    comparisons = outcome.comparisons[outcome.reported]
    if not comparisons:
        return ()
    rows = tuple((f"{c.first}, {c.second}", number(c.p), c.verdict) for c in comparisons)
    columns = (Column("methods"), Column("adjusted p", number=True), Column("verdict"))
    return (Table(f"Differences in {outcome.reported}, paired by seed", columns, rows),)


def chances(outcome: StudyOutcome) -> tuple[Block, ...]:
    """The chance that one method is below another on a seed."""
    comparisons = outcome.comparisons[outcome.reported]
    if not comparisons:
        return ()
    rows = tuple(
        (f"{c.first} below {c.second}", _percent(c.chance), _chance_interval(c))
        for c in comparisons
    )
    columns = (Column("event"), Column("chance", number=True), Column("95 %", number=True))
    return (
        Table(f"Chance to win in {outcome.reported} on a seed, ties counting half", columns, rows),
    )


def tuning(outcome: StudyOutcome) -> Table:
    """What was chosen, and whether inside."""
    rows = []
    for method in outcome.methods:
        choice = method.tuned
        if choice is None:
            rows.append((method.label, _NOT_YET, "", "", str(len(method.points)), ""))
            continue
        others = ", ".join(f"{name} {value:g}" for name, value in choice.chosen.tuned)
        inside = Badge("inside", "good") if choice.interior else Badge("at an end", "bad")
        rows.append(
            (
                method.label,
                power_of_two(choice.step),
                others or "–",
                value_of(outcome.select, choice.chosen.score),
                str(choice.spent),
                inside,
            )
        )
    columns = (
        Column("method"),
        Column("step size", number=True),
        Column("also tuned"),
        Column(f"mean {outcome.select}", number=True),
        Column("configurations", number=True),
        Column("best step in its grid"),
    )
    return Table("What the tuning chose", columns, tuple(rows))


def edges(outcome: StudyOutcome) -> tuple[str, ...]:
    """The methods whose best step is not inside its grid, in sentences."""
    return tuple(
        f"{method.label}: its best step is {method.tuned.edge}: a better one may lie beyond it."
        for method in outcome.methods
        if method.tuned is not None and not method.tuned.interior
    )


def search(outcome: StudyOutcome) -> tuple[Block, ...]:
    """Ties, optima at an end, methods that diverged throughout."""
    said = list(edges(outcome))
    for method in outcome.methods:
        choice = method.tuned
        if choice is None:
            continue
        if choice.diverged:
            said.append(f"{method.label}: every configuration diverged on some tuning seed.")
        said += [f"{method.label}, {choice.chosen}: {tie}." for tie in choice.ties]
    return (Notes("Of the search", tuple(said)),) if said else ()


def checks(outcome: StudyOutcome) -> tuple[Block, ...]:
    """The inclusion check (Choi et al. 2019)."""
    if not outcome.inclusions:
        return ()
    title = "A method that contains another must not come out worse by more than the noise"
    return (Notes(title, tuple(map(str, outcome.inclusions))),)


def budgets(outcome: StudyOutcome) -> Table:
    """The expected best of k configurations, in what is selected by and in what is reported."""
    most = max((len(m.points) for m in outcome.methods if m.tuned is not None), default=0)
    shown = [k for k in (1, 2, 3, 5, 10, 15, 20, 30, 50, 100) if k < most] + (
        [most] if most else []
    )
    metrics = tuple(dict.fromkeys((outcome.select, outcome.reported)))
    rows = []
    for method in outcome.methods:
        for metric in metrics:
            best = outcome.expected_best(method, metric)
            cells = [value_of(metric, float(best[k - 1])) if k <= len(best) else "" for k in shown]
            rows.append((f"{method.label}, {metric}", *cells))
    columns = (Column("expected best of"), *(Column(str(k), number=True) for k in shown))
    caption = (
        f"By tuning budget: what the best of k configurations by {outcome.select} gives on the "
        "tuning seeds, averaged over all choices of k of those that were run (∞: some choices "
        "hold only configurations that diverged)"
    )
    return Table(caption, columns, tuple(rows))


def targets(outcome: StudyOutcome) -> Block:
    """Epochs to the target."""
    target = outcome.target
    if target is None:
        return Text(
            "No target for the time to it: no method has finite runs on all fresh seeds yet."
        )
    rows = []
    for method in outcome.finished:
        time = outcome.time_to_target(method)
        median = NOT_KNOWN if time.median is None else f"{time.median:g}"
        rows.append((method.label, f"{time.reached} of {len(time.epochs)}", median))
    columns = (
        Column("method"),
        Column("runs that reach it", number=True),
        Column("median epochs", number=True),
    )
    caption = (
        f"Epochs to a {outcome.select} of {value_of(outcome.select, target)}, the worst of the "
        "methods' mean final values"
    )
    return Table(caption, columns, tuple(rows))


def sensitivities(outcome: StudyOutcome) -> Table:
    """How far the step may be off."""
    rows = []
    for method in outcome.methods:
        found = outcome.sensitivity(method)
        if found is None:
            rows.append((method.label, NOT_KNOWN, NOT_KNOWN))
        else:
            rows.append((method.label, str(found.below), str(found.above)))
    cost = "one percentage point" if is_error(outcome.select) else "1 %"
    columns = (Column("method"), Column("smaller by"), Column("larger by"))
    caption = f"How far the step size may be off before it costs {cost} of {outcome.select}"
    return Table(caption, columns, tuple(rows))


def _mean_and_sd(method: MethodOutcome, metric: str) -> str:
    found = method.summary(metric)
    if not found.values:
        return _NOT_YET
    return mean_and_sd(metric, found.mean, found.sd)


def _interval(metric: str, found: Summary) -> str:
    if not found.values:
        return _NOT_YET
    if found.interval is None:
        return NOT_KNOWN
    low = value_of(metric, found.interval.low).removesuffix(" %")
    return f"{low} to {value_of(metric, found.interval.high)}"


def _chance_interval(c: Comparison) -> str:
    low, high = c.chance_interval.low, c.chance_interval.high
    return f"{100 * low:.0f} to {_percent(high)}"


def _percent(share: float) -> str:
    assert math.isfinite(share)
    return f"{100 * share:.0f} %"
