"""An audit as a page: the same blocks are printed and written as HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from steepest.audit._report import AuditReport
from steepest.audit._smoothness import Smoothness
from steepest.report import (
    Badge,
    Block,
    Column,
    Facts,
    Notes,
    Page,
    Section,
    Table,
    Text,
    short,
)


def _short(text: str) -> str:
    """Paths below the working folder as they are typed there."""
    return text.replace(f"{Path.cwd()}/", "")


def page_of(report: AuditReport) -> Page:
    """Five sections: homogeneity, norms, kinks, curvature, what could not be said."""
    loss = "" if report.loss is None else f", mean loss {short(report.loss)}"
    return Page(
        title="Audit of a network",
        lede=f"{report.parameters:,} parameters in {len(report.leaves)} leaves, "
        f"{report.examples} examples{loss}. The model was called {report.called}.",
        blocks=(
            _homogeneity(report),
            _norms(report),
            _kinks(report),
            _curvature(report.smoothness),
            _unsaid(report.unsaid),
        ),
    )


def _homogeneity(report: AuditReport) -> Section:
    h = report.homogeneity
    joint = {
        "proved": Badge(f"proved, degree {h.degree}", "good"),
        "refuted": Badge("refuted", "bad"),
        "unknown": Badge("unknown"),
    }[h.status]
    rescalings = "not counted" if h.rescalings is None else str(h.rescalings)
    blocks: list[Block] = [
        Facts(
            (
                ("In all leaves together", joint),
                ("Because", _short(h.reason)),
                ("Independent rescalings that change nothing", rescalings),
            )
        ),
        Table(
            "Each leaf alone",
            (Column("leaf"), Column("shape"), Column("degree", number=True), Column("because")),
            tuple(
                (
                    leaf.name,
                    "×".join(map(str, leaf.shape)) or "number",
                    "–" if leaf.degree is None else str(leaf.degree),
                    _short(leaf.reason),
                )
                for leaf in report.leaves
            ),
        ),
        Notes("What follows", h.consequences),
    ]
    return Section("Homogeneity", tuple(blocks))


def _norms(report: AuditReport) -> Section:
    rows = []
    for i, leaf in enumerate(report.leaves):
        last = i == len(report.leaves) - 1
        rows.append(
            (leaf.name, short(leaf.squared_norm), "" if last else short(report.differences[i]))
        )
    columns = (
        Column("leaf"),
        Column("‖W‖²", number=True),
        Column("minus the next", number=True),
    )
    return Section("Layer norms and balance", (Table("Squared norms now", columns, tuple(rows)),))


def _kinks(report: AuditReport) -> Section:
    k = report.kinks
    verdict = {
        True: Badge("yes", "good"),
        False: Badge("no", "bad"),
        None: Badge("not known"),
    }[k.autodiff]
    blocks: list[Block] = [
        Facts(
            (
                ("Numbers at or within rounding of a kink", str(k.tied)),
                ("Clipped units dead on the whole batch", f"{k.dead} of {k.units}"),
                ("jax.grad is a Clarke subgradient here", verdict),
                ("Because", _short(k.autodiff_reason)),
            )
        )
    ]
    if k.lines:
        blocks.append(
            Table(
                "Choices by line",
                (
                    Column("line"),
                    Column("by"),
                    Column("numbers", number=True),
                    Column("at a kink", number=True),
                    Column("nearest other", number=True),
                    Column("dead units", number=True),
                ),
                tuple(
                    (
                        _short(line.line),
                        line.primitive,
                        str(line.entries),
                        str(line.tied),
                        short(line.margin),
                        "" if line.units is None else f"{line.dead} of {line.units}",
                    )
                    for line in k.lines
                ),
            )
        )
    else:
        blocks.append(Text("No step of the program chooses: it is smooth."))
    if k.singular:
        blocks.append(
            Notes(
                "Steps without a derivative here",
                tuple(f"{_short(line)}: {count} numbers" for line, count in k.singular.items()),
            )
        )
    return Section("Kinks on this batch", tuple(blocks))


def _curvature(s: Smoothness | None) -> Section:
    if s is None:
        return Section("Curvature at this point", (Text("Not known; see below."),))
    items: list[tuple[str, Any]] = [
        ("Largest eigenvalue of the Hessian", f"{short(s.largest)} ± {short(s.largest_error)}"),
        ("Least eigenvalue of the Hessian", f"{short(s.least)} ± {short(s.least_error)}"),
        ("2/λ_max: above it the local iteration is unstable", short(s.stable_step)),
        ("‖g‖", short(s.gradient_norm)),
        (
            "2‖g‖²/gᵀHg: above it this very step raises the local quadratic",
            short(s.descending_step),
        ),
        ("Hessian-vector products", str(s.products)),
    ]
    note = (
        "From Lanczos: an eigenvalue is within the ± of each number, and the extremes lie at it or "
        "beyond it."
    )
    return Section("Curvature at this point", (Facts(tuple(items)), Text(note)))


def _unsaid(unsaid: tuple[str, ...]) -> Section:
    block: Block = Text("Nothing: every question had an answer.")
    if unsaid:
        block = Notes("Why", tuple(map(_short, unsaid)))
    return Section("What could not be said", (block,))
