"""On constant gradients AdaGrad's step decays as 1/√t and RMSProp's tends to η."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.inputs import positive, whole_number
from steepest.methods import adagrad, rmsprop
from steepest.quadratic import recognise
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    all_of,
    nothing_compared,
)
from steepest.theorems.coordinates import over_coordinates
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.exponential_average import exponential_average
from steepest.theorems.method_run import MethodRun, method_run, replay
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import in_words

_STATEMENT = Statement(
    name="rmsprop_steps",
    id="D9",
    left="steps of AdaGrad and RMSProp, and their distance from their formulas",
    right="η/√t, η/√(1 − βᵗ), and 0 to rounding",
    latex=r"If the gradient is constant, step $t$ has in each coordinate with $g \neq 0$ the "
    r"length $\eta |g| / (\sqrt t\, |g| + \varepsilon) \le \eta/\sqrt t$ by AdaGrad and "
    r"$\eta / \sqrt{1 - \beta^t + \varepsilon/g^2}$ by RMSProp, so that "
    r"$$\left(1 + \varepsilon/g^2\right)^{-1/2} \;\le\; \text{RMSProp's step}/\eta \;\le\; "
    r"(1 - \beta^t)^{-1/2}.$$",
    source="Tieleman, Hinton 2012, Neural Networks for Machine Learning, lecture 6e; the formulas "
    "as derived here",
)
_TO_ROUNDING = "0, to rounding"
_CONSTANT = 1e-9  # relative change of a gradient up to which it is called constant, and allowed for
_SQUARES = (1e-140, 1e140)  # between these g² and 1/g² are numbers of float64


@theorem(_STATEMENT)
def rmsprop_steps(
    p: Problem,
    steps: int = 200,
    learning_rate: float | int = 0.01,
    decay: float | int = 0.9,
    eps: float | int = 1e-8,
) -> Certificate:
    r"""On constant gradients AdaGrad's step is η/√t and RMSProp's η/√(1 − βᵗ), which tends to η.

    Problem: f with a constant gradient. Methods: AdaGrad (ε outside the root) and RMSProp (ε
    inside), each from x0 with the same η and ε. Guarantee: AdaGrad's accumulator is t g² and
    RMSProp's G = (1 − βᵗ) g², whence both formulas; the four parts of the certificate compare the
    method's G with (1 − β) Σⱼ βᵗ⁻ʲ gⱼ², the steps with their formulas, AdaGrad's with η/√t, and
    the distance of RMSProp's from η with what its two bounds leave.

    Hypothesis: the gradient is constant. *Proved* where the program is affine; otherwise
    *measured* along both runs, or *violated*, with the step.

    Args:
        p: the problem.
        steps: how many steps are run and compared.
        learning_rate: η, of both methods.
        decay: β of RMSProp, in [0, 1).
        eps: ε, of both methods.

    Returns:
        A certificate over the steps; left is the worst over the coordinates with g ≠ 0. Its
        `parts` are the accumulator (true of any gradients), the formulas, and the two limits.

    Raises:
        ArgumentError: η is not a positive number, β is not in [0, 1) or ε is negative.

    Reference: Tieleman, Hinton 2012, Neural Networks for Machine Learning, lecture 6e.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: 3.0 * x[0] - x[1], jnp.ones(2))
        >>> c = st.theorems.rmsprop_steps(p)
        >>> c.holds, str(c.hypotheses[0].evidence)
        (True, 'proved')
    """
    steps = whole_number(steps, "steps")
    positive(learning_rate, "learning_rate")
    positive(eps, "eps", zero=True)
    methods = adagrad(learning_rate, eps), rmsprop(learning_rate, decay, eps)
    eta, beta, epsilon = float(learning_rate), float(decay), float(eps)
    runs = [method_run(p, method, steps) for method in methods]
    hypothesis, drift = _constant(p, runs)
    steepness = np.abs(runs[0].gradients[:1]).ravel()
    seen = (steepness > _SQUARES[0]) & (steepness < _SQUARES[1])
    if not seen.any():
        return nothing_compared(_STATEMENT, [hypothesis])
    g = steepness[seen]
    n = min(steps, *(len(run.gradients) for run in runs))
    by_adagrad, _ = replay(methods[0], runs[0].gradients[:n])
    by_rmsprop, state = replay(methods[1], runs[1].gradients[:n], "nu")
    by_adagrad, by_rmsprop = np.abs(by_adagrad[:, seen]), np.abs(by_rmsprop[:, seen])
    of = _Formulas(eta, beta, epsilon, g, np.arange(1.0, n + 1)[:, None])
    parts = [
        _accumulator(runs[1].gradients[:n], state["nu"], beta),
        _formula(of, by_adagrad, by_rmsprop, drift),
        _falls(of, by_adagrad, drift),
        _tends(of, by_rmsprop, drift),
    ]
    parts = [replace(part, hypotheses=(hypothesis,)) for part in parts]
    whole = all_of(_STATEMENT, parts, figure=(_figure(of, by_adagrad, by_rmsprop),))
    skipped = int(np.sum(~seen))
    notes = (f"coordinates without a gradient, left out: {skipped}",) if skipped else ()
    return replace(
        whole, trajectory=runs[1].trajectory, notes=(*notes, *runs[0].notes, *runs[1].notes)
    )


class _Formulas:
    """What the steps are on a gradient |g|, for every step t (rows) and coordinate (columns)."""

    def __init__(self, eta: float, beta: float, eps: float, g: np.ndarray, t: np.ndarray):
        self.eta, self.t = eta, t
        self.adagrad = eta / (np.sqrt(t) + eps / g)
        self.share = -np.expm1(t * np.log(beta)) if beta > 0 else np.ones_like(t)  # 1 − βᵗ
        self.rmsprop = eta / np.sqrt(self.share + eps / g / g)
        self.highest = eta / np.sqrt(self.share)
        self.lowest = eta / np.sqrt(1 + eps / g / g)
        # An accumulator loses a unit in its last place or two a step, and forgets what β forgets.
        self.rounded = EPS * (8 + 4 * np.minimum(t, 1 / (1 - beta)))
        self.summed = EPS * (8 + t)


def _constant(p: Problem, runs: list[MethodRun]) -> tuple[Hypothesis, float]:
    """Whether the gradient is constant, and how far relative to its first value it strays."""
    name = "the gradient is constant"
    worst = 0.0
    for method, run in zip(("AdaGrad", "RMSProp"), runs, strict=True):
        if not len(run.gradients):
            return Hypothesis(name, Evidence.UNKNOWN, "it is not finite at x0"), worst
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.abs(run.gradients / run.gradients[0] - 1)
        off[run.gradients == run.gradients[0]] = 0.0
        off = np.where(np.isnan(off), np.inf, off).max(axis=1)
        if off.max() > _CONSTANT:
            t = int(np.argmax(off > _CONSTANT))
            at = f"it has changed by {off[t]:.3g} times its size"
            detail = f"{at} at step {t} of {method}, {in_words(run.points[t])}"
            return Hypothesis(name, Evidence.VIOLATED, detail), worst
        if run.notes:  # where it ends a gradient has changed, if only into none
            return Hypothesis(name, Evidence.VIOLATED, f"{method}: {run.notes[0]}"), worst
        worst = max(worst, float(off.max()))
    degree = recognise(p.program).degree
    if degree is not None and degree <= 1:
        return Hypothesis(name, Evidence.PROVED, "f is affine, read off the program"), worst
    detail = f"along both runs, to {worst:.1e} of its size"
    return Hypothesis(name, Evidence.MEASURED, detail), worst


def _accumulator(g: np.ndarray, average: np.ndarray, beta: float) -> Certificate:
    expected = exponential_average(g**2, beta)
    t = np.arange(1.0, len(g) + 1)[:, None]
    # Two roundings a step, the older ones shrunk by β; the sum over j is rounded as often.
    allowed = EPS * (16 + 8 * np.minimum(t, 1 / (1 - beta))) * expected + np.finfo(float).tiny
    left = "|G − (1 − β) Σⱼ βᵗ⁻ʲ gⱼ²|"
    return over_coordinates(
        _STATEMENT, np.abs(average - expected), 0.0, allowed, left=left, right=_TO_ROUNDING
    )


def _formula(
    of: _Formulas, by_adagrad: np.ndarray, by_rmsprop: np.ndarray, drift: float
) -> Certificate:
    measured = np.hstack([np.abs(by_adagrad - of.adagrad), np.abs(by_rmsprop - of.rmsprop)])
    allowed = np.hstack(
        [(of.summed + 3 * drift) * of.adagrad, (of.rounded + 3 * drift) * of.rmsprop]
    )
    left = "|step − its formula|"
    return over_coordinates(_STATEMENT, measured, 0.0, allowed, left=left, right=_TO_ROUNDING)


def _falls(of: _Formulas, by_adagrad: np.ndarray, drift: float) -> Certificate:
    bound = of.eta / np.sqrt(of.t)
    allowed = (of.summed + 3 * drift) * bound
    return over_coordinates(
        _STATEMENT, by_adagrad, bound, allowed, left="AdaGrad's step", right="η/√t"
    )


def _tends(of: _Formulas, by_rmsprop: np.ndarray, drift: float) -> Certificate:
    return over_coordinates(
        _STATEMENT,
        np.abs(by_rmsprop - of.eta),
        np.maximum(of.highest - of.eta, of.eta - of.lowest),
        (of.rounded + 3 * drift) * of.highest,
        left="|RMSProp's step − η|",
        right="η max((1 − βᵗ)^(−1/2) − 1, 1 − (1 + ε/g²)^(−1/2))",
    )


def _figure(of: _Formulas, by_adagrad: np.ndarray, by_rmsprop: np.ndarray) -> Curves:
    """The first coordinate's steps and what they tend to."""
    t = of.t[:, 0]
    return Curves(
        (
            Curve(t, by_rmsprop[:, 0], "RMSProp's step"),
            Curve(t, by_adagrad[:, 0], "AdaGrad's step"),
            Curve(t, of.highest[:, 0], "η/√(1 − βᵗ)", "bound"),
            Curve(t, of.eta / np.sqrt(t), "η/√t", "bound"),
            Curve(t, np.full_like(t, of.eta), "η", "reference"),
        ),
        xlabel="step t",
        ylabel="length of the step",
        xscale="log",
        yscale="log",
    )
