"""The differential equations that momentum methods follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement, all_of
from steepest.theorems.fan import carried
from steepest.theorems.momentum_figures import errors_against_steps, paths
from steepest.theorems.momentum_paths import Pair, Runner, moves
from steepest.theorems.momentum_plan import Limit, Plan, limits_of, plan_of
from steepest.theorems.momentum_smoothness import Smoothness, refused, settled
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="momentum_limits",
    id="D6",
    left="max over k ≤ n of ‖xₖ − X(tₖ)‖",
    right="max over k of Σⱼ gₖⱼ‖τⱼ‖, which is O(h), of high order O(h²)",
    latex=r"With $h = \sqrt\eta$, $t_k = kh$ and momentum $1 - \gamma h$ heavy ball and Nesterov's "
    r"method, from rest, follow $\ddot X + \gamma\dot X + \nabla f(X) = 0$; with momentum "
    r"$\frac{k-1}{k+2}$ Nesterov's follows $\ddot X + \frac3t \dot X + \nabla f(X) = 0$; with a "
    r"fixed momentum $m$ and $t_k = k\eta/(1-m)$ both follow gradient flow: "
    r"$$\max_k \|x_k - X(t_k)\| \;\le\; \max_k \sum_j g_{kj}\|\tau_j\| \;=\; O(h),$$ where "
    r"$\tau_j$ is the limit's defect in the method's recursion and $g_{kj}$ how far the method "
    r"carries an error. Against the equations of high order it is $O(h^2)$.",
    source="Polyak 1964; Su, Boyd, Candès 2014, Theorem 1; Shi, Du, Jordan, Su 2018, Section 2; "
    "the bound: Hairer, Nørsett, Wanner 1993, Solving Ordinary Differential Equations I, "
    "Sections II.3 and III.4",
)
_LOOSE = 0.15  # by how much a measured order may be below the claimed one
_FITTED = 3  # an order is one of small steps
_MOST_MODES = 64


@theorem(_STATEMENT)
def momentum_limits(
    p: Problem,
    time: float | int | None = None,
    damping: float | int | None = None,
    momentum: float | int = 0.5,
    counts: Sequence[int] | np.ndarray | None = None,
) -> Certificate:
    r"""Heavy ball and Nesterov's method follow second-order differential equations.

    Problem: minimise f, smooth. Methods, from rest, with n steps in a time T, h = T/n, η = h²:

    - momentum 1 − γh, both, against ẍ + γẋ + ∇f = 0: error O(h);
    - the same against their equations of high order (see `steepest.momentum_flow`): O(h²);
    - Nesterov's with momentum (k − 1)/(k + 2) against ẍ + (3/t)ẋ + ∇f = 0: O(h);
    - a fixed momentum m, both, against gradient flow at the time kη/(1 − m), up to
      (1 − m)T/√β: O(η).

    Guarantee: the error at step n is at most $\sum_j g_{nj}\|\tau_j\|$ (module `fan`): $\tau_j$ is
    what the limit leaves over in the method's recursion, computed; $g_{nj}$ comes from the
    eigenvalues where f is a quadratic, else from β alone, which is loose by a factor that grows as
    exp(√β T). That the errors are O(h) or O(h²) is *measured*: the slope of a least-squares line on
    log–log axes over the three smallest step sizes is above 0.85 or 1.85.

    Hypotheses: ∇f is β-Lipschitz between the methods and their limits (*proved* for a quadratic,
    *given* and not refuted, or *measured* between them); ηβ ≤ 1; no kink on the way, where the
    program has choices; the orders (where the error is not all rounding).

    Args:
        p: the problem.
        time: T > 0; by default 3/√β.
        damping: γ ≥ 0; by default √β.
        momentum: the fixed momentum m in [0, 1).
        counts: numbers of steps n, increasing, each a divisor of the last; by default five,
            doubling.

    Returns:
        A certificate over step sizes (h; η for the fixed momentum) with seven `parts`.

    Raises:
        ArgumentError: T ≤ 0, γ < 0 or so large that 1 − γh < 0, m outside [0, 1), fewer than two
            counts; more than 2,048 variables.

    Reference: Su, Boyd, Candès 2014, Theorem 1; Shi, Du, Jordan, Su 2018, Section 2.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 3.0]) * x**2), jnp.ones(2))
        >>> st.theorems.momentum_limits(p).holds
        True
    """
    plan = plan_of(p, time, damping, momentum, counts)
    limits = limits_of(plan)
    refinement = max(1, int(np.ceil(100 * plan.root * plan.time / plan.counts[-1])))
    runner = Runner(p, int(plan.counts[-1]), refinement)
    with np.errstate(all="ignore"):  # a run may leave the finite numbers: that is compared, too
        pairs = runner.states([pair for limit in limits for pair in limit.pairs])
        smoothness = settled(p, runner, pairs)
        shared = (
            smoothness.hypothesis,
            _small_steps(pairs, smoothness),
            *refused(p, _followed(plan, pairs)),
        )
        number = len(plan.counts)
        parts = [
            _part(replace(limit, pairs=pairs[i * number : (i + 1) * number]), smoothness, shared)
            for i, limit in enumerate(limits)
        ]
    figure = (*paths(p, plan, pairs), *errors_against_steps(limits, parts))
    return all_of(_STATEMENT, parts, figure=figure)


def _followed(plan: Plan, pairs: list[Pair]) -> dict[str, Pair]:
    """One pair for each kind of limit, with the most steps; those of high order lie beside them."""
    last = [pair for pair in pairs if pair.count == plan.counts[-1]]
    low, vanishing, first_order = last[0], last[4], last[-1]
    return {
        "the flow ẍ + γẋ + ∇f = 0": low,
        "the flow ẍ + (3/t)ẋ + ∇f = 0": vanishing,
        "the gradient flow": first_order,
    }


def _small_steps(pairs: list[Pair], smoothness: Smoothness) -> Hypothesis:
    largest = max(pair.step for pair in pairs) * smoothness.beta
    good = largest <= 1
    evidence = Evidence.PROVED if smoothness.proved else Evidence.MEASURED
    detail = f"{largest:.6g} at the largest step"
    return Hypothesis("ηβ ≤ 1", evidence if good else Evidence.VIOLATED, detail)


def _part(limit: Limit, smoothness: Smoothness, shared: tuple[Hypothesis, ...]) -> Certificate:
    sides = np.array([_sides(pair, smoothness) for pair in limit.pairs])
    errors, bound, allowance = sides.T
    sizes = limit.sizes
    fine = max(pair.step for pair in limit.pairs) * smoothness.beta <= 0.1
    if "fixed" in limit.label:  # the start is forgotten over 1/(1 − m) steps
        fine &= min(pair.count * (1 - pair.momenta[-1]) for pair in limit.pairs) >= 10
    return Certificate(
        statement=replace(
            _STATEMENT, left=f"{_STATEMENT.left} ({limit.label})", right="max over k of Σⱼ gₖⱼ‖τⱼ‖"
        ),
        hypotheses=(*shared, *_order(limit, errors, allowance, bool(fine))),
        steps=sizes,
        measured=errors,
        bound=bound,
        allowance=allowance,
    )


def _sides(pair: Pair, smoothness: Smoothness) -> tuple[float, float, float]:
    """The largest error, its bound and the rounding allowed to it."""
    X = pair.limit
    slopes = smoothness.slopes[id(pair)]
    step = pair.momenta[:, None] * moves(X) - pair.step * slopes
    defects = np.linalg.norm(np.diff(X, axis=0) - step, axis=1)
    sizes = np.linalg.norm(X[:-1], axis=1) + np.linalg.norm(pair.xs[:-1], axis=1)
    rounding = 16 * EPS * np.sqrt(X.shape[1]) * (sizes + pair.step * np.linalg.norm(slopes, axis=1))
    rounding += pair.step * smoothness.noise * sizes
    modes = smoothness.eigenvalues
    known = modes is not None and len(modes) <= _MOST_MODES
    curvatures = modes if known and modes is not None else np.array([-smoothness.beta])
    both = carried(
        pair.momenta, pair.step, curvatures, pair.lookahead, np.stack([defects, rounding])
    )
    error = np.max(np.linalg.norm(pair.xs - X, axis=1))
    return float(error), float(np.max(both[0])), float(np.max(both[1]))


def _order(
    limit: Limit, errors: np.ndarray, rounding: np.ndarray, fine: bool
) -> tuple[Hypothesis, ...]:
    """The measured order; nothing where the error is rounding and there is no order to measure."""
    visible = np.flatnonzero(np.isfinite(errors) & (errors > 100 * rounding))[-_FITTED:]
    if len(visible) < 2:
        return ()
    slope = float(np.polyfit(np.log(limit.sizes[visible]), np.log(errors[visible]), 1)[0])
    against = Evidence.VIOLATED if fine else Evidence.UNKNOWN
    evidence = Evidence.MEASURED if slope >= limit.order - _LOOSE else against
    size = "η" if "fixed" in limit.label else "h"
    name = f"{limit.label}: the error is O({size}{'²' if limit.order == 2 else ''})"
    detail = f"measured order {slope:.4f} over the {len(visible)} smallest step sizes"
    return (Hypothesis(name, evidence, detail, slope),)
