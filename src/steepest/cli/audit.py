"""`steepest audit`: what can be said of a network on a batch."""

# What is heavy (JAX) is imported inside: `--help` must answer at once.

from pathlib import Path
from typing import Annotated, Optional

import typer

from steepest.cli.errors import DEBUG, readable_errors

HELP = """Audit a network: homogeneity, norms, kinks on a batch, curvature, what is not known.

""" + "\n".join(
    [
        "FILE.py:NAME names a function of no arguments in your file that returns (model, params, "
        "batch) or (model, params, batch, loss):",
        "",
        "  model   (params, inputs) → predictions, for the whole batch or for one input",
        "  params  any pytree of floats: a dict of arrays, an Equinox module, Flax parameters",
        "  batch   (inputs, targets), or inputs alone where there is no loss",
        "  loss    (predictions, targets) → one number, of one example or the mean",
        "",
        "[b]Examples[/b]",
        "  [cyan]steepest audit network.py:setup[/cyan]                     a page of text",
        "  [cyan]steepest audit network.py:setup --html audit.html[/cyan]   and a page to browse",
        "  [cyan]steepest audit network.py:setup --json -[/cyan]            JSON alone, to a pipe",
        "",
        "[b]Exit status[/b]",
        "    0  the audit was made, whatever it found",
        "    1  your file or your model raised, or the model is not finite on the batch",
        "    2  wrong use",
        "  130  interrupted",
    ]
)


def audit(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:NAME", help="A file, and a function in it.", show_default=False
        ),
    ],
    html: Annotated[
        Optional[Path],  # noqa: UP045 (typer's older releases read no `| None`)
        typer.Option(metavar="PAGE", help="Write the audit as one HTML page, too."),
    ] = None,
    json: Annotated[
        Optional[Path],  # noqa: UP045 (as above)
        typer.Option(metavar="FILE", help="Write the facts as JSON, too; - prints them alone."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, too.")
    ] = False,
) -> None:
    """Audit the network that `target` sets up; exits with the status that `HELP` documents."""
    with readable_errors(debug or DEBUG.get()):
        from steepest.errors import ArgumentError
        from steepest.user_file import load, require_no_arguments, user_code

        for name, page in (("--html", html), ("--json", json)):
            if page is not None and not page.parent.is_dir():
                raise ArgumentError(f"{name} {page}: there is no folder {page.parent}.")
            if page is not None and page.is_dir():
                raise ArgumentError(f"{name} {page}: this is a folder; give the name of a file.")
        path, setup = load(target)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        from steepest.audit import audit as examine
        from steepest.report import write_atomically

        require_no_arguments(setup, target)
        with user_code(path):
            parts = setup()
        if not isinstance(parts, (tuple, list)) or len(parts) not in (3, 4):
            raise ArgumentError(
                f"{target} returns a {type(parts).__name__}; it must return (model, params, batch) "
                "or (model, params, batch, loss)."
            )
        terminal = Console(stderr=True)
        columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(
            *columns, console=terminal, transient=True, disable=not terminal.is_terminal
        ) as progress:
            task = progress.add_task("", total=1.0)
            said = lambda words, done: progress.update(task, description=words, completed=done)
            with user_code(path):
                report = examine(*parts, progress=said)
        if html is not None:
            write_atomically(html, report.to_html())
        if json is not None and str(json) != "-":
            write_atomically(json, report.to_json())
        typer.echo(report.to_json() if str(json) == "-" else str(report), nl=str(json) != "-")
