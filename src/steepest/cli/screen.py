"""What `steepest lecture` prints: a line a claim as it ends, then a table and the address."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from steepest._version import __version__
from steepest.lecture.claim import Claim, Setting
from steepest.lecture.outcome import Outcome
from steepest.lecture.run import Run
from steepest.report import duration, short

_VERDICTS = {
    "holds": ("holds", "green"),
    "fails": ("FAILS", "bold red"),
    "error": ("ERROR", "bold red"),
}


def _console() -> Console:
    # Numbers in a title are not to be coloured as if they were values.
    return Console(highlight=False)


def print_list(claims: Sequence[Claim]) -> None:
    """The claims' ids and titles, under their slides' headings."""
    console = _console()
    for heading, group in groupby(claims, lambda claim: claim.heading):
        console.print(Text(heading, style="bold"))
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=4, no_wrap=True, style="cyan")
        table.add_column()
        for claim in group:
            table.add_row(Text(f"  {claim.id}"), Text(claim.title))
        console.print(table)
    if not claims:
        console.print("There are no claims yet.")


class Screen:
    """Follows a run on the terminal; as a context it shows what runs now."""

    def __init__(self, claims: int, setting: Setting, folder: Path, *, debug: bool = False):
        self.console = _console()
        self._claims = claims
        self._debug = debug
        noun = "claim" if claims == 1 else "claims"
        self._greeting = (
            f"steepest {__version__}: {claims} {noun}, size {setting.size}, "
            f"seed {setting.seed}, into {folder}"
        )
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            # A spinner in a file is noise.
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, visible=False)

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def started(self, claim: Claim, position: int) -> None:
        """Show what runs now."""
        if position == 1:  # not before: a run that refuses to start prints its error alone
            self.console.print(Text(self._greeting, style="dim"), soft_wrap=True)
        title = Text(claim.title)
        title.truncate(max(10, self.console.width - 30), overflow="ellipsis")
        self._progress.reset(
            self._task,
            description=f"{position}/{self._claims} {claim.id} {title}",
            visible=True,
        )

    def ended(self, outcome: Outcome) -> None:
        """Print a claim's line."""
        verdict, style = _VERDICTS[outcome.status]
        title = Text(outcome.claim.title)
        title.truncate(max(10, self.console.width - 42), overflow="ellipsis", pad=True)
        line = Text()
        line.append(f"{outcome.claim.id:<4} ", style="cyan").append_text(title)
        line.append(f"  {verdict}", style=style)
        line.append(f"  slack {short(outcome.slack):>8}")
        line.append(f"  {duration(outcome.seconds):>9}", style="dim")
        self.console.print(line, no_wrap=True, overflow="ignore", crop=False)
        if self._debug and outcome.traceback is not None:
            self.console.print(Text(outcome.traceback.rstrip(), style="dim"), soft_wrap=True)

    def summary(self, run: Run) -> None:
        """Print the table, what did not hold and why, the page's address and the total."""
        console = self.console
        if run.outcomes:
            console.print()
            console.print(_table(run.outcomes))
        for outcome in run.outcomes:
            if outcome.status != "holds":
                console.print(_why(outcome))
        if run.state == "interrupted":
            console.print(
                Text(
                    f"Interrupted: {len(run.outcomes)} of {len(run.selected)} claims ended; "
                    "the page and claims.json hold them.",
                    style="bold red",
                )
            )
        console.print(Text(f"{_counts(run)}, in {duration(run.seconds)}", style="bold"))
        address = Text(str(run.page), style=f"link {run.page.resolve().as_uri()}")
        # An address broken over two lines cannot be opened.
        console.print(Text("page: ").append_text(address), soft_wrap=True)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, expand=False)
    table.add_column("id", style="cyan", no_wrap=True)
    table.add_column("statement", overflow="fold")
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("bound", justify="right", no_wrap=True)
    table.add_column("slack", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for outcome in outcomes:
        verdict, style = _VERDICTS[outcome.status]
        table.add_row(
            outcome.claim.id,
            Text(outcome.claim.title),
            short(outcome.measured),
            outcome.right_side,
            short(outcome.slack),
            Text(verdict, style=style),
        )
    return table


def _why(outcome: Outcome) -> Text:
    """One line on a claim that does not hold."""
    verdict, style = _VERDICTS[outcome.status]
    line = Text().append(verdict, style=style).append(f" {outcome.claim.id}: ")
    certificate = outcome.certificate
    if outcome.error is not None:
        return line.append(outcome.error)
    if certificate is None or certificate.holds is None:
        return line.append("nothing was compared")
    if certificate.violated:
        return line.append("; ".join(map(str, certificate.violated)))
    if certificate.worst is None or (certificate.slack or 0.0) <= 1.0:
        return line.append("a part of it fails")
    return line.append(
        f"measured {short(outcome.measured)} > bound {outcome.right_side}, "
        f"worst at {certificate.steps[certificate.worst]:g}, slack {short(outcome.slack)}"
    )


def _counts(run: Run) -> str:
    counts, total = run.counts, len(run.outcomes)
    parts = [f"{counts['holds']} of {total} {'claim holds' if total == 1 else 'claims hold'}"]
    if counts["fails"]:
        parts.append(f"{counts['fails']} {'fails' if counts['fails'] == 1 else 'fail'}")
    if counts["error"]:
        parts.append(f"{counts['error']} raised")
    return ", ".join(parts)
