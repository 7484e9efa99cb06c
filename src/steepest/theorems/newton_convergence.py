"""Newton's method converges quadratically, and does not see a change of coordinates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from steepest.inputs import whole_number
from steepest.theorems.certificate import (
    Certificate,
    Hypothesis,
    Statement,
    all_of,
    nothing_compared,
)
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.newton_constants import Constants, constants
from steepest.theorems.newton_run import NewtonRun, NewtonRunner, settle
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="newton_convergence",
    id="D7",
    left="‖xₜ₊₁ − x*‖; ‖T yₜ − xₜ‖",
    right="M/(2μ) ‖xₜ − x*‖²; 0",
    latex=r"If $\nabla^2 f \succeq \mu$ and $\nabla^2 f$ is $M$-Lipschitz, Newton's step "
    r"$x_{t+1} = x_t - \nabla^2 f(x_t)^{-1}\nabla f(x_t)$ has "
    r"$$\|x_{t+1} - x^\star\| \;\le\; \frac{M}{2\mu}\,\|x_t - x^\star\|^2,$$ so that from "
    r"$\|x_0 - x^\star\| < 2\mu/M$ about $\log\log(1/\varepsilon)$ steps reach $\varepsilon$. On "
    r"$g(y) = f(Ty)$ from $T^{-1}x_0$ it makes the points $y_t = T^{-1}x_t$.",
    source="Nesterov 2018, Lectures on Convex Optimization, Theorem 1.2.5; affine invariance: "
    "Boyd, Vandenberghe 2004, Convex Optimization, Section 9.5.1",
)


@theorem(_STATEMENT)
def newton_convergence(p: Problem, steps: int = 10) -> Certificate:
    r"""Newton's method squares the distance to the minimiser, up to a factor M/(2μ).

    Problem: minimise f, with ∇²f ⪰ μ > 0 and M-Lipschitz. Method: Newton's, full steps. Guarantee,
    at every step: $\|x_{t+1} - x^\star\| \le \tfrac{M}{2\mu} \|x_t - x^\star\|^2$. It contracts
    only near x*, where ‖xₜ − x*‖ < 2μ/M; from there log log(1/ε) steps reach ε, and for a quadratic
    (M = 0) one step does. Second part: for an invertible T the run on g(y) = f(Ty) from T⁻¹x₀
    passes T⁻¹xₜ, to rounding, so that the condition number plays no part; gradient descent's does
    not, as a note shows. A step costs O(d³), reported in the notes, too.

    Hypotheses: ∇²f ⪰ μ and ∇²f is M-Lipschitz: *proved* for a quadratic; *given* where the problem
    states `strong_convexity` and `hessian_lipschitz` and the Hessians seen (at the points visited,
    and on the segments from them to x*) do not refute it; else *measured* from those; *violated*
    where ∇f or ∇²f jumps on such a segment. The minimiser is solved for a
    quadratic, *given* where the problem states one, else the point where the run settles.

    Args:
        p: the problem.
        steps: how many steps are run and compared.

    Returns:
        A certificate over t = 0 … steps − 1 with two `parts`.

    Raises:
        ArgumentError: more than 2,048 variables.

    Reference: Nesterov 2018, Lectures on Convex Optimization, Theorem 1.2.5.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.cosh(x) + 0.5 * x), jnp.ones(2))
        >>> st.theorems.newton_convergence(p, steps=5).holds
        True
    """
    steps = whole_number(steps, "steps")
    runner = NewtonRunner(p)
    with np.errstate(all="ignore"):  # a run may leave the finite numbers
        x0, notes = runner.start()
        run = runner(x0, steps)
        star, hypotheses = settle(p, runner, run)
        if star is None:
            return nothing_compared(_STATEMENT, hypotheses)
        known = constants(p, runner, run, star)
        hypotheses = (*hypotheses, *known.hypotheses)
        if not known.mu > 0:
            return nothing_compared(_STATEMENT, hypotheses)
        notes += () if run.settled is None else (run.settled,)
        squared = _squared(runner, run, star, known, hypotheses)
        invariant = _invariant(runner, run, known, hypotheses)
    return all_of(_STATEMENT, (replace(squared, notes=(*notes, *squared.notes)), invariant))


def _squared(
    runner: NewtonRunner,
    run: NewtonRun,
    star: Float[np.ndarray, " d"],
    known: Constants,
    hypotheses: tuple[Hypothesis, ...],
) -> Certificate:
    """The inequality at each step."""
    distances = np.linalg.norm(run.xs - star, axis=1)
    mu, M = known.mu, known.M
    d = len(star)
    # x* is known to the rounding of its gradient; a step rounds the gradient and solves a system.
    off = runner.rounding(star) / mu + EPS * float(np.linalg.norm(star))
    each = np.array([runner.rounding(x) for x in run.xs[:-1]]) / mu
    solving = 4 * d * EPS * known.condition * np.linalg.norm(np.diff(run.xs, axis=0), axis=1)
    bound = M / (2 * mu) * distances[:-1] ** 2
    allowance = 2 * off + each + solving + M / mu * off * distances[:-1]
    t = np.arange(len(bound), dtype=np.float64)
    at_floor = distances[1:] <= allowance
    shown = slice(0, int(np.argmax(at_floor)) + 1 if at_floor.any() else len(t))
    notes = (
        f"each step: {d} products with the Hessian and about {d}³/3 + 2·{d}² = "
        f"{d**3 / 3 + 2 * d**2:.3g} multiplications and additions for its Cholesky factor",
        *_order(distances, allowance, M / (2 * mu)),
    )
    return Certificate(
        statement=replace(_STATEMENT, left="‖xₜ₊₁ − x*‖", right="M/(2μ) ‖xₜ − x*‖²"),
        hypotheses=hypotheses,
        steps=t,
        measured=distances[1:],
        bound=bound,
        allowance=allowance,
        figure=(
            Curves(
                (
                    Curve(t[shown] + 1, distances[1:][shown], "Newton"),
                    Curve(t[shown] + 1, bound[shown], "M/(2μ) ‖xₜ₋₁ − x*‖²", "bound"),
                    Curve(t[shown] + 1, allowance[shown], "rounding", "reference"),
                ),
                xlabel="step",
                ylabel="distance to the minimiser",
                yscale="log",
            ),
        ),
        notes=notes,
    )


def _order(distances: np.ndarray, allowance: np.ndarray, factor: float) -> tuple[str, ...]:
    """The order seen, of the last step that is inside the basin and clear of rounding."""
    clear = np.flatnonzero(
        (distances[1:] > 1e3 * allowance) & (factor * distances[:-1] < 1) & (distances[1:] > 0)
    )
    clear = clear[clear > 0]
    if not len(clear):
        return ()
    k = int(clear[-1])
    after, at, before = distances[k + 1], distances[k], distances[k - 1]
    order = float(np.log(after / at) / np.log(at / before))
    return (f"measured order of convergence {order:.3f}, at step {k}",)


def _invariant(
    runner: NewtonRunner, run: NewtonRun, known: Constants, hypotheses: tuple[Hypothesis, ...]
) -> Certificate:
    """The run in other coordinates, carried back, against the run."""
    T = _coordinates(run.xs.shape[1])
    other = runner(np.linalg.solve(T, run.xs[0]), len(run.xs) - 1, T)
    count = min(len(other.xs), len(run.xs))
    back = other.xs[:count] @ T.T
    apart = np.linalg.norm(back - run.xs[:count], axis=1)
    name = "the run in other coordinates comes as far"
    as_far = Hypothesis(name, other.evidence, other.stopped or "")
    return Certificate(
        statement=replace(_STATEMENT, left="‖T yₜ − xₜ‖", right="0"),
        hypotheses=(*hypotheses, as_far),
        steps=np.arange(count, dtype=np.float64),
        measured=apart,
        bound=np.zeros(count),
        allowance=_carried_rounding(runner, run, known, float(np.linalg.cond(T)))[:count],
        notes=_descent_sees(runner, run.xs[0], T),
    )


def _coordinates(d: int) -> Float[np.ndarray, "d d"]:
    """An invertible matrix of condition 4, always the same one."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(2))
    return (left * np.geomspace(0.5, 2.0, d)) @ right if d > 1 else np.array([[2.0]])


def _carried_rounding(
    runner: NewtonRunner, run: NewtonRun, known: Constants, condition: float
) -> Float[np.ndarray, " points"]:
    """Rounding of both runs: that of each step, and of the steps before as Newton's map carries it.

    That map's derivative is ∇²f⁻¹ (∇³f ∇²f⁻¹∇f), at most M/μ times the step's length.
    """
    d = run.xs.shape[1]
    lengths = np.linalg.norm(np.diff(run.xs, axis=0), axis=1)
    total = np.zeros(len(run.xs))
    total[0] = 8 * d * EPS * condition * float(np.linalg.norm(run.xs[0]))
    for k, length in enumerate(lengths):
        x = run.xs[k]
        made = runner.rounding(x) / known.mu
        made += 4 * d * EPS * known.condition * length + EPS * float(np.linalg.norm(x))
        # The other run is that far off, and rounds numbers of that size, too.
        carried = known.M / known.mu * (length + total[k]) + 8 * d * EPS * known.condition
        total[k + 1] = carried * total[k] + 4 * condition**2 * made
    return total


def _descent_sees(
    runner: NewtonRunner, x0: Float[np.ndarray, " d"], T: Float[np.ndarray, "d d"]
) -> tuple[str, ...]:
    """How far gradient descent's first step in the other coordinates is from its own, in a note."""
    slope = runner.gradient(x0)
    size = float(np.linalg.norm(slope))
    if not size > 0:
        return ()
    apart = float(np.linalg.norm(T @ (T.T @ slope) - slope)) / size
    return (
        "gradient descent is not affinely invariant: its first step in the other coordinates "
        f"misses its own by {apart:.3g} times its length",
    )
