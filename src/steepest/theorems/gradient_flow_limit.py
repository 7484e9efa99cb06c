"""Gradient flow is the limit of gradient descent as the step goes to zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.errors import ArgumentError
from steepest.inputs import positive
from steepest.quadratic import Quadratic
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.gradient_steps import gradient_steps
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat

_STATEMENT = Statement(
    name="gradient_flow_limit",
    id="C2",
    left="‖xₙ − x(T)‖ with nη = T",
    right="(ηT/2) max over λ of λ²exp(−λ(T−η)) ‖x₀ − x*‖",
    latex=r"With $\dot x = -\nabla f(x)$, $x(0) = x_0$, a quadratic $f$ with $A \succeq 0$ and "
    r"$\eta\lambda_{\max} \le 1$, gradient descent is at time $T = n\eta$ within "
    r"$$\|x_n - x(T)\| \;\le\; \tfrac{\eta T}{2}\, \max_\lambda \lambda^2 e^{-\lambda(T - \eta)}\, "
    r"\|x_0 - x^\star\|,$$ so the error is $O(\eta)$.",
    source="Hairer, Nørsett, Wanner 1993, Solving Ordinary Differential Equations I, Section II.3",
)


@theorem(_STATEMENT)
def gradient_flow_limit(
    p: Problem, time: float = 1.0, counts: Sequence[int] | None = None
) -> Certificate:
    r"""At a fixed time, gradient descent is within O(η) of gradient flow (on a quadratic).

    Problem: a quadratic with A ⪰ 0, whose flow has the closed form x* + e^{−AT}(x₀ − x*).
    Method: gradient descent with η = T/n, for several n. Guarantee: mode by mode, with a = e^{−λη}
    and b = 1 − λη ≥ 0, $a^n - b^n \le n a^{n-1} (a - b) \le \tfrac{ηT}{2} λ^2 e^{-λ(T-η)}$.

    Hypotheses: f is a quadratic and A ⪰ 0 (*proved* from the program where λ_min > 0, *measured*
    where it is 0 to rounding, *unknown* where no quadratic is recognised); ηλ_max ≤ 1 at the
    largest step; the measured order of the error in η (the slope of a least-squares line on log–log
    axes) lies in [0.9, 1.1] (*measured*, where the error is not all rounding).

    Args:
        p: the problem.
        time: T > 0.
        counts: numbers of steps n, increasing; by default six, doubling, from where the dominant
            mode's error is of first order.

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
    """
    positive(time, "time")
    x0 = flat(p.program.start)
    center, q, hypothesis = _center(p)
    if center is None or q is None:
        nothing = np.zeros(0)
        return Certificate(_STATEMENT, (hypothesis,), nothing, nothing, nothing, nothing)
    eigenvalues = np.where(np.abs(q.eigenvalues) <= q.rounding, 0.0, q.eigenvalues)
    vectors = q.eigenvectors
    coefficients = vectors.T @ (x0 - center)
    numbers = _counts(counts, eigenvalues, coefficients, float(time))
    etas = float(time) / numbers
    exact = center + vectors @ (np.exp(-eigenvalues * time) * coefficients)
    run = p.program.in_double(gradient_steps)
    ends = [flat(run(eta, int(n), p.program.start)) for eta, n in zip(etas, numbers, strict=True)]
    errors = np.array([np.linalg.norm(end - exact) for end in ends])
    rate = np.array([np.max(eigenvalues**2 * np.exp(-eigenvalues * (time - eta))) for eta in etas])
    distance = float(np.linalg.norm(x0 - center))
    bound = etas * time / 2 * rate * distance
    size = float(np.linalg.norm(x0) + np.linalg.norm(center))
    # Each of n steps rounds the state once; a decaying mode forgets what is older than 1/(λη).
    rounding = 8 * EPS * np.sqrt(len(x0)) * numbers * size
    largest = float(etas[0] * np.max(eigenvalues))
    hypotheses = (
        hypothesis,
        Hypothesis(
            "ηλₘₐₓ ≤ 1",
            Evidence.PROVED if largest <= 1 else Evidence.VIOLATED,
            f"{largest:.6g} at the largest step",
        ),
        *_order(etas, errors, rounding),
    )
    return Certificate(
        statement=_STATEMENT,
        hypotheses=hypotheses,
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
    )


def _center(p: Problem) -> tuple[np.ndarray | None, Quadratic | None, Hypothesis]:
    """x* and the quadratic, or None where the flow has no closed form here; and why."""
    name = "f is a quadratic with A ⪰ 0, bounded below"
    q = p.quadratic
    if q is None:
        detail = "not recognised in the program; only a quadratic's flow has a closed form here"
        return None, None, Hypothesis(name, Evidence.UNKNOWN, detail)
    center = q.minimizer()
    detail = f"read off the program: λ from {q.least:.6g} to {q.largest:.6g}"
    if center is None:
        return None, q, Hypothesis(name, Evidence.VIOLATED, f"{detail}, not bounded below")
    # An eigenvalue that is 0 to rounding has no proved sign.
    evidence = Evidence.PROVED if q.least > 0 else Evidence.MEASURED
    return center, q, Hypothesis(name, evidence, detail)


_MOST_STEPS = 10_000_000


def _counts(given: Any, eigenvalues: np.ndarray, weights: np.ndarray, time: float) -> np.ndarray:
    """Step counts; by default six, each twice the last, where the error is already of order one.

    Mode λ's error is 1 − e^{−λ²ηT/2} of its size: of first order once n ≫ (λT)²/2, for the mode
    that dominates the error.
    """
    if given is not None:
        numbers = np.asarray(given)
        whole = numbers.ndim == 1 and np.issubdtype(numbers.dtype, np.integer)
        if not (whole and len(numbers) >= 2 and numbers[0] > 0 and np.all(np.diff(numbers) > 0)):
            raise ArgumentError(f"counts is {given}; it must list two or more increasing counts.")
        return numbers
    decay = eigenvalues * time
    error = np.abs(weights) * decay**2 * np.exp(-np.clip(decay, 0, 700))
    dominant = float(decay[np.argmax(error)])
    first = max(16.0, 2 * float(np.max(decay)), 4 * dominant**2)
    if not first <= _MOST_STEPS / 2:
        raise ArgumentError(
            f"time is {time:g}: with λ_max = {np.max(eigenvalues):.3g} that asks for {first:.2g} "
            "steps and more; take a shorter time, or give counts."
        )
    doublings = min(6, 1 + int(np.log2(_MOST_STEPS / first)))
    return np.ceil(first).astype(int) * 2 ** np.arange(doublings)


def _order(etas: np.ndarray, errors: np.ndarray, rounding: np.ndarray) -> tuple[Hypothesis, ...]:
    """The measured order; nothing where the error is rounding and there is no order to measure."""
    visible = errors > 100 * rounding
    if visible.sum() < 2:
        return ()
    slope = float(np.polyfit(np.log(etas[visible]), np.log(errors[visible]), 1)[0])
    evidence = Evidence.MEASURED if 0.9 <= slope <= 1.1 else Evidence.VIOLATED
    detail = f"measured order {slope:.4f} over {int(visible.sum())} step sizes"
    return (Hypothesis("the error is of order η", evidence, detail, slope),)
