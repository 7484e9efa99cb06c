"""What `steepest study run` prints: a bar a method while it runs, then what came out."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from steepest._version import __version__
from steepest.errors import StoreError
from steepest.report import Notes, Page, duration, render_text
from steepest.study.outcome import StudyOutcome
from steepest.study.plan import Plan
from steepest.study.progress import Progress as StudyProgress
from steepest.study.report import findings
from steepest.study.report_tables import tuning, values
from steepest.study.run import StudyRun
from steepest.study.status import read_status


class StudyScreen:
    """Follows a run on the terminal; as a context it shows how far each method is."""

    def __init__(self, plan: Plan, store: str):
        self.console = Console(highlight=False)
        self._plan, self._store = plan, store
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=self.console,
            transient=True,
            # Bars in a file are noise.
            disable=not self.console.is_terminal,
        )
        self._all = self._bars.add_task("looking at the plan and the data", total=None, note="")
        self._tasks = {
            method.label: self._bars.add_task(method.label, total=None, note="", visible=False)
            for method in plan.methods
        }
        self._ended: set[str] = set()

    def __enter__(self) -> StudyScreen:
        noun = "method" if len(self._plan.methods) == 1 else "methods"
        greeting = (
            f"steepest {__version__}: {self._plan.problem}, {len(self._plan.methods)} {noun}, "
            f"{self._plan.epochs} epochs, into {self._store}"
        )
        self._bars.start()
        self.console.print(Text(greeting, style="dim"), soft_wrap=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def show(self, progress: StudyProgress) -> None:
        """How far the run is."""
        self._bars.update(
            self._all,
            description="all",
            completed=progress.done,
            total=progress.planned,
            note=_note(progress),
        )
        for method in progress.methods:
            running = f"{method.running} running" if method.running else ""
            self._bars.update(
                self._tasks[method.label],
                completed=method.done,
                total=method.planned,
                note=running,
                visible=True,
            )
            ended = method.done >= method.planned > 0
            if ended and method.label not in self._ended:
                self._ended.add(method.label)
                self.console.print(Text(f"{method.label}: all {method.done} trials are there"))

    def interrupted(self, again: str) -> None:
        """Say what is kept, and how to go on."""
        self._bars.stop()
        try:
            status = read_status(self._store)
            kept = f"{status.done} of {status.planned} trials are in {self._store}"
        except StoreError:  # it was to be made yet
            kept = "nothing had run yet"
        words = Text(f"Interrupted: {kept}. The same command goes on from there:", "bold red")
        error = Console(stderr=True, highlight=False)
        error.print(words, soft_wrap=True)
        error.print(Text(f"  {again}"), soft_wrap=True)

    def summary(self, run: StudyRun, outcome: StudyOutcome) -> None:
        """What came out, in short, and where the rest is."""
        page = Page(
            title=f"Study of {outcome.plan.problem}",
            lede="Tuned on the development set; the values are of fresh seeds that tuned nothing.",
            blocks=(Notes("Found", findings(outcome)), values(outcome), tuning(outcome)),
        )
        self.console.print(Text(render_text(page, max(60, self.console.width))), soft_wrap=True)
        for file in run.set_aside:
            self.console.print(Text(f"set aside: {file}", style="yellow"), soft_wrap=True)
        for note in run.notes:
            self.console.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
        total = len(run.agenda.results)
        self.console.print(
            Text(f"{total} trials, {run.ran} of them run now, in {duration(run.seconds)}", "bold")
        )
        self.console.print(
            Text(f"in full: steepest study report --store {self._store}"), soft_wrap=True
        )


def _note(progress: StudyProgress) -> str:
    """What runs, and for how long yet."""
    parts = []
    if progress.workers:
        parts.append(f"{progress.workers} worker{'' if progress.workers == 1 else 's'}")
    if progress.diverged:
        parts.append(f"{progress.diverged} diverged")
    if progress.seconds_left is not None:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return " · ".join(parts)
