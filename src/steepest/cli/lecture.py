"""`steepest lecture`: run the lecture's claims."""

# What is heavy (JAX, Matplotlib) is imported inside: `--help` must answer at once.

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from steepest.cli.errors import DEBUG, readable_errors

# Typer keeps line breaks after the first paragraph: one line of text is one string here.
HELP = """Run the lecture's claims: measure, compare with the bound, draw, and write one page.

""" + "\n".join(
    [
        "Claims run in the order of the slides and are printed as they end. One that raises is "
        "recorded, and the others go on. The same seed on the same machine gives the same numbers.",
        "",
        "[b]Examples[/b]",
        "  [cyan]steepest lecture[/cyan]                    every claim, into out/lecture",
        "  [cyan]steepest lecture --list[/cyan]             what there is",
        "  [cyan]steepest lecture D1 X --seed 7[/cyan]      D1 and the errata, from another seed",
        "  [cyan]steepest lecture C1 --size paper[/cyan]    one claim, at the paper's size",
        "",
        "[b]Files in DIR[/b]",
        "  index.html       one page with everything, which needs no network",
        "  claims.json      the verdicts and numbers, strict JSON",
        "  figures/ID.svg   and .pdf and .png",
        "The page and claims.json speak of this run's claims only; figures of other claims stay "
        "as they are. To keep an earlier run, give another --out.",
        "",
        "[b]Exit status[/b]",
        "    0  all claims hold",
        "    1  some claim fails or raises",
        "    2  wrong use",
        "  130  interrupted: Ctrl-C leaves the page of what had ended",
    ]
)


class SizeName(StrEnum):
    """How large the claims are run."""

    quick = "quick"
    paper = "paper"


def lecture(
    ids: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer's older releases read no `| None` in lists)
        typer.Argument(
            metavar="ID",
            help="Which claims: an id (D1), or a prefix of ids (D). All claims if none is given.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        SizeName, typer.Option(help="quick: minutes for everything; paper: as in the papers.")
    ] = SizeName.quick,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Where every random draw begins.")
    ] = 0,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the page, claims.json and figures go.")
    ] = Path("out/lecture"),
    data: Annotated[
        Optional[Path],  # noqa: UP045 (as above)
        typer.Option(
            metavar="CIFAR10_DIR",
            exists=True,
            file_okay=False,
            help="A folder with CIFAR-10, for the claims that can use it.",
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Print the claims' ids and titles, and run nothing.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error, too.")
    ] = False,
) -> None:
    """Run the claims that `ids` name; exits with the status that `HELP` documents."""
    debug = debug or DEBUG.get()
    with readable_errors(debug):
        from steepest.lecture import CLAIMS
        from steepest.lecture.selection import select

        claims = select(CLAIMS, ids or [])
        if list_:
            from steepest.cli.screen import print_list

            print_list(claims)
            return

        from steepest.cli.screen import Screen
        from steepest.lecture.claim import Setting
        from steepest.lecture.runner import run_claims

        setting = Setting("paper" if size is SizeName.paper else "quick", seed, data)
        with Screen(len(claims), setting, out, debug=debug) as screen:
            run = run_claims(claims, setting, out, on_start=screen.started, on_end=screen.ended)
        screen.summary(run)
        status = run.exit_status
    raise typer.Exit(status)
