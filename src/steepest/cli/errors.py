"""Errors as one readable block; the traceback only for who asks."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from steepest.errors import ArgumentError, PlanError, SteepestError

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
"""The exit statuses other than 0: see `steepest --help`."""


DEBUG = ContextVar("DEBUG", default=False)
"""Whether `--debug` was given before the command. Not in typer's context, whose class is private
to typer and cannot be annotated truly."""


@contextmanager
def readable_errors(debug: bool) -> Iterator[None]:
    """Turn what the body raises into one block on standard error, and an exit status.

    Raises:
        typer.Exit: the status is 2 for wrong use, 130 for an interrupt, and 1 for all else.
    """
    try:
        yield
    except SteepestError as error:
        wrong_use = isinstance(error, ArgumentError | PlanError)
        _show(str(error), "wrong use" if wrong_use else "error", debug)
        raise typer.Exit(WRONG_USE if wrong_use else FAILED) from error
    except KeyboardInterrupt as error:
        _show("interrupted", "interrupted", debug)
        raise typer.Exit(INTERRUPTED) from error
    except (BrokenPipeError, typer.Exit, typer.Abort):
        raise  # typer's own business: a reader that left, and endings on purpose
    except Exception as error:
        # The last line of defence: whatever it is, the user gets a block and not a page of frames.
        name = type(error).__name__
        hint = "" if debug else "\nRun it again with --debug to see where; please report it."
        _show(f"{name}: {error}{hint}", "unexpected error", debug)
        raise typer.Exit(FAILED) from error


def _show(message: str, title: str, debug: bool) -> None:
    console = Console(stderr=True, highlight=False)
    if debug:
        console.print(Text(traceback.format_exc().rstrip()), soft_wrap=True)
    console.print(Panel(Text(message), title=title, title_align="left", border_style="red"))
