"""Newton's method step by step, in any coordinates, and the minimiser that it settles at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from steepest._raising import reraised
from steepest.curvature import a_hair_off
from steepest.descent import descend
from steepest.errors import SolverError
from steepest.inputs import as_point
from steepest.methods import newton
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import EPS, SMALLEST
from steepest.theorems.vectors import flat, in_words, length, of_flat, split

_MOST_STEPS = 100  # to settle


@dataclass(frozen=True)
class NewtonRun:
    """The points of a run.

    Attributes:
        xs: x_0, x_1, …, as far as it came.
        stopped: why it did not come further, with the point; None where it did.
        missing: whether that is a derivative that automatic differentiation does not give.
        settled: that it ended at a point where ∇f vanishes, since automatic differentiation gives
            none of f's derivatives there, in words; else None.
    """

    xs: Float[np.ndarray, "points d"]
    stopped: str | None
    missing: bool = False
    settled: str | None = None

    @property
    def evidence(self) -> Evidence:
        """That the run came as far as it was asked to."""
        if self.stopped is None:
            return Evidence.MEASURED
        return Evidence.UNKNOWN if self.missing else Evidence.VIOLATED


class NewtonRunner:
    """Runs Newton's method on p, compiled once for all steps and coordinates."""

    def __init__(self, p: Problem):
        self.p = p
        self._step = p.program.in_double(self._newton_step)

    def __call__(
        self,
        start: Float[np.ndarray, " d"],
        steps: int,
        T: Float[np.ndarray, "d d"] | None = None,
    ) -> NewtonRun:
        """So many steps on f(Ty) from `start`; T is the identity where it is left out."""
        T = np.eye(len(start)) if T is None else T
        xs = [start]
        for _ in range(steps):
            try:
                with reraised():
                    after = self._step(T, xs[-1])
            except SolverError as error:
                words = f"{error} At {in_words(T @ xs[-1])}."
                return self._ended(T @ xs[-1], NewtonRun(np.array(xs), words))
            if not np.isfinite(after).all():
                words = f"∇f or ∇²f is not finite at {in_words(T @ xs[-1])}"
                run = NewtonRun(np.array(xs), words, bool(np.isnan(after).any()))
                return self._ended(T @ xs[-1], run)
            xs.append(after)
        return NewtonRun(np.array(xs), None)

    def _ended(self, x: Float[np.ndarray, " d"], run: NewtonRun) -> NewtonRun:
        """The run, with what is to be said where JAX's derivatives at its end x are not f's."""
        own = self.p.derivatives
        given = own.jax_hessian(x)
        H, off = own.hessian(x)
        g = own.gradient(x)
        same = np.array_equal(given, H) and np.array_equal(g, own.jax_gradient(x))
        if same or not (np.isfinite(H).all() and np.isfinite(g).all()):
            return run
        words = f"automatic differentiation does not give ∇f and ∇²f at {in_words(x)}"
        steep = off <= 1e-3 * float(np.linalg.norm(H)) and np.linalg.eigvalsh(H)[0] > 0
        if steep and length(g) <= self.rounding(x):
            words += ", where ∇f vanishes to rounding: the run ends there"
            return replace(run, stopped=None, missing=False, settled=words)
        return replace(run, stopped=f"{words}; {run.stopped}", missing=True)

    def start(self) -> tuple[Float[np.ndarray, " d"], tuple[str, ...]]:
        """x0, or a point a hair off it where a tied choice spoils the Hessian there; with a note.

        At a tie (softplus at 0) derivatives taken twice through the choices may be wrong, though
        the function is smooth there.
        """
        x0 = flat(self.p.program.start)
        self.p.check_dense()
        if not self.p.derivatives.chooses:
            return x0, ()
        at, beside = (self.p.derivatives.jax_hessian(x) for x in (x0, a_hair_off(x0)))
        if np.linalg.norm(at - beside) <= 1e-3 * np.linalg.norm(beside):
            return x0, ()
        note = (
            "a choice of the program is tied at x0 and spoils ∇²f there: started 1e-7 beside it, "
            f"at {in_words(a_hair_off(x0))}"
        )
        return a_hair_off(x0), (note,)

    def gradient(self, x: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """∇f at a flat vector."""
        return self.p.gradient(split(x, self.p.program.start))

    def hessian(self, x: Float[np.ndarray, " d"]) -> Float[np.ndarray, "d d"]:
        """∇²f at a flat vector."""
        return self.p.hessian(split(x, self.p.program.start))

    def rounding(self, x: Float[np.ndarray, " d"]) -> float:
        """How far the computed ∇f may be off at x.

        A gradient is computed from terms of about ‖∇²f‖‖x‖ and itself, and from others that may
        cancel, which only its third differences show.
        """
        H = self.hessian(x)
        if not np.isfinite(H).all():
            return np.inf
        size = float(np.linalg.norm(H, 2)) * length(x) + length(self.gradient(x))
        rounding = 4 * EPS * np.sqrt(len(x)) * size + 8 * self.p.gradient_noise(x)
        return rounding + len(x) * SMALLEST

    def _newton_step(self, f: Any, T: Any, y: Any) -> Any:
        whole = of_flat(f, self.p.program.start)
        return descend(lambda y: whole(T @ y), y, newton(), 1).final


def settle(
    p: Problem, runner: NewtonRunner, run: NewtonRun
) -> tuple[Float[np.ndarray, " d"] | None, tuple[Hypothesis, ...]]:
    """x*, and what it and the run rest on; None for x* where there is none to be had."""
    hypotheses = _soundness(p, run)
    name = "x* is a minimiser, with ∇²f(x*) ≻ 0"
    q = p.quadratic
    if q is not None and q.least > 0:
        star = _polished(runner, run.xs[-1])
        hypotheses += _stated(p, star)
        hypotheses += (Hypothesis(name, Evidence.PROVED, "a quadratic, A ≻ 0"),)
        if star is None:
            detail = "∇²f is singular, but for rounding"
            hypotheses += (Hypothesis("x* can be solved for", Evidence.UNKNOWN, detail),)
        return star, hypotheses
    stated = None if p.minimizer is None else flat(as_point(p.minimizer).leaves)
    star = _polished(runner, run.xs[-1] if stated is None else stated)
    if star is None:
        # Without a positive definite Hessian there the theorem says nothing.
        evidence = Evidence.VIOLATED if stated is not None else Evidence.UNKNOWN
        detail = "Newton's run settles nowhere, and no minimizer is given"
        if stated is not None:
            one = runner(stated, 1)
            evidence, stopped = Evidence.UNKNOWN if one.missing else evidence, one.stopped
            detail = f"Newton's method does not settle from the minimizer given, {in_words(stated)}"
            detail = detail if stopped is None else f"at the minimizer given: {stopped}"
        return None, (*hypotheses, Hypothesis(name, evidence, detail))
    if stated is not None:
        return star, (*hypotheses, *_stated(p, star))
    detail = f"where the run settles, {in_words(star)}; ∇f vanishes there to rounding"
    return star, (*hypotheses, Hypothesis(name, Evidence.MEASURED, detail))


def _soundness(p: Problem, run: NewtonRun) -> tuple[Hypothesis, ...]:
    found = ()
    if run.stopped is not None:
        found = (Hypothesis("Newton's step exists", run.evidence, run.stopped),)
    contradiction = p.gradient_contradiction()
    kinks = [p.kink(split(x, p.program.start)) for x in (flat(p.program.start), run.xs[-1])]
    for name, against in (
        ("automatic differentiation gives ∇f", contradiction),
        ("f is differentiable at x0", kinks[0]),
        ("f is differentiable at the last point", kinks[1]),
    ):
        if against is not None:
            found += (Hypothesis(name, Evidence.VIOLATED, against),)
    return found


def _polished(runner: NewtonRunner, x: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"] | None:
    """Newton's method from x, by f's own derivatives, until its steps are rounding; else None."""
    for _ in range(_MOST_STEPS):
        H, g = runner.hessian(x), runner.gradient(x)
        if not (np.isfinite(H).all() and np.isfinite(g).all()):
            return None
        each = np.linalg.eigvalsh(H)
        least = float(each[0])
        if not least > EPS * len(x) * float(each[-1]):  # singular, but for rounding
            return None
        step = np.linalg.solve(H, g)
        length = float(np.linalg.norm(step))
        x = x - step
        if not np.isfinite(x).all():
            return None
        if length <= 4 * EPS * float(np.linalg.norm(x)) + 4 * runner.rounding(x) / least:
            return x
    return None


def _stated(p: Problem, star: Float[np.ndarray, " d"] | None) -> tuple[Hypothesis, ...]:
    """The minimizer that the user gave, against the one that was found."""
    if p.minimizer is None or star is None:
        return ()
    stated = flat(as_point(p.minimizer, name="minimizer").leaves)
    apart = float(np.linalg.norm(stated - star))
    # The digits of the one given are the user's: float32 or printed ones must pass.
    size = float(np.linalg.norm(star) + 1e-3 * np.linalg.norm(star - flat(p.program.start)))
    evidence = Evidence.GIVEN if apart <= 4e-7 * size else Evidence.VIOLATED
    detail = f"{apart:.3g} from where Newton's method settles"
    return (Hypothesis("the minimizer as stated", evidence, detail),)
