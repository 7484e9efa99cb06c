"""Layers that start nearly balanced stay so: small initialisation."""

from __future__ import annotations

import numpy as np

from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.layer_run import run_layers
from steepest.theorems.layers import homogeneity_of_layers
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="small_initialization",
    id="C6",
    left="maxᵢⱼ ‖Wᵢ‖²/‖Wⱼ‖² − 1 at t",
    right="(maxᵢⱼ |‖Wᵢ(0)‖² − ‖Wⱼ(0)‖²| + 2η(f(x₀) − f(xₜ))) / minᵢ ‖Wᵢ(t)‖²",
    latex=r"If the predictions are 1-homogeneous in each layer and the steps up to $t$ lower $f$ "
    r"by at least $\frac{\eta}{2}\sum_{s<t}\|\nabla f(x_s)\|^2$, then for all layers "
    r"$$\Bigl|\|W_i(t)\|^2 - \|W_j(t)\|^2\Bigr| \;\le\; \Bigl|\|W_i(0)\|^2 - \|W_j(0)\|^2\Bigr| "
    r"+ 2\eta\,\bigl(f(x_0) - f(x_t)\bigr),$$ so layers that start small, and grow, become "
    r"balanced.",
    source="Du, Hu, Lee 2018, Corollary 2.1, discretised; the drift summed by the descent lemma",
)


@theorem(_STATEMENT)
def small_initialization(
    p: Problem, steps: int = 200, learning_rate: float | int = 0.1
) -> Certificate:
    r"""The imbalance of layers never exceeds what they start with by more than 2η(f(x₀) − f(xₜ)).

    Problem: a loss of a network over its layers. Method: gradient descent. Guarantee: a step
    changes ‖Wᵢ‖² − ‖Wⱼ‖² by η²(‖gᵢ‖² − ‖gⱼ‖²), at most η²‖∇f‖², and the sum of those is at
    most 2η(f(x₀) − f(xₜ)). A small start has a small imbalance; once the layers have grown it is
    negligible beside them.

    Hypotheses: predictions are 1-homogeneous in each layer (*proved* where f knows its model and
    the rules of `homogeneity` reach, else *measured*); the steps up to each t lower f by at least
    Σ (η/2)‖∇f‖², *measured* (the descent lemma's conclusion for η ≤ 1/β, summed: single steps may
    fall short, as those across a kink of a ReLU network do).

    Args:
        p: the problem; its x0 has two leaves or more.
        steps: how many steps are run and compared.
        learning_rate: η.

    Returns:
        A certificate over t = 1 … steps.

    Raises:
        ArgumentError: x0 has one leaf only, or η is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda w: (w[0] @ w[1] - 1.0) ** 2
        >>> p = st.Problem(f, [jnp.array([0.01, 0.02]), jnp.array([0.02, 0.02])])
        >>> st.theorems.small_initialization(p, steps=100).holds
        True
    """
    ran = run_layers(p, steps, learning_rate)
    n, values, eta = ran.weights, ran.trajectory.values, float(learning_rate)
    finite = np.isfinite(values) & np.isfinite(n).all(axis=1)
    last = int(np.argmin(finite)) if not finite.all() else len(finite)
    n, values, t = n[:last], values[:last], np.arange(last, dtype=np.float64)
    spread, least = n.max(axis=1) - n.min(axis=1), n.min(axis=1)
    drift = 2 * eta * (values[0] - values)
    descends = _descends(values, ran.gradients[:last].sum(axis=1), eta)
    # One rounding of each weight a step, as in the identity this is summed from.
    rounding = 8 * EPS * np.sqrt(p.program.point.dimension) * (t + 1) * n.max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        measured, bound = spread / least, (spread[0] + drift) / least
        allowance = (rounding + 16 * EPS * eta * (abs(values[0]) + np.abs(values))) / least
        ratios = n[:, :-1] / n[:, 1:]
    curves = tuple(
        Curve(t, ratios[:, i], rf"$\|W_{i + 1}\|^2 / \|W_{i + 2}\|^2$")
        for i in range(n.shape[1] - 1)
    )
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(homogeneity_of_layers(p, [p.x0, ran.end]), descends),
        steps=t[1:],  # at t = 0 the two sides are the same number
        measured=measured[1:],
        bound=bound[1:],
        allowance=allowance[1:],
        trajectory=ran.trajectory,
        figure=(Curves(curves, "iteration", "ratio of squared norms", yscale="log"),),
    )


def _descends(values: np.ndarray, squared_gradient: np.ndarray, eta: float) -> Hypothesis:
    name = "the steps up to t lower f by at least Σ (η/2)‖∇f‖²"
    short = eta / 2 * np.cumsum(squared_gradient[:-1]) - (values[0] - values[1:])
    allowed = 64 * EPS * np.arange(1, len(values)) * (abs(values[0]) + np.abs(values[1:]))
    bad = short > allowed
    if bad.any():
        t = int(np.argmax(bad)) + 1
        detail = f"up to step {t} by {short[t - 1]:.3g} less: η is too large"
        return Hypothesis(name, Evidence.VIOLATED, detail)
    return Hypothesis(name, Evidence.MEASURED, f"at each t up to {len(short)}")
