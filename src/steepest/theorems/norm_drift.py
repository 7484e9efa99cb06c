"""The drift of the layers' squared norms: O(η) under gradient descent, none along the inclusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.inputs import increasing_counts, positive
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.layer_run import run_layers
from steepest.theorems.norm_preservation import norm_preservation
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="norm_drift",
    id="C1-drift",
    left="largest change of ‖Wᵢ‖² − ‖Wⱼ‖² up to time T",
    right="η Σ η ‖∇f(xₖ)‖², and 0 along the inclusion",
    latex=r"If the predictions are 1-homogeneous in each layer, gradient descent up to time $T = "
    r"n\eta$ changes no $\|W_i\|_F^2 - \|W_j\|_F^2$ by more than "
    r"$\eta \sum_{k<n} \eta\,\|\nabla f(x_k)\|^2 = O(\eta)$; gradient inclusion changes none.",
    source="Du, Hu, Lee 2018, Theorem 2.1 and Corollary 2.1, expanded for steps and summed",
)


@theorem(_STATEMENT)
def norm_drift(
    p: Problem,
    time: float | int = 2.0,
    counts: Sequence[int] = (50, 100, 200, 400, 800),
    tolerance: float | int = 1e-8,
) -> Certificate:
    r"""‖Wᵢ‖² − ‖Wⱼ‖² drifts by O(η) under gradient descent, by nothing along the inclusion.

    Problem: a loss of a network over its layers, one leaf each. Method: gradient descent with
    η = T/n, for several n, and gradient inclusion, the limit η = 0. Guarantee: a step changes
    ‖Wᵢ‖² − ‖Wⱼ‖² by η²(‖gᵢ‖² − ‖gⱼ‖²), η²‖∇f‖² at most; up to time T that adds up to
    $\eta \sum_k \eta \|\nabla f(x_k)\|^2$, η times what tends to f(x₀) − f(x(T)).

    Hypothesis: predictions are 1-homogeneous in each layer (*proved* from the program for a
    `mean_loss`, else *measured*). How the drift falls with η is told in a note: it is of order η
    where the gradients of two layers differ in norm all the way.

    Args:
        p: the problem; its x0 has two leaves or more.
        time: T > 0.
        counts: numbers of steps n, increasing.
        tolerance: of the inclusion's steps.

    Returns:
        A certificate over the step sizes, the inclusion among them as η = 0; its trajectory is the
        inclusion.

    Raises:
        ArgumentError: fewer than two leaves, T or the tolerance is not positive, or counts that do
            not increase.
        SolverError, UnsupportedPrimitiveError: see `gradient_inclusion`.

    Reference: Du, Hu, Lee 2018, Theorem 2.1 and Corollary 2.1.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda w: (w[0] @ w[1] - 1.0) ** 2
        >>> p = st.Problem(f, [jnp.array([1.0, 2.0]), jnp.array([0.5, 0.1])])
        >>> st.theorems.norm_drift(p, time=1.0).holds
        True
    """
    positive(time, "time")
    numbers = increasing_counts(counts, "counts")
    limit = norm_preservation(p, time, tolerance)
    etas = float(time) / numbers
    drifts, bounds, rounding = np.transpose(
        [_run(p, float(eta), int(n)) for eta, n in zip(etas, numbers, strict=True)]
    )
    # The certificate of the limit halves the squared norms.
    drift, allowed = 2 * float(np.max(limit.measured)), 2 * float(np.max(limit.allowance))
    return Certificate(
        statement=_STATEMENT,
        hypotheses=limit.hypotheses,
        steps=np.append(etas, 0.0),
        measured=np.append(drifts, drift),
        bound=np.append(bounds, 0.0),
        allowance=np.append(rounding, allowed),
        trajectory=limit.trajectory,
        notes=(_order(etas, drifts, rounding), *limit.notes),
        figure=(
            Curves(
                (
                    Curve(etas, drifts, "gradient descent", "points"),
                    Curve(etas, bounds, "η Σ η‖∇f‖²", "bound"),
                    Curve(
                        np.array([etas[-1], etas[0]]),
                        np.full(2, max(drift, EPS)),
                        f"gradient inclusion, at {tolerance:g}",
                    ),
                    Curve(etas, drifts[-1] * etas / etas[-1], "slope 1", "reference"),
                ),
                xlabel="step size η",
                ylabel=r"largest change of $\|W_i\|^2 - \|W_j\|^2$",
                xscale="log",
                yscale="log",
            ),
        ),
    )


def _run(p: Problem, eta: float, count: int) -> tuple[float, float, float]:
    """(the largest drift of a run, its bound, the rounding in it)."""
    ran = run_layers(p, count, eta)
    n, g = ran.weights, ran.gradients[:-1]
    if not (np.all(np.isfinite(n)) and np.all(np.isfinite(g))):  # diverged: it says nothing
        return np.inf, np.inf, 0.0
    moved = n - n[0]
    bound = eta**2 * float(np.sum(g))
    # As in the identity of a step: each stored weight is rounded once a step.
    rounding = 8 * EPS * np.sqrt(p.program.point.dimension) * (count + 1) * float(np.max(n))
    return float(np.max(np.ptp(moved, axis=1))), bound, rounding


def _order(etas: np.ndarray, drifts: np.ndarray, rounding: np.ndarray) -> str:
    seen = np.isfinite(drifts) & (drifts > 100 * rounding)
    if seen.sum() < 2:
        return "the drift is of rounding's size"
    slope = float(np.polyfit(np.log(etas[seen]), np.log(drifts[seen]), 1)[0])
    return f"gradient descent's drift falls with η to the power {slope:.3f}"
