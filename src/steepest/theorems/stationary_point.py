"""Gradient descent finds approximate stationary points of smooth functions."""

from __future__ import annotations

import numpy as np

from steepest.inputs import whole_number
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem, exceeds
from steepest.theorems.registry import theorem
from steepest.theorems.smooth_run import SmoothRun, smooth_run

_STATEMENT = Statement(
    name="stationary_point",
    id="D2",
    left="min over t<T of ‖∇f(xₜ)‖",
    right="√(2β(f(x₀) − min f)/T)",
    latex=r"If $\|\nabla^2 f\|_2 \le \beta$ and $\eta = 1/\beta$, then for every $T \ge 1$ "
    r"$$\min_{t<T} \|\nabla f(x_t)\|_2 \;\le\; \sqrt{\frac{2\beta\,(f(x_0) - \min f)}{T}},$$ "
    r"so $T = 2\beta\,(f(x_0) - \min f)/\varepsilon^2$ steps reach $\|\nabla f\| \le \varepsilon$.",
    source="Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3",
)


@theorem(_STATEMENT)
def stationary_point(p: Problem, steps: int = 200) -> Certificate:
    r"""Some gradient among the first T is of norm √(2β(f(x₀) − min f)/T) at most.

    Problem: minimise f with ‖∇²f‖ ≤ β. Method: gradient descent, η = 1/β.
    Guarantee: $\min_{t<T}\|\nabla f(x_t)\| \le \sqrt{2\beta(f(x_0) - \min f)/T}$ for every T, with
    the T gradients at $x_0 \dots x_{T-1}$.

    Hypotheses: as for the descent lemma, and a minimum: *proved* where the program is a quadratic
    bounded below, *given* by the problem and not undercut by the run, else f(x_T) takes its place,
    which makes the statement stronger (the sum of the decreases telescopes to f(x₀) − f(x_T)).

    Args:
        p: the problem; `minimum` may be any lower bound of f.
        steps: the largest T.

    Returns:
        A certificate over T = 1 … steps.

    Reference: Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.cos(x)), jnp.ones(2), smoothness=1.0, minimum=-2.0)
        >>> st.theorems.stationary_point(p, steps=50).holds
        True
    """
    run = smooth_run(p, whole_number(steps, "steps"))
    count = len(run.decrease)
    T = np.arange(1, count + 1, dtype=np.float64)
    floor, hypothesis = _floor(p, run)
    gap = np.maximum(run.values[0] - floor, 0.0)
    root = np.sqrt(2 * run.smoothness)  # by itself: β times the gap may leave the range of float64
    bound = root * np.sqrt(gap / T)
    # The allowances of the T inequalities that are summed, carried through the root.
    loosened = root * np.sqrt((gap + np.cumsum(run.allowance)) / T)
    least = np.minimum.accumulate(run.gradient_norms[:count])
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(*run.hypotheses, hypothesis),
        steps=T,
        measured=least,
        bound=bound,
        allowance=loosened - bound,
        trajectory=run.trajectory,
        constants={"smoothness": run.smoothness, "learning_rate": 1 / run.smoothness},
        notes=run.notes,
        figure=(
            Curves(
                (
                    Curve(T, least, "least gradient norm so far"),
                    Curve(T, bound, "√(2β(f(x₀) − min f)/T)", "bound"),
                ),
                xlabel="T",
                ylabel="‖∇f‖",
                xscale="log",
                yscale="log",
            ),
        ),
    )


def _floor(p: Problem, run: SmoothRun) -> tuple[np.ndarray | float, Hypothesis]:
    """What stands for min f at each T, and why."""
    name = "f is bounded below by the minimum"
    t = int(np.argmin(run.values))
    lowest = float(run.values[t])
    off = float(np.max(np.nan_to_num(run.allowance), initial=0.0))
    q = p.quadratic
    x = q.minimizer() if q is not None and q.least > 0 else None
    least = None if x is None else p.value_at(x)
    if p.minimum is not None:
        value = float(p.minimum)
        if exceeds(value, lowest, off):
            detail = f"{value:.6g} given, but f(x_{t}) = {lowest:.6g}"
            return value, Hypothesis(name, Evidence.VIOLATED, detail, value)
        if q is not None and q.least < 0:
            detail = f"{value:.6g} given, but f is a quadratic with λ_min = {q.least:.6g}"
            return value, Hypothesis(name, Evidence.VIOLATED, detail, value)
        if least is not None and exceeds(value, least, off):
            detail = f"{value:.6g} given, but f is a quadratic with minimum {least:.6g}"
            return value, Hypothesis(name, Evidence.VIOLATED, detail, value)
        return min(value, lowest), Hypothesis(name, Evidence.GIVEN, f"{value:.6g} given", value)
    # A minimum that the run undercuts by more than rounding was not the minimum.
    if least is not None and not exceeds(least, lowest, off):
        detail = f"read off the program, a quadratic: min f = {least:.6g}"
        return min(least, lowest), Hypothesis(name, Evidence.PROVED, detail, least)
    detail = "none given: f(x_T) in its place, which is stronger"
    return run.values[1:], Hypothesis("T gradients telescope to f(x_T)", Evidence.MEASURED, detail)
