"""Gradient descent with η = 1/β on a smooth problem, watched at every step.

The descent lemma and what is summed up from it share this run, and the question of β: read off the
program where it is a quadratic, given by the user, or measured — estimated at x0 and doubled while
the run refutes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from steepest.descent import descend
from steepest.flow import straight
from steepest.methods import gradient_descent
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.gradient_steps import gradient_states, gradient_steps
from steepest.theorems.kinks_on_the_way import KinksOnTheWay
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import (
    EPS,
    SIX_DIGITS,
    drawn_rounding,
    noise,
    third_difference,
    underflow,
)
from steepest.theorems.vectors import flat, in_words, norm, split
from steepest.trajectory import Trajectory

_MOST_DOUBLINGS = 100
_FLAT = 1e-20  # a curvature below it is none: it may be rounding, and can be doubled to any size
_AT_ONCE = 2**22  # numbers of a run that are kept at a time
_LIPSCHITZ = "∇f is β-Lipschitz where the run goes"


@dataclass(frozen=True)
class SmoothRun:
    """A run with η = 1/β; arrays over its steps t = 0 … n (n cut where f left float range).

    Attributes:
        smoothness: β.
        hypotheses: about β, with the evidence.
        values: f(x_t).
        gradient_norms: ‖∇f(xₜ)‖.
        allowance: rounding in f(xₜ) − f(xₜ₊₁), one number fewer.
        trajectory: the run.
        notes: where it was cut.
    """

    smoothness: float
    hypotheses: tuple[Hypothesis, ...]
    values: Float[np.ndarray, " points"]
    gradient_norms: Float[np.ndarray, " points"]
    allowance: Float[np.ndarray, " steps"]
    trajectory: Trajectory
    notes: tuple[str, ...] = ()

    @property
    def guaranteed(self) -> Float[np.ndarray, " steps"]:
        """‖∇f(xₜ)‖²/(2β), by which the descent lemma says that f falls at step t."""
        return (self.gradient_norms[:-1] / np.sqrt(2 * self.smoothness)) ** 2

    @property
    def decrease(self) -> Float[np.ndarray, " steps"]:
        """f(xₜ) − f(xₜ₊₁)."""
        return self.values[:-1] - self.values[1:]


def smooth_run(p: Problem, steps: int) -> SmoothRun:
    """Run gradient descent with η = 1/β and settle what is known of β."""
    run = _Runner(p, steps)
    contradiction = p.gradient_contradiction()
    if contradiction is not None:
        name = "automatic differentiation gives ∇f"
        beta = float(p.smoothness) if p.smoothness is not None else 1.0
        violated = Hypothesis(name, Evidence.VIOLATED, contradiction)
        return replace(run(beta), hypotheses=(violated,))
    if p.quadratic is not None:
        return _proved(p, run)
    watched = _measured(p, run) if p.smoothness is None else _given(run, float(p.smoothness))
    wrong = run.wrong_gradient(watched)
    if wrong is not None:
        return replace(watched, hypotheses=(wrong,))
    if watched.hypotheses[0].evidence is Evidence.VIOLATED:
        return watched
    found = [
        Hypothesis(f"f is differentiable at {where}", Evidence.VIOLATED, kink)
        for where, x in (("x0", p.program.start), ("the last point", run.last_point(watched)))
        if (kink := p.kink(x)) is not None
    ] or [*run.kinks(watched)]
    missing = run.without_curvature(watched)
    if not found and missing:
        found = [Hypothesis("∇²f is known", Evidence.UNKNOWN, f"it is not finite {missing}")]
    return replace(watched, hypotheses=(*watched.hypotheses, *found))


def _proved(p: Problem, run: _Runner) -> SmoothRun:
    quadratic = p.quadratic
    assert quadratic is not None
    true = quadratic.norm
    read = f"read off the program, a quadratic: max |λ(A)| = {true:.9g}"
    if p.smoothness is None:
        # An affine f is β-smooth for every β > 0; one has to be taken.
        beta = true if true > 0 else 1.0
        read += "" if true > 0 else ": affine, and β = 1 is taken"
        hypothesis = Hypothesis(_LIPSCHITZ, Evidence.PROVED, read, beta)
    else:
        beta = float(p.smoothness)
        enough = beta >= true * (1 - SIX_DIGITS) - quadratic.rounding
        evidence = Evidence.PROVED if enough else Evidence.VIOLATED
        given = f"β = {beta:.9g} given"
        if enough and beta < true:  # a constant given in float32, or as printed
            given, beta = f"{given}, for which the β = {true:.9g} that it rounds is taken", true
        hypothesis = Hypothesis(_LIPSCHITZ, evidence, f"{given}; {read}", beta)
    watched = run(beta)
    return replace(watched, hypotheses=(hypothesis,))


def _given(run: _Runner, beta: float) -> SmoothRun:
    watched, given = run(beta), f"β = {beta:.6g} given"
    against = run.refutation(watched)
    if against is not None:
        # It may be the true one as it is printed, or as a float32 rounds it.
        nearly = beta * (1 + SIX_DIGITS)
        again = run(nearly)
        if run.refutation(again) is None:
            given = f"{given}, for which {nearly:.9g} is taken"
            watched, beta, against = again, nearly, None
        else:
            watched = run(beta)
    told = against or "the run does not refute it by more than its sixth digit"
    evidence = Evidence.VIOLATED if against else Evidence.GIVEN
    hypothesis = Hypothesis(_LIPSCHITZ, evidence, f"{given}; {told}", beta)
    return replace(watched, hypotheses=(hypothesis,))


def _measured(p: Problem, run: _Runner) -> SmoothRun:
    beta = p.curvature_at_start.norm
    if not np.isfinite(beta):
        hypothesis = Hypothesis(_LIPSCHITZ, Evidence.UNKNOWN, "∇²f(x0) is not finite")
        return replace(run(1.0), hypotheses=(hypothesis,))
    guess = "‖∇²f(x0)‖"
    if beta <= _FLAT:
        # Flat to second order at x0: any scale serves as a first guess, the run doubles it.
        guess = "one (f is flat to second order at x0)"
        beta = 1.0
    watched, doublings = run(beta), 0
    against = run.refutation(watched)
    while against is not None and doublings < _MOST_DOUBLINGS:
        # No β would do where ∇f jumps, though shorter steps may miss it.
        kink = run.kink_in_a_steep_step(watched)
        if kink is not None:
            detail = f"{kink}; {against}"
            hypothesis = Hypothesis(_LIPSCHITZ, Evidence.VIOLATED, detail, beta)
            return replace(watched, hypotheses=(hypothesis,))
        beta, doublings = 2 * beta, doublings + 1
        watched = run(beta)
        against = run.refutation(watched)
    if against is None:
        detail = (
            f"{guess}, {f'doubled {doublings} times' if doublings else 'not doubled'}; "
            f"every step and ‖∇²f‖ at the last point are within β = {beta:.6g}"
        )
        hypothesis = Hypothesis(_LIPSCHITZ, Evidence.MEASURED, detail, beta)
    else:
        detail = f"β was doubled {doublings} times to {beta:.3g} and still: {against}"
        hypothesis = Hypothesis(_LIPSCHITZ, Evidence.VIOLATED, detail, beta)
    return replace(watched, hypotheses=(hypothesis,))


class _Runner:
    """Compiles the watched run once; β is its argument."""

    def __init__(self, p: Problem, steps: int):
        self.p = p
        self.steps = steps
        self.run = p.program.in_double(self._descend)
        self.at_step = p.program.in_double(gradient_steps)
        self._kinks = KinksOnTheWay(p)
        self._rows = max(1, min(steps, _AT_ONCE // max(p.program.point.dimension, 1)))
        self._some = p.program.in_double(
            lambda f, eta, leaves: gradient_states(f, eta, self._rows, leaves)
        )

    def _descend(self, f: Callable[..., Any], eta: Any, leaves: list[Any]) -> Trajectory:
        return descend(
            f,
            leaves,
            gradient_descent(eta),
            self.steps,
            monitors={"watched": lambda x: _watch(f, x, eta)},
            saveat=np.arange(self.steps + 1),
            states=False,
        )

    def __call__(self, beta: float) -> SmoothRun:
        trajectory = self.run(1 / beta, self.p.program.start)
        watched = trajectory.monitors.pop("watched")
        diverged = int(trajectory.divergence.step)
        end = self.steps if diverged < 0 else max(diverged - 1, 0)
        note = ()
        if diverged >= 0:
            last = flat(self.at_step(1 / beta, end, self.p.program.start))
            ended = self.p.gradient_missing_at(last)
            ended = ended or f"f or x left the range of float64 at step {diverged}"
            note = (f"{ended}; compared up to there",)
        f, g = trajectory.values[: end + 1], watched["gradient_norm"][: end + 1]
        sigma = noise(watched["third_difference"][: end + 1], watched["drawn"][: end + 1])
        sizes = watched["norm"][: end + 1]
        allowance = (
            sigma[:-1]
            + sigma[1:]
            + 2 * EPS * (np.abs(f[:-1]) + np.abs(f[1:]))
            + EPS**2 * abs(f[0])  # where f has fallen by 32 digits there is nothing to compare
            + 4 * EPS * g[:-1] * sizes[:-1]
            + 4 * EPS * (g[:-1] / np.sqrt(beta)) ** 2
        )
        if underflow(f):  # nothing can be told of steps by f that are no rest
            allowance = np.where(g[:-1] > 0, np.nan, allowance)
            note += ("f is below the range of float64",)
        self.last = {name: rows[: end + 1] for name, rows in watched.items()}
        monitors = {"gradient_norm": watched["gradient_norm"]}
        trajectory = replace(
            trajectory,
            monitors=monitors,
            final=self.p.program.point.restore(trajectory.final),
        )
        return SmoothRun(beta, (), f, g, allowance, trajectory, note)

    def refutation(self, run: SmoothRun) -> str | None:
        """Where the run last made contradicts β, in words; None where it does not."""
        beta, watched = run.smoothness, self.last
        if not len(run.decrease):
            return run.notes[0] if run.notes else None
        steep = self._steep(run)
        if steep.any():
            t = int(np.argmax(steep))
            quotient = watched["gradient_change"][t] / watched["moved"][t]
            return (
                f"step {t} changes ∇f by {quotient:.6g} times its length, at {self._point(run, t)}"
            )
        rises = run.guaranteed > run.decrease + run.allowance
        if rises.any():
            t = int(np.argmax(rises))
            return (
                f"step {t} lowers f by {run.decrease[t]:.6g}, less than "
                f"‖∇f‖²/(2β) = {run.guaranteed[t]:.6g}, at {self._point(run, t)}"
            )
        for where, curvature in self._curvatures(run):
            if curvature > beta * (1 + SIX_DIGITS):
                return f"‖∇²f‖ = {curvature:.6g} {where}"
        return None

    def wrong_gradient(self, run: SmoothRun) -> Hypothesis | None:
        """Where a step contradicts β, and JAX's gradient there is not f's; else None."""
        against = self._steep(run) | (run.guaranteed > run.decrease + run.allowance)
        for t in np.flatnonzero(against)[:1]:
            for k in (int(t), int(t) + 1):
                x = flat(self.at_step(1 / run.smoothness, k, self.p.program.start))
                wrong = self.p.wrong_gradient_at(x)
                if wrong is not None:
                    name = "automatic differentiation gives ∇f"
                    return Hypothesis(name, Evidence.VIOLATED, f"at step {k} it gives {wrong}")
        return None

    def without_curvature(self, run: SmoothRun) -> str:
        """At which of its ends ∇²f is NaN, which says nothing of β; in words."""
        return " and ".join(where for where, norm in self._curvatures(run) if np.isnan(norm))

    def _curvatures(self, run: SmoothRun) -> list[tuple[str, float]]:
        last = self.p.curvature(self.last_point(run)).norm if len(run.decrease) else 0.0
        return [("at x0", self.p.curvature_at_start.norm), ("at the last point", last)]

    def _steep(self, run: SmoothRun) -> np.ndarray:
        """At which steps ∇f changes by more than β times their length."""
        moved, changed = self.last["moved"][:-1], self.last["gradient_change"][:-1]
        # Differences far below the run's own size are rounding and refute nothing.
        visible = moved >= 1e-6 * np.max(self.last["norm"])
        return visible & (changed > run.smoothness * moved * (1 + SIX_DIGITS))

    def kinks(self, run: SmoothRun) -> tuple[Hypothesis, ...]:
        """That the run passes none and stays where f is defined, where it does not, or where that
        cannot be told."""
        found = self._kinks.hypotheses(self._ways(run))
        if found or len(run.decrease) == self.steps:
            return found
        after = flat(self.at_step(1 / run.smoothness, len(run.values), self.p.program.start))
        return self._kinks.ends(after[None]) if np.isfinite(after).all() else ()

    def kink_in_a_steep_step(self, run: SmoothRun) -> str | None:
        """A kink, in words, that is passed by the first step in which ∇f changes too much."""
        steep = self._steep(run)
        if not steep.any():
            return None
        t = int(np.argmax(steep))
        ends = [flat(self.at_step(1 / run.smoothness, k, self.p.program.start)) for k in (t, t + 1)]
        found = self._kinks.hypotheses([straight(np.array(ends))], joined=False)
        return next((h.detail for h in found if h.evidence is Evidence.VIOLATED), None)

    def _ways(self, run: SmoothRun) -> Iterator[np.ndarray]:
        """The run's steps as ways, run again, some at a time and one of the last with them."""
        left, last = len(run.decrease), self.p.program.start
        kept = flat(last)[None]
        while left > 0:
            rows = self._some(1 / run.smoothness, last)[:left]
            yield straight(np.concatenate([kept, rows]))
            kept, last, left = rows[-2:], split(rows[-1], last), left - len(rows)

    def last_point(self, run: SmoothRun) -> list[np.ndarray]:
        return self.at_step(1 / run.smoothness, len(run.decrease), self.p.program.start)

    def _point(self, run: SmoothRun, t: int) -> str:
        return in_words(flat(self.at_step(1 / run.smoothness, t, self.p.program.start)))


def _watch(f: Callable[..., Any], x: list[Any], eta: Any) -> dict[str, Any]:
    """What the theorems ask about the step from x: sizes, the change of ∇f, the noise of f."""
    gradient = jax.grad(f)(x)
    step = [eta * g for g in gradient]
    after = jax.grad(f)([a - s for a, s in zip(x, step, strict=True)])
    return {
        "gradient_norm": norm(gradient),
        "norm": norm(x),
        "moved": norm(step),
        "gradient_change": norm([b - a for a, b in zip(gradient, after, strict=True)]),
        "third_difference": third_difference(f, x),
        "drawn": drawn_rounding(f, x),
    }
