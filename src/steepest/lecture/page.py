"""The page of a run: a table of verdicts, then each claim under its slide's heading."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from itertools import groupby

from steepest.lecture.outcome import Outcome
from steepest.lecture.run import Run, command
from steepest.report import (
    Badge,
    Block,
    Code,
    Column,
    Facts,
    Figure,
    Link,
    Listing,
    Notes,
    Page,
    Section,
    Table,
    Text,
    Tone,
    duration,
    short,
)
from steepest.theorems.certificate import Certificate, Evidence

NOTHING_COMPARED = "Nothing was compared: the claim is neither confirmed nor refuted."


def lecture_page(run: Run) -> Page:
    """The page of what has ended so far."""
    return Page(
        title="The lecture, run",
        lede=_lede(run),
        badge=_overall(run),
        blocks=(*_summary(run), *_slides(run)),
        footer=(
            f"Begun {time.strftime('%Y-%m-%d %H:%M', time.localtime(run.started))}, "
            f"{duration(run.seconds)} in all, drawing and writing included.",
            f"Python {platform.python_version()}, JAX {version('jax')}, NumPy {version('numpy')}, "
            f"{platform.system()} {platform.machine()}.",
        ),
    )


def _overall(run: Run) -> Badge:
    if run.state == "interrupted":
        return Badge("interrupted", "bad")
    if run.state == "ended" and not run.outcomes:
        return Badge("nothing ran")
    if run.exit_status != 0:
        return Badge("not all hold", "bad")
    return Badge("running") if run.state == "running" else Badge("all hold", "good")


def _lede(run: Run) -> str:
    counts, ended, selected = run.counts, len(run.outcomes), len(run.selected)
    verdicts = [f"{counts['holds']} hold", f"{counts['fails']} fail", f"{counts['error']} raised"]
    verdicts = [v for v in verdicts if not v.startswith("0")] or ["none has ended"]
    rest = {
        "running": f" The run goes on: {selected - ended} of {selected} are to come.",
        "interrupted": f" The run was interrupted: {selected - ended} of {selected} did not end.",
        "ended": "",
    }[run.state]
    noun = "claim" if ended == 1 else "claims"
    return (
        f"{ended} {noun}: {', '.join(verdicts)}. Size {run.setting.size}, "
        f"seed {run.setting.seed}.{rest}"
    )


def _badge(outcome: Outcome) -> Badge:
    return Badge(outcome.status, "good" if outcome.status == "holds" else "bad")


def _summary(run: Run) -> tuple[Block, ...]:
    if not run.outcomes:
        return ()
    rows = tuple(
        (
            Link(o.claim.id, f"#{o.claim.id}"),
            _badge(o),
            o.claim.title,
            short(o.measured),
            o.right_side,
            short(o.slack),
            duration(o.seconds),
        )
        for o in run.outcomes
    )
    columns = (
        Column("id"),
        Column("verdict"),  # early: a phone shows the first columns
        Column("claim"),
        Column("measured", number=True),
        Column("bound", number=True),
        Column("slack", number=True),
        Column("time", number=True),
    )
    reading = (
        "Each claim says measured ≤ bound at every step compared; shown is the step where it is "
        "worst. The slack is the worst ratio of the two, rounding allowed for: at most 1 where "
        "the claim holds."
    )
    return (Text(reading), Table("Verdicts, in the order of the slides", columns, rows))


def _slides(run: Run) -> tuple[Section, ...]:
    """A section a slide heading; headings that return later begin a section again."""
    return tuple(
        Section(heading, tuple(_claim(outcome, run) for outcome in outcomes))
        for heading, outcomes in groupby(run.outcomes, lambda outcome: outcome.claim.heading)
    )


def _claim(outcome: Outcome, run: Run) -> Section:
    claim, certificate = outcome.claim, outcome.certificate
    blocks: list[Block] = [Text(claim.statement)]
    if certificate is not None:
        blocks.append(_numbers(outcome, certificate))
    if outcome.svg is not None:
        blocks.append(Figure(outcome.svg, alt=f"{claim.id}. {outcome.alt}"))
    if outcome.traceback is not None:
        blocks.append(Listing("It raised:", outcome.traceback))
    if certificate is not None and certificate.hypotheses:
        blocks.append(_hypotheses(certificate))
    notes = _notes(certificate)
    if notes:
        blocks.append(Notes("Notes", notes))
    blocks.append(
        Facts(
            (
                ("source", claim.source),
                ("again", Code(command((claim,), run.setting))),
                ("time", duration(outcome.seconds)),
            )
        )
    )
    return Section(
        claim.title,
        tuple(blocks),
        anchor=claim.id,
        label=claim.id,
        badge=_badge(outcome),
        card=True,
    )


def _numbers(outcome: Outcome, certificate: Certificate) -> Facts:
    statement, worst = certificate.statement, certificate.worst
    items = [
        (f"measured: {statement.left}", short(outcome.measured)),
        (f"bound: {statement.right}", short(outcome.bound)),
        ("slack", short(outcome.slack)),
    ]
    if worst is not None:
        steps = len(certificate.steps)
        items.append(("worst at", f"{certificate.steps[worst]:g} ({steps} compared)"))
        items.append(("rounding allowed", short(float(certificate.allowance[worst]))))
    if certificate.worst_case is not None:
        items.append(("tight bound of the class", short(certificate.worst_case)))
    return Facts(tuple(items))


_TONES: dict[Evidence, Tone] = {Evidence.PROVED: "good", Evidence.VIOLATED: "bad"}


def _hypotheses(certificate: Certificate) -> Table:
    rows = tuple(
        (
            h.name,
            Badge(h.evidence.value, _TONES.get(h.evidence, "neutral")),
            "" if h.value is None else short(h.value),
            h.detail,
        )
        for h in certificate.hypotheses
    )
    columns = (
        Column("hypothesis"),
        Column("evidence"),
        Column("value", number=True),
        Column("what was looked at"),
    )
    return Table("What it rests on", columns, rows)


def _notes(certificate: Certificate | None) -> tuple[str, ...]:
    if certificate is None:
        return ()
    uncompared = (NOTHING_COMPARED,) if certificate.holds is None else ()
    return (*uncompared, *certificate.notes)
