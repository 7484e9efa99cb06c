"""The commands of `steepest`, and how it begins."""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from steepest._version import __version__
from steepest.cli.audit import HELP as AUDIT_HELP, audit
from steepest.cli.errors import DEBUG
from steepest.cli.lecture import HELP, lecture
from steepest.cli.study import study

app = typer.Typer(
    name="steepest",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    # Errors are shown by `readable_errors`, in one block; typer's tracebacks would come twice.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="[b]Exit status[/b]  0 all is well · 1 a claim fails or raises, or the run broke off · "
    "2 wrong use · 130 interrupted",
)
app.command(help=HELP)(lecture)
app.command(help=AUDIT_HELP)(audit)
app.add_typer(study, name="study")


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"steepest {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def steepest(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, too.")
    ] = False,
) -> None:
    """The dynamics of training, made executable.

    Each command has a help of its own: [b]steepest lecture --help[/b]

    [b]Examples[/b]
      [cyan]steepest lecture[/cyan]                  run every claim of the lecture, write one page
      [cyan]steepest lecture --list[/cyan]           what claims there are
      [cyan]steepest audit network.py:setup[/cyan]   what can be said of a network on a batch
      [cyan]steepest study init[/cyan]               a plan: which method wins on your model
      [cyan]steepest --debug lecture D1[/cyan]       one claim, with the traceback of an error
    """
    DEBUG.set(debug)


def main() -> None:
    """Run the command line on the program's arguments, and exit."""
    for stream in (sys.stdout, sys.stderr):
        # Mathematical signs must not end a run where the terminal's encoding lacks them.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="steepest")
