"""Gradient flow is the limit of gradient descent as the step goes to zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.errors import ArgumentError
from steepest.inputs import increasing_counts, positive
from steepest.quadratic import Quadratic
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.euler_error import EulerError, integrated
from steepest.theorems.gradient_steps import gradient_steps
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat

_STATEMENT = Statement(
    name="gradient_flow_limit",
    id="C2",
    left="‖xₙ − x(T)‖ with nη = T",
    right="(ηT/2) max over λ of λ²exp(−λ(T−η)) ‖x₀ − x*‖, or (ηM/2) Σ η(1 − ηs)ᵏ",
    latex=r"With $\dot x = -\nabla f(x)$, $x(0) = x_0$, gradient descent is at time $T = n\eta$ "
    r"within $O(\eta)$ of the flow. On a quadratic $f$ with $A \succeq 0$ and "
    r"$\eta\lambda_{\max} \le 1$, "
    r"$$\|x_n - x(T)\| \;\le\; \tfrac{\eta T}{2}\, \max_\lambda \lambda^2 e^{-\lambda(T - \eta)}\, "
    r"\|x_0 - x^\star\|;$$ in general, with $s \le \lambda(\nabla^2 f) \le \beta \le 1/\eta$ and "
    r"$\|\nabla^2 f\,\nabla f\| \le M$ on the way, "
    r"$$\|x_n - x(T)\| \;\le\; \tfrac{\eta M}{2} \sum_{k<n} \eta (1 - \eta s)^k.$$",
    source="Hairer, Nørsett, Wanner 1993, Solving Ordinary Differential Equations I, Section II.3",
)


@theorem(_STATEMENT)
def gradient_flow_limit(
    p: Problem, time: float | int = 1.0, counts: Sequence[int] | None = None
) -> Certificate:
    r"""At a fixed time, gradient descent is within O(η) of gradient flow.

    Problem: f smooth along its flow. Method: gradient descent with η = T/n, for several n.
    Guarantee: on a quadratic with A ⪰ 0, whose flow x* + e^{−AT}(x₀ − x*) is known, mode by mode,
    with a = e^{−λη} and b = 1 − λη ≥ 0,
    $a^n - b^n \le n a^{n-1} (a - b) \le \tfrac{ηT}{2} λ^2 e^{-λ(T-η)}$.
    On any other f, whose flow is integrated (`gradient_flow`, at 1e-12), Euler's error: with the
    eigenvalues of ∇²f in [s, β] and ηβ ≤ 1, a step carries a distance over by 1 − ηs and adds
    η²M/2, M ≥ ‖ẍ‖ = ‖∇²f ∇f‖.

    Hypotheses: f is a quadratic and A ⪰ 0 (*proved* from the program where λ_min > 0, *measured*
    where it is 0 to rounding), or s, β and M are *measured* at points of the flow and beside it
    (*violated* where the flow meets a kink or does not last to T); ηλ_max ≤ 1 at the largest step;
    the measured order of the error in η (the slope of a least-squares line on log–log axes) is at
    least 0.9 (*measured*, where the error is not all rounding and the steps are short enough).

    Args:
        p: the problem.
        time: T > 0.
        counts: numbers of steps n, increasing; by default some, doubling, from where the error is
            of first order.

    Returns:
        A certificate over the step sizes.

    Raises:
        ArgumentError: T is not positive, or fewer than two counts.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 3.0]) * x**2), jnp.ones(2))
        >>> st.theorems.gradient_flow_limit(p).holds
        True
        >>> st.theorems.gradient_flow_limit(st.Problem(lambda x: jnp.cosh(x), 1.0)).holds
        True
    """
    positive(time, "time")
    reference = _closed_form(p, float(time)) or integrated(p, float(time))
    if isinstance(reference, Hypothesis):
        return nothing_compared(_STATEMENT, [reference])
    x0, end = flat(p.program.start), reference.end
    numbers = _counts(counts, reference, float(time))
    etas = float(time) / numbers
    run = p.program.in_double(gradient_steps)
    ends = [flat(run(eta, int(n), p.program.start)) for eta, n in zip(etas, numbers, strict=True)]
    errors = np.array([np.linalg.norm(each - end) for each in ends])
    bound = reference.bound(etas)
    size = float(np.linalg.norm(x0) + np.linalg.norm(end))
    # Each of n steps rounds the state once; a decaying mode forgets what is older than 1/(λη).
    growth = max(1.0, float(np.exp(-reference.least * time)))
    rounding = 8 * EPS * np.sqrt(len(x0)) * numbers * size * growth + reference.rounding
    largest = float(etas[0] * reference.largest)
    hypotheses = (
        reference.hypothesis(),
        Hypothesis(
            "ηλₘₐₓ ≤ 1",
            reference.hypothesis().evidence if largest <= 1 else Evidence.VIOLATED,
            f"{largest:.6g} at the largest step",
        ),
    )
    order, told = _order(etas, errors, rounding, reference)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(*hypotheses, *order),
        steps=etas,
        measured=errors,
        bound=bound,
        allowance=rounding,
        figure=(
            Curves(
                (
                    Curve(etas, errors, "‖xₙ − x(T)‖", "points"),
                    Curve(etas, bound, "bound", "bound"),
                    Curve(etas, errors[-1] * etas / etas[-1], "slope 1", "reference"),
                ),
                xlabel="step size η",
                ylabel="error at time T",
                xscale="log",
                yscale="log",
            ),
        ),
        notes=told,
    )


@dataclass(frozen=True)
class _ClosedForm:
    """The flow on a quadratic with A ⪰ 0, bounded below, about one of its minimisers."""

    q: Quadratic
    center: np.ndarray
    start: np.ndarray
    time: float
    rounding: float = 0.0

    @property
    def eigenvalues(self) -> np.ndarray:
        return np.where(np.abs(self.q.eigenvalues) <= self.q.rounding, 0.0, self.q.eigenvalues)

    @property
    def coefficients(self) -> np.ndarray:
        return self.q.eigenvectors.T @ (self.start - self.center)

    @property
    def least(self) -> float:
        return float(np.min(self.eigenvalues))

    @property
    def largest(self) -> float:
        return float(np.max(self.eigenvalues))

    @property
    def end(self) -> np.ndarray:
        decayed = np.exp(-self.eigenvalues * self.time) * self.coefficients
        return self.center + self.q.eigenvectors @ decayed

    def bound(self, etas: np.ndarray) -> np.ndarray:
        modes = self.eigenvalues
        rate = [np.max(modes**2 * np.exp(-modes * (self.time - eta))) for eta in etas]
        return etas * self.time / 2 * np.array(rate) * np.linalg.norm(self.start - self.center)

    def hypothesis(self) -> Hypothesis:
        # An eigenvalue that is 0 to rounding has no proved sign.
        evidence = Evidence.PROVED if self.q.least > 0 else Evidence.MEASURED
        detail = f"read off the program: λ from {self.q.least:.6g} to {self.q.largest:.6g}"
        return Hypothesis("f is a quadratic with A ⪰ 0, bounded below", evidence, detail)


def _closed_form(p: Problem, time: float) -> _ClosedForm | None:
    """None where the flow has no closed form here."""
    q = p.quadratic
    center = None if q is None else q.minimizer()
    if q is None or center is None:
        return None
    return _ClosedForm(q, center, flat(p.program.start), time)


_MOST_STEPS = 10_000_000


def _counts(given: Any, reference: _ClosedForm | EulerError, time: float) -> np.ndarray:
    """Step counts; by default some, each twice the last, where the error is already of order one.

    Mode λ's error is 1 − e^{−λ²ηT/2} of its size: of first order once n ≫ (λT)²/2, for the mode
    that dominates the error. Of a flow without modes, the fastest growing is taken for that.
    """
    if given is not None:
        return increasing_counts(given, "counts", least=2)
    if isinstance(reference, _ClosedForm):
        decay = reference.eigenvalues * time
        with np.errstate(over="ignore"):  # the steps are too many, then
            error = np.abs(reference.coefficients) * decay**2 * np.exp(-np.clip(decay, 0, 700))
        dominant = float(decay[np.argmax(error)])
        fastest = 2 * reference.largest * time
    else:
        dominant = max(0.0, -reference.least) * time
        fastest = 8 * max(reference.largest, -reference.least) * time
    first = max(16.0, fastest, 4 * dominant * dominant)  # infinite where a power would raise
    if not first <= _MOST_STEPS / 2:
        raise ArgumentError(
            f"time is {time:g}: with λ_max = {reference.largest:.3g} that asks for {first:.2g} "
            "steps and more; take a shorter time, or give counts."
        )
    doublings = min(6, 1 + int(np.log2(_MOST_STEPS / first)))
    return np.ceil(first).astype(int) * 2 ** np.arange(doublings)


def _order(
    etas: np.ndarray,
    errors: np.ndarray,
    rounding: np.ndarray,
    reference: _ClosedForm | EulerError,
) -> tuple[tuple[Hypothesis, ...], tuple[str, ...]]:
    """The measured order; nothing where the error is rounding and there is no order to measure.

    The inequality has O(η) in it. An order that is low speaks against it only where the steps are
    short enough for one, λ²ηT/2 ≪ 1; else it is told in a note.
    """
    visible = np.isfinite(errors) & (errors > 100 * rounding)
    if visible.sum() < 2:
        return (), ()
    slope = float(np.polyfit(np.log(etas[visible]), np.log(errors[visible]), 1)[0])
    detail = f"measured order {slope:.4f} over {int(visible.sum())} step sizes"
    steepest = max(abs(reference.least), abs(reference.largest))
    short = steepest**2 * etas[visible][0] * reference.time / 2 <= 0.2
    if slope < 0.9 and not short:
        return (), (f"{detail}, too long ones to judge it by",)
    evidence = Evidence.MEASURED if slope >= 0.9 else Evidence.VIOLATED
    return (Hypothesis("the error is O(η)", evidence, detail, slope),), ()
