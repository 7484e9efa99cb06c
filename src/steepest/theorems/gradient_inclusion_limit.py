"""Gradient inclusion is the limit of subgradient steps as the step goes to zero."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from steepest.flow import gradient_inclusion
from steepest.inputs import increasing_counts, positive
from steepest.methods import gradient_descent
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.convexity import convexity
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.method_run import method_run
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, lengths
from steepest.trajectory import Trajectory

_STATEMENT = Statement(
    name="gradient_inclusion_limit",
    id="C3",
    left="‖xₙ − x(T)‖ with nη = T",
    right="L√(2ηT), L the largest ‖gₖ‖",
    latex=r"With $\dot x \in -\partial f(x)$, $x(0) = x_0$, $f$ convex, subgradient steps "
    r"$x_{k+1} = x_k - \eta g_k$ with $g_k \in \partial f(x_k)$ are at time $T = n\eta$ within "
    r"$$\|x_n - x(T)\| \;\le\; L\sqrt{2\eta T}, \qquad L = \max_k \|g_k\|.$$",
    source="existence and uniqueness of x: Brezis 1973, Opérateurs maximaux monotones, "
    "Theorem 3.1; the bound: Euler's method for a monotone inclusion, as derived here",
)
_TOLERANCE = 1e-9


@theorem(_STATEMENT)
def gradient_inclusion_limit(
    p: Problem, time: float | int = 1.0, counts: Sequence[int] = (25, 50, 100, 200, 400)
) -> Certificate:
    r"""At a fixed time, subgradient steps on a convex f are within O(√η) of the gradient inclusion.

    Problem: f convex, kinks and all. Method: xₖ₊₁ = xₖ − η gₖ with gₖ ∈ ∂f(xₖ), η = T/n, for
    several n. Guarantee: let x̄ join the steps by straight lines. Since ∂f is monotone, at a time
    τ after step k, $\tfrac{d}{dt} \tfrac12 \|x̄ - x\|^2 \le \|g_k + \dot x\| \, \|x̄ - x_k\| \le 2L
    \cdot L τ$, so that each step adds at most L²η² to $\tfrac12\|x̄ - x\|^2$. Along the inclusion
    the least norm of ∂f only falls, so that L bounds its velocity, too.

    Hypotheses: f is convex (*given*, by the problem's `strong_convexity`, or *proved* where the
    program is a quadratic with A ≻ 0; *violated* where a subgradient inequality fails between the
    points that were visited, or what is given by a negative curvature near the first or the last of
    them; otherwise *unknown*).

    Args:
        p: the problem.
        time: T > 0.
        counts: numbers of steps n, increasing.

    Returns:
        A certificate over the step sizes; its trajectory is the inclusion, with its events.

    Raises:
        ArgumentError: T is not positive, or counts that do not increase.
        SolverError, UnsupportedPrimitiveError: see `gradient_inclusion`.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> f = lambda x: jnp.sum(jnp.abs(x))
        >>> p = st.Problem(f, jnp.array([1.0, -0.3]), strong_convexity=0.0)
        >>> st.theorems.gradient_inclusion_limit(p).holds
        True
    """
    positive(time, "time")
    numbers = increasing_counts(counts, "counts")
    start = p.program.point.restore(p.program.start)
    run = gradient_inclusion(
        p.f,
        start,
        float(time),
        _TOLERANCE,
        _TOLERANCE,
        saveat=np.linspace(0.0, float(time), 65),
    )
    end = flat(jax.tree.leaves(run.final))
    etas, errors, slopes = float(time) / numbers, [], []
    points, values, gradients = [], [], []
    for eta, count in zip(etas, numbers, strict=True):
        steps = method_run(p, gradient_descent(float(eta)), int(count))
        xs, fs, gs = steps.points, steps.values, steps.gradients
        # A run that left float64 before its time says nothing about where it would have ended.
        errors.append(lengths(xs[-1:] - end)[0] if len(xs) > count else np.nan)
        slopes.append(np.max(lengths(gs), initial=0.0))
        keep = np.unique(np.linspace(0, len(xs), 20, endpoint=False).astype(int))[: len(xs)]
        points.append(xs[keep])
        values.append(fs[keep])
        gradients.append(gs[keep])
    errors, slopes = np.array(errors), np.array(slopes)
    bound = slopes * np.sqrt(2 * etas * time)
    size = 1 + float(np.max(np.abs(end), initial=0.0)) + float(np.max(slopes)) * time
    joined = [np.concatenate(part) for part in (points, values, gradients)]
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(convexity(p, *joined),),
        steps=etas,
        measured=errors,
        bound=bound,
        allowance=10 * _TOLERANCE * size + EPS * numbers * size,
        trajectory=run,
        figure=(_distances(etas, errors, bound), _paths(run)),
        notes=tuple(str(event) for event in run.events[:8]),
    )


def _distances(etas: np.ndarray, errors: np.ndarray, bound: np.ndarray) -> Curves:
    return Curves(
        (
            Curve(etas, errors, "‖xₙ − x(T)‖", "points"),
            Curve(etas, bound, "bound", "bound"),
        ),
        xlabel="step size η",
        ylabel="distance at time T",
        xscale="log",
        yscale="log",
    )


def _paths(run: Trajectory) -> Curves:
    """The first few entries of the state in time, and where something happened."""
    xs = np.concatenate(
        [np.reshape(leaf, (len(run.ts), -1)) for leaf in jax.tree.leaves(run.xs)], axis=1
    )[:, :4]
    curves = [Curve(run.ts, xs[:, i], f"x{'₁₂₃₄'[i]}") for i in range(xs.shape[1])]
    for kind in dict.fromkeys(event.kind for event in run.events):
        at = np.array([event.time for event in run.events if event.kind == kind])
        curves.append(Curve(at, np.interp(at, run.ts, xs[:, 0]), kind, "points"))
    return Curves(tuple(curves), xlabel="time", ylabel="state")
