"""Layers that start nearly balanced stay so along the gradient inclusion, for all time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.norm_preservation import norm_preservation
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem

_STATEMENT = Statement(
    name="balanced_inclusion",
    id="C6-inclusion",
    left="maxᵢⱼ ‖Wᵢ(t)‖²/‖Wⱼ(t)‖² − 1",
    right="maxᵢⱼ |‖Wᵢ(0)‖² − ‖Wⱼ(0)‖²| / minᵢ ‖Wᵢ(t)‖²",
    latex=r"If the predictions are 1-homogeneous in each layer, along $\dot W \in -\partial f(W)$ "
    r"$$\max_{ij} \frac{\|W_i(t)\|^2}{\|W_j(t)\|^2} - 1 \;\le\; \frac{\max_{ij} \bigl|\|W_i(0)\|^2 "
    r"- \|W_j(0)\|^2\bigr|}{\min_i \|W_i(t)\|^2},$$ so layers that start small, and grow, become "
    r"balanced.",
    source="Du, Hu, Lee 2018, Theorem 2.1 and Corollary 2.1",
)


@theorem(_STATEMENT)
def balanced_inclusion(
    p: Problem, time: float | int = 1.0, tolerance: float | int = 1e-8
) -> Certificate:
    r"""Along the gradient inclusion the imbalance of layers is what they start with, for all time.

    Problem: a loss of a network over its layers, one leaf each. Guarantee: the differences of the
    squared norms stay as they are (C4), so that their ratios differ from one by the first
    difference over the norms at the time; a small start has a small difference.

    Hypothesis: as for `norm_preservation`.

    Args:
        p: the problem; its x0 has two leaves or more.
        time: how long the inclusion is followed.
        tolerance: of its steps.

    Returns:
        A certificate over times.

    Raises:
        ArgumentError: fewer than two leaves, or a time or tolerance that is not positive.
        SolverError, UnsupportedPrimitiveError: see `gradient_inclusion`.

    Reference: Du, Hu, Lee 2018, Theorem 2.1 and Corollary 2.1.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda w: (w[0] @ w[1] - 1.0) ** 2
        >>> p = st.Problem(f, [jnp.array([0.1, 0.2]), jnp.array([0.1, 0.1])])
        >>> st.theorems.balanced_inclusion(p, time=3.0).holds
        True
    """
    c = norm_preservation(p, time, tolerance)
    norms = np.asarray(c.trajectory.monitors["balance"].squared_norms)
    spread, least = np.ptp(norms, axis=1), np.min(norms, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        measured, bound = spread / least, spread[0] / least
        allowance = 2 * c.allowance / least  # of halved squared norms
        ratios = norms[:, :-1] / norms[:, 1:]
    some = least > 0  # a layer of zeros has no ratios
    curves = tuple(
        Curve(c.steps, ratios[:, i], rf"$\|W_{i + 1}\|^2 / \|W_{i + 2}\|^2$")
        for i in range(ratios.shape[1])
    )
    return replace(
        c,
        statement=_STATEMENT,
        steps=c.steps[some],
        measured=measured[some],
        bound=bound[some],
        allowance=allowance[some],
        figure=(Curves(curves, xlabel="time", ylabel="ratio of squared norms"),),
    )
