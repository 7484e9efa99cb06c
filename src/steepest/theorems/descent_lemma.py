"""The descent lemma."""

from __future__ import annotations

import numpy as np

from steepest.inputs import whole_number
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.smooth_run import smooth_run

_STATEMENT = Statement(
    name="descent_lemma",
    id="D1",
    left="‖∇f(xₜ)‖²/(2β)",
    right="f(xₜ) − f(xₜ₊₁)",
    latex=r"If $\|\nabla^2 f\|_2 \le \beta$ and $\eta = 1/\beta$, then for every $t$ "
    r"$$\frac{1}{2\beta}\,\|\nabla f(x_t)\|_2^2 \;\le\; f(x_t) - f(x_{t+1}).$$",
    source="Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3",
)


@theorem(_STATEMENT)
def descent_lemma(p: Problem, steps: int = 200) -> Certificate:
    r"""Gradient descent with η = 1/β lowers f at every step by at least ‖∇f‖²/(2β).

    Problem: minimise f, twice differentiable with ‖∇²f‖ ≤ β. Method: gradient descent, η = 1/β.
    Guarantee: $f(x_t) - f(x_{t+1}) \ge \|\nabla f(x_t)\|^2 / (2\beta)$; the constant is tight.

    Hypothesis: ∇f is β-Lipschitz where the run goes. It is *proved* where the program is a
    quadratic, *given* where the problem states a smoothness and neither the run nor the curvature
    at its two ends refutes it, else *measured*: ‖∇²f(x0)‖, doubled while the run refutes it;
    a kink of f that the run steps over *violates* it, however small its jump of ∇f beside its
    change over the step (down to rounding).

    Args:
        p: the problem.
        steps: how many steps are run and compared.

    Returns:
        A certificate over t = 0 … steps − 1.

    Reference: Nesterov 2018, Lectures on Convex Optimization, Section 1.2.3.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 9.0]) * x**2), jnp.ones(2))
        >>> c = st.theorems.descent_lemma(p, steps=50)
        >>> c.holds, str(c.hypotheses[0].evidence)
        (True, 'proved')
    """
    run = smooth_run(p, whole_number(steps, "steps"))
    t = np.arange(len(run.decrease), dtype=np.float64)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=run.hypotheses,
        steps=t,
        measured=run.guaranteed,
        bound=run.decrease,
        allowance=run.allowance,
        trajectory=run.trajectory,
        constants={"smoothness": run.smoothness, "learning_rate": 1 / run.smoothness},
        notes=run.notes,
        figure=(
            Curves(
                (
                    Curve(t, run.decrease, "decrease of f"),
                    Curve(t, run.guaranteed, "‖∇f‖²/(2β)", "bound"),
                ),
                xlabel="step",
                ylabel="decrease of f",
                yscale="log",
            ),
        ),
    )
