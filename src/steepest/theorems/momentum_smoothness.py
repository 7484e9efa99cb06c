"""What is known of f between momentum methods and their limits: β, and that there are no kinks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from steepest.errors import NotLocallyLipschitzError, SolverError, UnsupportedPrimitiveError
from steepest.flow import refuse_kinks_of
from steepest.pieces import has_choices
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.momentum_paths import Pair, Runner
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import SIX_DIGITS
from steepest.theorems.vectors import in_words

_NAME = "∇f is β-Lipschitz between the methods and their limits"


@dataclass(frozen=True)
class Smoothness:
    """β and what it rests on.

    Attributes:
        beta: β.
        hypothesis: that it is one.
        eigenvalues: of A, where f is a quadratic.
        noise: how far the computed A may be off.
        slopes: ∇f where the method would ask for it on its limit, for each pair (by `id`).
    """

    beta: float
    hypothesis: Hypothesis
    eigenvalues: Float[np.ndarray, " d"] | None
    slopes: dict[int, Float[np.ndarray, "n d"]]
    noise: float = 0.0

    @property
    def proved(self) -> bool:
        """Whether β was read off the program."""
        return self.hypothesis.evidence is Evidence.PROVED


def first_guess(p: Problem) -> float:
    """β as far as it is known before anything is run: for scales of time."""
    if p.smoothness is not None:
        return float(p.smoothness)
    if p.quadratic is not None:
        return p.quadratic.norm or 1.0
    beta = p.curvature_at_start.norm
    return beta if np.isfinite(beta) and beta > 1e-12 else 1.0


def settled(p: Problem, runner: Runner, pairs: list[Pair]) -> Smoothness:
    """β, from the quadratic, from the user or from ∇f at the points that are compared."""
    rows = [(pair.asked_at(pair.xs), pair.asked_at(pair.limit)) for pair in pairs]
    stacked = runner.gradients(np.concatenate([row for both in rows for row in both]))
    ends = np.cumsum([len(row) for both in rows for row in both])[:-1]
    slopes = np.split(stacked, ends)
    by_pair = {id(pair): slopes[2 * i + 1] for i, pair in enumerate(pairs)}
    q = p.quadratic
    if q is not None:
        detail = f"read off the program, a quadratic: max |λ(A)| = {q.norm:.9g}"
        evidence = Evidence.PROVED
        if p.smoothness is not None and p.smoothness < q.norm * (1 - SIX_DIGITS) - q.rounding:
            evidence, detail = Evidence.VIOLATED, f"β = {p.smoothness:.6g} given; {detail}"
        hypothesis = Hypothesis(_NAME, evidence, detail, q.norm)
        return Smoothness(q.norm, hypothesis, q.eigenvalues, by_pair, q.noise)
    worst, where = _steepest(rows, slopes)
    contradiction = p.gradient_contradiction()
    if contradiction is not None:
        name = "automatic differentiation gives ∇f"
        return Smoothness(worst, Hypothesis(name, Evidence.VIOLATED, contradiction), None, by_pair)
    if p.smoothness is None:
        beta = max(worst, p.curvature_at_start.norm)
        detail = f"β = {beta:.6g}, the largest change of ∇f between them and ‖∇²f‖ at x0"
        hypothesis = Hypothesis(_NAME, Evidence.MEASURED, detail, beta)
        return Smoothness(beta, hypothesis, None, by_pair)
    beta = float(p.smoothness)
    detail = f"β = {beta:.6g} given; the runs do not refute it by more than its sixth digit"
    evidence = Evidence.GIVEN
    start = p.curvature_at_start.norm
    if worst > beta * (1 + SIX_DIGITS):
        evidence = Evidence.VIOLATED
        detail = f"β = {beta:.6g} given; ∇f changes by {worst:.6g} times the distance at {where}"
    elif not start <= beta * (1 + SIX_DIGITS):
        evidence = Evidence.UNKNOWN if np.isnan(start) else Evidence.VIOLATED
        detail = f"β = {beta:.6g} given; ‖∇²f(x0)‖ = {start:.6g}"
    return Smoothness(beta, Hypothesis(_NAME, evidence, detail, beta), None, by_pair)


def _steepest(
    rows: list[tuple[np.ndarray, np.ndarray]], slopes: list[np.ndarray]
) -> tuple[float, str]:
    """The largest ‖∇f(x) − ∇f(y)‖/‖x − y‖ between a method and its limit, and at which x."""
    worst, where = 0.0, ""
    for i, (xs, ys) in enumerate(rows):
        apart = np.linalg.norm(xs - ys, axis=1)
        changed = np.linalg.norm(slopes[2 * i] - slopes[2 * i + 1], axis=1)
        # Differences far below the points' own size are rounding and say nothing.
        visible = apart > 1e-8 * (np.linalg.norm(xs, axis=1) + np.linalg.norm(ys, axis=1))
        visible &= np.isfinite(apart) & np.isfinite(changed)
        quotients = np.where(visible, changed, 0.0) / np.where(visible, apart, 1.0)
        k = int(np.argmax(quotients))
        if quotients[k] > worst:
            worst, where = float(quotients[k]), in_words(xs[k])
    return worst, where


def refused(p: Problem, paths: dict[str, Pair]) -> tuple[Hypothesis, ...]:
    """Whether these limits meet a kink: asked of programs with choices (max, abs, where, …)."""
    if p.quadratic is not None or not has_choices(p.program.closed.jaxpr):
        return ()
    name = "the limits meet no kink of f"
    start = p.program.point.restore(p.program.start)
    for of, pair in paths.items():
        states = pair.limit[: _finite_rows(pair.limit)]
        if len(states) < 2:
            continue
        times = np.linspace(0.0, pair.time, pair.count + 1)[: len(states)]
        try:
            refuse_kinks_of(p.f, start, times, states, of)
        except (SolverError, NotLocallyLipschitzError) as error:
            return (Hypothesis(name, Evidence.VIOLATED, str(error)),)
        except UnsupportedPrimitiveError as error:
            return (Hypothesis(name, Evidence.UNKNOWN, str(error)),)
    return (
        Hypothesis(name, Evidence.MEASURED, "every choice that turns on the way was looked at"),
    )


def _finite_rows(xs: Float[np.ndarray, "points d"]) -> int:
    """How many rows come before the first that is not finite."""
    finite = np.isfinite(xs).all(axis=1)
    return len(xs) if finite.all() else int(np.argmin(finite))
