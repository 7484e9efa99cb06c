"""`steepest study`: which method wins on a model, when each is tuned fairly."""

# What is heavy (JAX, Dask) is imported inside: `--help` must answer at once.

import shlex
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from steepest.cli.errors import DEBUG, INTERRUPTED, readable_errors

HELP = """Tune each method fairly on your model, and compare them on fresh seeds.

""" + "\n".join(
    [
        "A plan names a problem, methods, and how each is tuned. Every trial's result is one file "
        "of a store; a run on a half-finished store goes on, and nothing runs twice.",
        "",
        "[b]Examples[/b]",
        "  [cyan]steepest study init[/cyan]                                 a commented plan.toml",
        "  [cyan]steepest study run plan.toml --store out/study[/cyan]      run it, or go on",
        "  [cyan]steepest study status --store out/study[/cyan]             from another terminal",
        "  [cyan]steepest study report --store out/study[/cyan]             what came out",
        "",
        "[b]Exit status[/b]",
        "    0  done",
        "    1  the store, the data or a trial's code is at fault",
        "    2  wrong use, or a plan that is wrong: nothing has run; also a program that does "
        "not yield once an epoch",
        "  130  interrupted: the same command goes on",
    ]
)
INIT_HELP = """Write a plan with every field, its default, and what it means.

A file that is there is not replaced."""
RUN_HELP = """Run a plan, or go on with it.

""" + "\n".join(
    [
        "Everything is checked before anything runs: names, values, the data, one batch. Then each "
        "method's grid of step sizes is run on every tuning seed and grows until the best step is "
        "inside or the budget is spent; the best configuration is run again on fresh seeds.",
        "",
        "Stopped by Ctrl-C, kill −9 or a full disk, the same command goes on where it was.",
        "",
        "[b]Examples[/b]",
        "  [cyan]steepest study run plan.toml --store out/study[/cyan]",
        "  [cyan]steepest study run plan.toml --store out/study --workers 8[/cyan]",
        "  [cyan]steepest study run plan.toml --store out/study "
        "--scheduler tcp://10.0.0.1:8786[/cyan]",
        "  [cyan]steepest study run plan.toml --store s3://bucket/study[/cyan]",
    ]
)
STATUS_HELP = """Say how far a study is, from its store alone.

Also while it runs, and from another machine."""
PLOT_HELP = """Draw a study: learning curves, the search for the step sizes, the budget.

Writes study.svg, study.pdf and study.png, also of a study that is half done."""
REPORT_HELP = """Say what came out of a study, with its uncertainty.

Printed as text; with --out written as one HTML page, too. Also of a study that is half done."""
EXPORT_HELP = """Write all trials as one table: a row a trial and epoch.

Rows are in an order that depends on nothing but the plan."""

study = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help=HELP)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, too.")]
StorePlace = Annotated[
    str,
    typer.Option("--store", metavar="DIR", help="A folder, or a URL that fsspec knows."),
]


@study.command(help=INIT_HELP)
def init(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="Where to write it.")] = Path(
        "plan.toml"
    ),
    debug: Debug = False,
) -> None:
    """Write the commented plan."""
    with readable_errors(debug or DEBUG.get()):
        from steepest.study.template import write_template

        write_template(plan)
        typer.echo(f"{plan}: every field with its default. Run it with")
        typer.echo(f"  steepest study run {plan} --store out/study")


@study.command(help=RUN_HELP)
def run(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN.toml", help="The plan.", show_default=False)
    ],
    store: StorePlace,
    workers: Annotated[
        Optional[int],  # noqa: UP045 (typer's older releases read no `| None`)
        typer.Option(
            metavar="N",
            help="Processes of this machine; as many as it has cores if none is given, and 0 for "
            "this process alone.",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        Optional[str],  # noqa: UP045 (as above)
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler, whose workers run the trials instead.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Optional[Path],  # noqa: UP045 (as above)
        typer.Option(
            metavar="DIR",
            help="The folder that the problem reads its data from.",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Run a plan on a store; exits with the status that `HELP` documents."""
    with readable_errors(debug or DEBUG.get()):
        from steepest.study.plan_file import read_plan

        checked = read_plan(plan)
        from steepest.cli.study_screen import StudyScreen
        from steepest.study.run import run_study

        options = {"workers": workers, "scheduler": scheduler, "data": data}
        again = ["steepest", "study", "run", str(plan), "--store", store]
        for name, value in options.items():
            again += [] if value is None else [f"--{name}", str(value)]
        with StudyScreen(checked, store) as screen:
            try:
                done = run_study(
                    checked,
                    store,
                    workers=workers,
                    scheduler=scheduler,
                    data=data,
                    on_progress=screen.show,
                )
            except KeyboardInterrupt as error:
                screen.interrupted(shlex.join(again))
                raise typer.Exit(INTERRUPTED) from error
        screen.summary(done, _outcome(done.agenda))


@study.command(help=STATUS_HELP)
def status(store: StorePlace, debug: Debug = False) -> None:
    """How far a study is."""
    with readable_errors(debug or DEBUG.get()):
        from steepest.study.status import read_status, status_text

        typer.echo(status_text(read_status(store)))


@study.command(help=PLOT_HELP)
def plot(
    store: StorePlace,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the three files go.")] = Path(
        "out/figures"
    ),
    debug: Debug = False,
) -> None:
    """Draw a study."""
    with readable_errors(debug or DEBUG.get()):
        from steepest.study.figure import write_figures

        for path in write_figures(_gathered(store), out):
            typer.echo(str(path))


@study.command(help=REPORT_HELP)
def report(
    store: StorePlace,
    out: Annotated[
        Optional[Path],  # noqa: UP045 (as above)
        typer.Option(metavar="PAGE", help="Write it as one HTML page, too.", show_default=False),
    ] = None,
    debug: Debug = False,
) -> None:
    """What came out of a study."""
    with readable_errors(debug or DEBUG.get()):
        _require_parent(out)
        from steepest.study.report import study_page, study_text

        outcome = _gathered(store)
        if out is not None:
            from steepest.report import render_page, write_atomically

            write_atomically(out, render_page(study_page(outcome)))
        typer.echo(study_text(outcome))


@study.command(help=EXPORT_HELP)
def export(
    store: StorePlace,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Ending in .csv or .parquet.", show_default=False)
    ],
    debug: Debug = False,
) -> None:
    """Write all trials as one table."""
    with readable_errors(debug or DEBUG.get()):
        _require_parent(out)
        from steepest.study.export import export as write

        done = write(store, out)
        missing = f"; {done.missing} are not there yet" if done.missing else ""
        typer.echo(f"{out}: {done.rows} rows of {done.trials} trials{missing}")


def _require_parent(out: Path | None) -> None:
    from steepest.errors import ArgumentError

    if out is not None and not out.parent.is_dir():
        raise ArgumentError(f"--out {out}: there is no folder {out.parent}.")
    if out is not None and out.is_dir():
        raise ArgumentError(f"--out {out}: this is a folder; give the name of a file.")


def _gathered(store: str) -> Any:
    """What came out of the study of a store so far."""
    from steepest.study.agenda import gather
    from steepest.study.store import Store

    place = Store(store)
    outcome = _outcome(gather(place))
    for file in place.set_aside:
        typer.echo(f"set aside: {file}", err=True)
    return outcome


def _outcome(agenda: Any) -> Any:
    from steepest.study.outcome import read_outcome

    return read_outcome(agenda.plan, agenda.surroundings, agenda.results)
