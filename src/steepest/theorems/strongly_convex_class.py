"""What is known of a problem as a smooth, strongly convex one, for a run of Nesterov's method.

Proved where the program is a quadratic. Else β and μ are the user's, or measured: curvature at x0,
and then β is raised and μ lowered while the run contradicts them. What a run is held against is
exactly what the convergence proof uses of the two constants at each of its steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.inputs import as_point
from steepest.theorems.accelerated_run import (
    AcceleratedRun,
    Accelerator,
    Comparator,
    Contradiction,
)
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.kinks_on_the_way import KinksOnTheWay
from steepest.theorems.problem import Problem, exceeds
from steepest.theorems.quadratic_model import (
    center,
    definite,
    quadratic_model,
    right_derivative,
    stated_constants,
    tuning,
)
from steepest.theorems.rounding import SIX_DIGITS
from steepest.theorems.stated_minimizer import stated_minimizer
from steepest.theorems.stationary import find_stationary
from steepest.theorems.vectors import flat, in_words, split

_SMOOTH = "∇f is β-Lipschitz where the run goes"
_CONVEX = "f is μ-strongly convex where the run goes"
_MOST_ROUNDS = 120
_STEEPER = 16.0
_FLAT = 1e-13  # μ/β below this is none that double precision can tell from zero


@dataclass(frozen=True)
class StronglyConvexRun:
    """A run of Nesterov's method, and what is known of f.

    Attributes:
        smoothness, strong_convexity: β and μ, that the method is tuned for.
        minimum: the stationary point that stands for x*, and f there.
        run: the run.
        hypotheses: each with its evidence.
    """

    smoothness: float
    strong_convexity: float
    minimum: Comparator
    run: AcceleratedRun
    hypotheses: tuple[Hypothesis, ...]

    @property
    def refuted(self) -> bool:
        """Whether anything that was assumed is violated."""
        return any(h.evidence is Evidence.VIOLATED for h in self.hypotheses)


def strongly_convex_run(p: Problem, steps: int) -> StronglyConvexRun:
    """Settle β, μ and x*, and run Nesterov's method with them."""
    accelerator = Accelerator(p, steps)
    contradicted = right_derivative(p)
    if contradicted:
        L, mu = p.smoothness or 1.0, p.strong_convexity or (p.smoothness or 1.0) / 100
        minimum = _nothing(p)
        run = accelerator(float(L), float(mu), minimum)
        return StronglyConvexRun(float(L), float(mu), minimum, run, tuple(contradicted))
    if p.quadratic is not None:
        return _quadratic(p, accelerator)
    L, mu = p.smoothness, p.strong_convexity or None
    found = _Search(p, accelerator, L, mu).settle()
    if not found.refuted or L is mu is None:
        return found
    # What is given may be the true one as it is printed, or as a float32 rounds it.
    L = None if L is None else float(L) * (1 + SIX_DIGITS)
    mu = None if mu is None else float(mu) * (1 - SIX_DIGITS)
    nearly = _Search(p, accelerator, L, mu).settle()
    return found if nearly.refuted else nearly


def _quadratic(p: Problem, accelerator: Accelerator) -> StronglyConvexRun:
    model = quadratic_model(p)
    L, mu = tuning(p, model)
    at = center(p, model)
    minimum = Comparator(at.x, p.value_at(at.x), at.gradient_noise)
    hypotheses = [
        model.hypothesis,
        *stated_constants(p, model),
        definite(model),
        *at.hypotheses,
        *_stated_minimum(p, minimum),
    ]
    return StronglyConvexRun(L, mu, minimum, accelerator(L, mu, minimum), tuple(hypotheses))


class _Search:
    """β and μ as they are given, or by raising and lowering them while the run contradicts them."""

    def __init__(self, p: Problem, accelerator: Accelerator, given_L: Any, given_mu: Any):
        self.p, self.given_L, self.given_mu = p, given_L, given_mu
        self.accelerator = accelerator
        self.x = flat(p.program.start)
        if p.minimizer is not None:
            self.x = flat(as_point(p.minimizer, name="minimizer").leaves)

    def settle(self) -> StronglyConvexRun:
        p = self.p
        here = p.curvature_at_start
        given_L, given_mu = self.given_L, self.given_mu
        finite = np.isfinite(here.norm)
        L = float(given_L or (here.norm if finite and here.norm > 0 else 1.0))
        mu = float(given_mu or here.least)
        if given_mu is None and not mu > _FLAT * L:
            return self._flat(L, here.least if finite else np.nan)
        if mu > L:
            L, mu = (max(L, mu), mu) if given_L is None else (L, L)
        minimum, rounds = _nothing(p), 0
        while True:
            rounds += 1
            run = self.accelerator(L, mu, minimum)
            steeper = run.against_smoothness(L) or _leaves(run, L)
            if given_L is None and steeper is not None and rounds < _MOST_ROUNDS:
                # By no more: where the run was thrown far away what it says of L is far off, too.
                L = min(max(steeper[1], 2 * L), _STEEPER * L)
                continue  # x* is not worth solving for yet
            minimum = find_stationary(p, self.accelerator, L, max(mu, _FLAT * L), self.x)
            run = self.accelerator(L, mu, minimum)
            too_flat, too_steep = self._contradictions(run, minimum, L, mu)
            if rounds == _MOST_ROUNDS:
                break
            if given_L is None and too_steep is not None:
                L = max(too_steep[1], 2 * L)
            elif given_mu is None and too_flat is not None and too_flat[1] > _FLAT * L:
                mu = min(too_flat[1], mu / 2)
            else:
                break
            if minimum.exists:
                self.x = minimum.x
        hypotheses = [
            _about(_SMOOTH, "β", L, given_L is not None, too_steep),
            _about(_CONVEX, "μ", mu, given_mu is not None, too_flat),
            *_about_minimum(p, minimum, run, mu),
            *_stated_minimum(p, minimum),
            *self._kinks(minimum),
        ]
        if not any(h.evidence is Evidence.VIOLATED for h in hypotheses):
            ways = self.accelerator.ways(L, mu, run.steps)
            hypotheses += KinksOnTheWay(p).hypotheses(ways)
        return StronglyConvexRun(L, mu, minimum, run, tuple(hypotheses))

    def _flat(self, L: float, least: float) -> StronglyConvexRun:
        """No curvature at x0 at all."""
        p, mu = self.p, L / 100
        detail = f"λ_min(∇²f) = {least:.3g} {_where(p)}"
        minimum = _nothing(p)
        hypotheses = (Hypothesis(_CONVEX, Evidence.VIOLATED, detail, 0.0),)
        return StronglyConvexRun(L, mu, minimum, self.accelerator(L, mu, minimum), hypotheses)

    def _contradictions(
        self, run: AcceleratedRun, minimum: Comparator, L: float, mu: float
    ) -> tuple[Contradiction | None, Contradiction | None]:
        """What speaks against μ and against β: in words, and a constant to try instead."""
        p, too_steep = self.p, run.against_smoothness(L)
        too_flat = run.against_strong_convexity(mu)
        too_steep = too_steep or _leaves(run, L)
        if mu <= _FLAT * L:
            too_flat = f"no more than rounding beside β = {L:.3g}; {_where(p)}", 0.0
        if not minimum.exists or not (run.complete or run.missing):
            return too_flat, too_steep
        for where, curvature in self._curvatures(run, minimum):
            if too_steep is None and curvature.norm > L * (1 + SIX_DIGITS):
                too_steep = f"‖∇²f‖ = {curvature.norm:.6g} {where}", curvature.norm
            rounding = 1e-10 * curvature.norm
            lower = curvature.least < mu * (1 - SIX_DIGITS) - rounding
            if lower and (too_flat is None or curvature.least < too_flat[1]):
                too_flat = f"λ_min(∇²f) = {curvature.least:.6g} {where}", curvature.least
        return too_flat, too_steep

    def _curvatures(self, run: AcceleratedRun, minimum: Comparator) -> list[tuple[str, Any]]:
        p, like = self.p, self.p.program.start
        seen = [(_where(p), p.curvature_at_start)]
        for t in dict.fromkeys((run.steps // 4, run.steps)):
            x = run.point(t)
            seen.append((f"at step {t}, {in_words(x)}", p.curvature(split(x, like))))
        seen.append(
            (f"at the minimiser, {in_words(minimum.x)}", p.curvature(split(minimum.x, like)))
        )
        return [(where, found) for where, found in seen if np.isfinite(found.norm)]

    def _kinks(self, minimum: Comparator) -> list[Hypothesis]:
        if not minimum.exists:
            return []
        kink = self.p.kink(split(minimum.x, self.p.program.start))
        if kink is None:
            return []
        return [Hypothesis("f is differentiable at the minimiser", Evidence.VIOLATED, kink)]


def _about(
    name: str, letter: str, value: float, given: bool, against: Contradiction | None
) -> Hypothesis:
    origin = f"{letter} = {value:.6g} given" if given else f"{letter} = {value:.6g} along this run"
    if against is not None:
        return Hypothesis(name, Evidence.VIOLATED, f"{origin}; {against[0]}", value)
    if given:
        return Hypothesis(
            name,
            Evidence.GIVEN,
            f"{origin}; nothing seen refutes it by more than its sixth digit",
            value,
        )
    detail = f"{origin}: curvature, and what the proof asks of every step"
    return Hypothesis(name, Evidence.MEASURED, detail, value)


def _about_minimum(
    p: Problem, minimum: Comparator, run: AcceleratedRun, mu: float
) -> list[Hypothesis]:
    """That x* is what was solved for; and of one that the user gave."""
    name = "x* is the minimiser"
    above = minimum.gradient_norm**2 / (2 * mu)
    fall = p.value_at_start - minimum.value
    detail = f"‖∇f‖ = {minimum.gradient_norm:.3g} there, so f(x*) − min f ≤ {above:.3g}"
    small = minimum.exists and above <= 1e-9 * max(fall, 0.0) + float(run.value_rounding[-1])
    found = Hypothesis(name, Evidence.MEASURED if small else Evidence.UNKNOWN, detail)
    return [found, *stated_minimizer(p, minimum.x, 2 * minimum.gradient_norm / mu)]


def _where(p: Problem) -> str:
    return f"at x0, {in_words(flat(p.program.start))}"


def _leaves(run: AcceleratedRun, L: float) -> Contradiction | None:
    ended = run.complete or run.missing is not None
    return None if ended else ("the run leaves the range of float64", 2 * L)


def _nothing(p: Problem) -> Comparator:
    """The start, where there is no minimiser to compare with."""
    return Comparator(flat(p.program.start), p.value_at_start, 0.0)


def _stated_minimum(p: Problem, minimum: Comparator) -> list[Hypothesis]:
    """A minimum given must not lie above f(x*); a lower bound of f may lie below."""
    if p.minimum is None or not minimum.exists:
        return []
    off = p.noise(split(minimum.x, p.program.start))
    high = exceeds(float(p.minimum), minimum.value, off)
    evidence = Evidence.VIOLATED if high else Evidence.GIVEN
    detail = f"{p.minimum:.6g} given; f(x*) = {minimum.value:.6g}"
    return [Hypothesis("f is bounded below by the minimum", evidence, detail)]
