"""Whether a computed path met a kink: it is the cubic through its states and velocities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import PyTree

from steepest.clarke import clarke
from steepest.errors import (
    NotLocallyLipschitzError,
    SolverError,
    TooManyPiecesError,
    UnprovedError,
    UnsupportedPrimitiveError,
)
from steepest.flow._jumps import Derivatives
from steepest.flow._passed_kinks import KinksPassed, TooManyTurns
from steepest.pieces import Program, trace


def refuse_kinks_of(
    f: Callable[..., Any], x0: PyTree, ts: np.ndarray, xs: np.ndarray, name: str
) -> None:
    """As `refuse_kinks`, for any path of flat states at two times or more; `name` is for messages.

    Velocities are differences of the states, so that these should lie close.

    Raises:
        NotLocallyLipschitzError, SolverError: as there.
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
    """
    program = trace(f, x0, name="x0")
    nearest = 1e-8 * (1 + float(np.max(np.abs(xs[0]), initial=0.0)))
    refuse_kinks(program, ts, xs, np.gradient(xs, ts, axis=0), nearest, name)


def refuse_kinks(
    program: Program,
    ts: np.ndarray,
    xs: np.ndarray,
    vs: np.ndarray,
    nearest: float,
    name: str = "the momentum flow",
) -> None:
    """Raise for the first kink, or zero of a norm, on the path through (ts, xs) with velocities vs.

    Raises:
        NotLocallyLipschitzError: f jumps there.
        SolverError: it names the line and the time; or more choices turned than are looked at.
    """
    try:
        watch = KinksPassed(Derivatives(program, lipschitz=False), nearest)
        found = watch.first(_cubics(ts, xs, vs))
    except TooManyTurns:
        raise SolverError(
            f"{name} turns too many choices of f to look at each for a kink."
        ) from None
    if found is None:
        return
    time = ts[found.way] + found.share * (ts[found.way + 1] - ts[found.way])
    if np.isinf(found.jump.change):
        raise SolverError(f"f is not finite beyond t = {time:.6g}: {found.what}.")
    if found.jump.order == 0:
        raise NotLocallyLipschitzError(
            f"f jumps by {found.jump.change:.6g} at t = {time:.6g}: {found.what}."
        )
    raise SolverError(
        f"{name} meets a kink at t = {time:.6g}: {found.what}. "
        "It is followed where f is smooth along the way."
    )


def refuse_kink_at_start(f: Callable[..., Any], x0: PyTree) -> None:
    """Raise where a momentum flow starts at a kink of f: it moves on before one is looked for.

    Raises:
        SolverError: it does, with the lines.
    """
    try:
        differential = clarke(f)(x0)
    except (UnsupportedPrimitiveError, TooManyPiecesError, UnprovedError, NotLocallyLipschitzError):
        return  # not known, and what was found on the way is told
    if differential.is_singleton is False:
        lines = ", ".join(differential.lines[:4])
        raise SolverError(
            f"the momentum flow starts at a kink, at t = 0: {lines}. "
            "It is followed where f is smooth along the way."
        )


def _cubics(ts: np.ndarray, xs: np.ndarray, vs: np.ndarray) -> np.ndarray:
    """The cubics between successive states, in the share of the time between them."""
    steps = np.diff(ts)[:, None]
    a, b, v, w = xs[:-1], xs[1:], vs[:-1] * steps, vs[1:] * steps
    return np.stack([a, v, 3 * (b - a) - 2 * v - w, 2 * (a - b) + v + w], axis=1)
