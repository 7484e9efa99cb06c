"""A smooth, strongly convex function on which optimally tuned heavy ball does not converge."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.descent import descend
from steepest.errors import ArgumentError
from steepest.inputs import finite_number, whole_number
from steepest.methods import gradient_descent, heavy_ball, nesterov
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    nothing_compared,
)
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.trajectory import Trajectory

_STATEMENT = Statement(
    name="heavy_ball_cycle",
    id="D4-cycle",
    left="|xₙ − (the cycle's point)|",
    right="(2/3)ᵏ (|e| + k|b|), k steps after the run is trapped",
    latex=r"There is a 1-strongly convex, 25-smooth $f$ and a start from which heavy ball with the "
    r"pair that is optimal for quadratics, $\eta = 1/9$ and $m = 4/9$, does not converge: with "
    r"$f(x) = \frac{25}{2}x^2$ for $x < 1$, $\frac12 x^2 + 24x - 12$ for $1 \le x < 2$ and "
    r"$\frac{25}{2}x^2 - 24x + 36$ for $x \ge 2$, the run from $x_0 = 3.3$ tends to the cycle "
    r"$(792, -2208, 2592)/1225$.",
    source="Lessard, Recht, Packard 2016, Section 4.6",
)

SMOOTHNESS, STRONG_CONVEXITY = Fraction(25), Fraction(1)
LEARNING_RATE, MOMENTUM = Fraction(1, 9), Fraction(4, 9)
CYCLE = tuple(Fraction(n, 1225) for n in (792, -2208, 2592))
_BREAKS = (Fraction(1), Fraction(2))
# f = a x²/2 + b x + c on the three pieces, from the left.
_PIECES = tuple(tuple(map(Fraction, piece)) for piece in ((25, 0, 0), (1, 24, -12), (25, -24, 36)))
_MOST_EXACT = 400  # steps in rational arithmetic; the denominators are powers of nine
_LARGEST = 10**6


def cycling_function(x: Any) -> Any:
    """The f of the statement, a JAX function of one number; its minimum is 0, at 0."""
    left, middle, right = (float(a) / 2 * x**2 + float(b) * x + float(c) for a, b, c in _PIECES)
    return jnp.where(x < float(_BREAKS[0]), left, jnp.where(x < float(_BREAKS[1]), middle, right))


@theorem(_STATEMENT)
def heavy_ball_cycle(start: float | int = 3.3, steps: int = 300) -> Certificate:
    r"""Optimally tuned heavy ball may cycle forever on a smooth, strongly convex function.

    Problem: the f of the statement, piecewise quadratic. Method: heavy ball with η = 1/9 and m =
    4/9, the optimal pair for κ = 25. Guarantee: from the step at which the run is trapped, xₙ tends
    to the cycle at the rate 2/3.

    Proof: on the cycle's three pieces f'' = 25, so that a deviation from it obeys $e_{n+1} =
    -\tfrac43 e_n - \tfrac49 e_{n-1}$ as long as the pieces are the cycle's: $e_k =
    (-\tfrac23)^k(e_0 + kb)$, b = e₀ + ⅔e₋₁. Since $k(\tfrac23)^k \le \tfrac89$, the pieces never
    change once the sum of the size of e₀ and 8/9 of that of b is below the cycle's distance to the
    breaks, 142/1225. The same argument around 0 shows which starts converge.

    Hypotheses, *proved* in rational arithmetic: f' is continuous and its slopes are 25, 1 and 25;
    the pair is the optimal one; the three points are a cycle; the start (read as the decimal that
    it is printed as) is trapped. And *measured*: gradient descent and Nesterov's method from the
    same start stay under their rates.

    Args:
        start: x₀; those in about [3.07, 3.46] cycle, 3.0, 3.5 and 10 converge.
        steps: how many steps are run.

    Returns:
        A certificate over the steps after the run is trapped; where the start converges, one that
        is violated.

    Raises:
        ArgumentError: the start is not a finite number of size 10⁶ at most.

    Reference: Lessard, Recht, Packard 2016, "Analysis and design of optimization algorithms via
    integral quadratic constraints", Section 4.6.

    Example:
        >>> import steepest as st
        >>> st.theorems.heavy_ball_cycle().holds, st.theorems.heavy_ball_cycle(3.0).holds
        (True, False)
    """
    steps = whole_number(steps, "steps")
    start = finite_number(start, "start")
    if abs(start) > _LARGEST:
        raise ArgumentError(f"start is {start}; it must be a number of size {_LARGEST:g} at most.")
    x0 = Fraction(repr(start))
    trapped = _trapped(x0, min(steps, _MOST_EXACT))
    runs = _runs(float(x0), steps)
    hypotheses = (*_facts(), _ends(x0, trapped), *_others(float(x0), runs))
    if trapped is None or trapped.center is None:
        return nothing_compared(_STATEMENT, hypotheses)
    xs = np.asarray(runs["heavy ball"].xs, np.float64)
    n = np.arange(trapped.step, steps + 1)
    k = (n - trapped.step).astype(np.float64)
    centers = np.array([float(c) for c in CYCLE])[(k.astype(int) + trapped.center) % 3]
    shrunk = (2 / 3) ** k
    bound = shrunk * (float(abs(trapped.e)) + k * float(abs(trapped.b)))
    # What rounding did to the two states before the trap, and does at every step after it.
    off = [float(abs(Fraction(float(xs[trapped.step - i])) - trapped.state[i])) for i in (0, 1)]
    each = 8 * EPS * 4 * float(np.max(np.abs(xs)))
    settled = each * float(np.sum((2 / 3) ** np.arange(99) * (1 + np.arange(99) * 5 / 3)))
    return Certificate(
        statement=_STATEMENT,
        hypotheses=hypotheses,
        steps=n.astype(np.float64),
        measured=np.abs(xs[n] - centers),
        bound=bound,
        allowance=shrunk * (off[0] + k * (off[0] + off[1])) + settled,
        trajectory=runs["heavy ball"],
        figure=_figure(runs),
    )


class _Trap(NamedTuple):
    """Where the exact run is caught: near the cycle's point `center`, or near 0 (None)."""

    step: int
    center: int | None
    state: tuple[Fraction, Fraction]
    e: Fraction
    b: Fraction


def _slope(x: Fraction) -> Fraction:
    a, b, _ = _PIECES[sum(x >= at for at in _BREAKS)]
    return a * x + b


def _step(x: Fraction, before: Fraction) -> Fraction:
    return x - LEARNING_RATE * _slope(x) + MOMENTUM * (x - before)


def _trapped(x0: Fraction, most: int) -> _Trap | None:
    """The first step from which the pieces provably never change, in rational arithmetic."""
    # Around 0 only the piece x < 1 is met; on the cycle the nearest break is what can be crossed.
    room = min(abs(point - at) for point in CYCLE for at in _BREAKS)
    x, before = x0, x0
    for step in range(most + 1):
        for center in (None, 0, 1, 2) if step else ():
            here, last = (
                (Fraction(0), Fraction(0))
                if center is None
                else (CYCLE[center], CYCLE[(center - 1) % 3])
            )
            e, b = x - here, (x - here) + Fraction(2, 3) * (before - last)
            if abs(e) + Fraction(8, 9) * abs(b) < (_BREAKS[0] if center is None else room):
                return _Trap(step, center, (x, before), e, b)
        x, before = _step(x, before), x
    return None


def _facts() -> tuple[Hypothesis, ...]:
    """What does not depend on the start, in rational arithmetic."""
    continuous = all(
        left[0] * at + left[1] == right[0] * at + right[1]
        and left[0] * at**2 / 2 + left[1] * at + left[2]
        == right[0] * at**2 / 2 + right[1] * at + right[2]
        for left, right, at in zip(_PIECES[:-1], _PIECES[1:], _BREAKS, strict=True)
    )
    slopes = [piece[0] for piece in _PIECES]
    in_class = continuous and (min(slopes), max(slopes)) == (STRONG_CONVEXITY, SMOOTHNESS)
    root = 5  # √κ
    optimal = (
        root**2 == SMOOTHNESS / STRONG_CONVEXITY
        and Fraction(4, (root + 1) ** 2) == LEARNING_RATE
        and Fraction(root - 1, root + 1) ** 2 == MOMENTUM
    )
    cycles = all(_step(CYCLE[i], CYCLE[i - 1]) == CYCLE[(i + 1) % 3] for i in range(3))
    proved = lambda good: Evidence.PROVED if good else Evidence.VIOLATED
    return (
        Hypothesis(
            "f is 1-strongly convex and 25-smooth",
            proved(in_class),
            "f and f' are continuous, f'' is 25, 1 and 25 on the three pieces",
        ),
        Hypothesis("η = 4/(√L + √μ)², m = ((√κ − 1)/(√κ + 1))²", proved(optimal), "1/9 and 4/9"),
        Hypothesis(
            "(792, −2208, 2592)/1225 is a cycle", proved(cycles), "three steps return, exactly"
        ),
    )


def _ends(x0: Fraction, trapped: _Trap | None) -> Hypothesis:
    name = f"the run from {float(x0):g} ends on the cycle"
    if trapped is None:
        return Hypothesis(name, Evidence.UNKNOWN, "not trapped in the steps taken; take more")
    where = f"trapped from step {trapped.step} on, in rational arithmetic"
    if trapped.center is None:
        return Hypothesis(name, Evidence.VIOLATED, f"it converges to 0: {where}")
    return Hypothesis(name, Evidence.PROVED, where)


def _runs(x0: float, steps: int) -> dict[str, Trajectory]:
    L, mu = float(SMOOTHNESS), float(STRONG_CONVEXITY)
    momentum = (np.sqrt(L / mu) - 1) / (np.sqrt(L / mu) + 1)
    methods = {
        "heavy ball": heavy_ball(float(LEARNING_RATE), float(MOMENTUM)),
        "gradient descent": gradient_descent(1 / L),
        "Nesterov's method": nesterov(1 / L, float(momentum)),
    }
    with jax.enable_x64(True):
        every = np.arange(steps + 1)
        return {
            name: descend(cycling_function, jnp.float64(x0), method, steps, saveat=every)
            for name, method in methods.items()
        }


def _others(x0: float, runs: dict[str, Trajectory]) -> tuple[Hypothesis, ...]:
    """The methods with a guarantee on the whole class, from the same start, against it."""
    L, mu = float(SMOOTHNESS), float(STRONG_CONVEXITY)
    n = np.arange(len(runs["heavy ball"].ts))
    start = float(np.asarray(runs["heavy ball"].values)[0]) + mu * x0**2 / 2
    bounds = {
        "gradient descent": (1 - mu / L) ** n * abs(x0),
        "Nesterov's method": np.sqrt(2 / mu * (1 - np.sqrt(mu / L)) ** n * start),
    }
    found = []
    for name, bound in bounds.items():
        distances = np.abs(np.asarray(runs[name].xs))
        good = bool(np.all(distances <= bound * (1 + 8 * EPS * (1 + n)) + 64 * EPS * abs(x0)))
        detail = f"|xₙ| = {distances[-1]:.3g} at step {n[-1]}, bound {bound[-1]:.3g}"
        evidence = Evidence.MEASURED if good else Evidence.VIOLATED
        found.append(Hypothesis(f"{name} converges from there", evidence, detail))
    return tuple(found)


def _figure(runs: dict[str, Trajectory], shown: int = 45) -> tuple[Curves, ...]:
    curves = [
        Curve(
            np.asarray(run.ts, np.float64)[:shown],
            np.asarray(run.xs, np.float64)[:shown],
            name,
            "points" if name == "gradient descent" else "data",  # two lines would be one
        )
        for name, run in runs.items()
    ]
    ends = np.array([0.0, float(min(shown, len(curves[0].x)) - 1)])
    for i, point in enumerate(CYCLE):
        label = "" if i else "the cycle"
        curves.append(Curve(ends, np.full(2, float(point)), label, "reference"))
    return (Curves(tuple(curves), xlabel="step", ylabel="xₙ"),)
