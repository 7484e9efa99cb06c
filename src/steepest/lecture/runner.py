"""Running claims: in order, each timed, drawn and written, whatever becomes of the others."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from steepest import figures
from steepest.errors import ArgumentError
from steepest.lecture.claim import Claim, Setting
from steepest.lecture.outcome import Outcome, to_json
from steepest.lecture.page import lecture_page
from steepest.lecture.run import Run
from steepest.report import prepare_folder, render_page, write_atomically
from steepest.theorems.certificate import Certificate


def run_claims(
    claims: Sequence[Claim],
    setting: Setting,
    folder: Path,
    *,
    on_start: Callable[[Claim, int], object] = lambda claim, position: None,
    on_end: Callable[[Outcome], object] = lambda outcome: None,
) -> Run:
    """Run the claims in order, writing their figures, `claims.json` and `index.html` in `folder`.

    The two files are written again after each claim, so that even a killed run leaves what had
    ended. They speak of this run only. A claim that raises is recorded with its traceback and the
    others go on; Ctrl-C ends the run, with the files written for what has ended.

    Arguments:
        claims: what to run, in this order.
        setting: size, seed and data.
        folder: made if it is not there; figures go to its subfolder `figures`.
        on_start: called with each claim, and its position from 1, before it runs.
        on_end: called with each outcome, once its files are written.

    Returns:
        The run, its state "ended" or "interrupted".

    Raises:
        ArgumentError: the folder is a file or cannot be written, or two claims share an id;
            nothing has run.
        MissingExtraError: what pages and figures need is not installed; nothing has run.
    """
    twice = [id for id, times in Counter(claim.id for claim in claims).items() if times > 1]
    if twice:
        raise ArgumentError(f"claims must have ids of their own; twice there: {', '.join(twice)}")
    prepare_folder(folder)
    prepare_folder(folder / "figures")
    began = time.perf_counter()
    run = Run(tuple(claims), setting, folder, started=time.time())
    render_page(lecture_page(run))  # a missing extra is found out before anything runs
    try:
        for position, claim in enumerate(claims, 1):
            on_start(claim, position)
            outcome = _run_one(claim, setting, folder / "figures")
            seconds = time.perf_counter() - began
            run = replace(run, outcomes=(*run.outcomes, outcome), seconds=seconds)
            _write(run)
            on_end(outcome)
        run = replace(run, state="ended")
    except KeyboardInterrupt:
        run = replace(run, state="interrupted")
    run = replace(run, seconds=time.perf_counter() - began)
    _write(run)
    return run


def _write(run: Run) -> None:
    # Rendered before either is written: they change together, as far as two files can.
    page, records = render_page(lecture_page(run)), to_json(run.outcomes)
    write_atomically(run.folder / "claims.json", records)
    write_atomically(run.page, page)


def _run_one(claim: Claim, setting: Setting, folder: Path) -> Outcome:
    """Run and draw one claim. Whatever it raises, but an interrupt, is recorded."""
    outcome = Outcome(claim, setting.seed, seconds=0.0)
    began = time.perf_counter()
    try:
        certificate = claim.run(setting)
        outcome = replace(outcome, seconds=time.perf_counter() - began)
        if not isinstance(certificate, Certificate):
            raise TypeError(
                f"the claim {claim.id} returned a {type(certificate).__qualname__}, "
                "where a Certificate is due"
            )
        outcome = replace(outcome, certificate=certificate)
        outcome = _draw(outcome, certificate, folder)
    except Exception as error:
        # Any exception at all: a claim is other people's code, and must not end the others.
        seconds = outcome.seconds or time.perf_counter() - began
        outcome = replace(
            outcome, seconds=seconds, error=_in_a_line(error), traceback=traceback.format_exc()
        )
    if outcome.svg is None:  # a figure of an earlier run would pass for this one's
        for suffix in figures.FORMATS:
            (folder / f"{claim.id}.{suffix}").unlink(missing_ok=True)
    return outcome


def _in_a_line(error: Exception) -> str:
    message = str(error).strip().splitlines()
    return ": ".join([type(error).__name__, *message[:1]])


def _draw(outcome: Outcome, certificate: Certificate, folder: Path) -> Outcome:
    figure = np.ravel(np.asarray(figures.plot(certificate), dtype=object))[0].figure
    rendered = figures.render_figure(figure)
    for suffix, content in rendered.items():
        write_atomically(folder / f"{outcome.claim.id}.{suffix}", content)
    return replace(outcome, svg=rendered["svg"], alt=figures.describe(certificate))
