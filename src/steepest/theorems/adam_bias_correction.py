"""Adam is momentum on top of RMSProp, with and without its bias correction."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Float

from steepest.inputs import positive, whole_number
from steepest.methods import adam, rmsprop
from steepest.theorems.certificate import Certificate, Statement, all_of, nothing_compared
from steepest.theorems.coordinates import over_coordinates
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.exponential_average import exponential_average
from steepest.theorems.method_run import method_run, replay
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import lengths

_STATEMENT = Statement(
    name="adam_bias_correction",
    id="D11",
    left="uncorrected step; |steps and moments − their formulas|",
    right="(1 − β₁ᵗ)/√(1 − β₂ᵗ) times the corrected one; 0, to rounding",
    latex=r"Adam without bias correction adds $-\eta\, m/\sqrt{v + \varepsilon}$ to $x$: RMSProp's "
    r"step with the average $m$ of the gradients in place of the last one. On any gradients its "
    r"step $t$ is at most $(1 - \beta_1^t)/\sqrt{1 - \beta_2^t}$ times the corrected one, with "
    r"equality for $\varepsilon = 0$; and on a constant gradient $m = (1 - \beta_1^t)\,g$, $v = "
    r"(1 - \beta_2^t)\,g^2$, so that the corrected moments are $g$ and $g^2$.",
    source="Kingma, Ba 2015, Adam: a method for stochastic optimization, algorithm 1 and Section 3",
)
_TO_ROUNDING = "0, to rounding"
_SQUARES = (1e-140, 1e140)
_TINY = float(np.finfo(np.float64).tiny)


@theorem(_STATEMENT)
def adam_bias_correction(
    p: Problem,
    steps: int = 200,
    learning_rate: float | int = 1e-3,
    b1: float | int = 0.9,
    b2: float | int = 0.999,
    eps: float | int = 1e-8,
) -> Certificate:
    r"""Adam is momentum on top of RMSProp; uncorrected, step t is ≤ (1 − β₁ᵗ)/√(1 − β₂ᵗ) times it.

    Problem: minimise f. Method: Adam, the corrected one (Kingma and Ba's, ε outside the root). The
    gradients of its run are handed to the others, so that all are compared on the same. Guarantee:
    with $k = \sqrt{1 - β_2^t} \le 1$ the quotient of the uncorrected and the corrected step is
    $\frac{1 - β_1^t}{k} \cdot \frac{\sqrt v + kε}{\sqrt v + ε} \le \frac{1 - β_1^t}{k}$: at the
    first step (1 − β₁)/√(1 − β₂), 3.16 at the usual β's.

    The parts of the certificate, all true of any gradients: (1) with β₁ = 0 and the lecture's form
    (no correction, ε in the root) the steps are RMSProp's; (2) with β₁ they are RMSProp's with
    (1 − β₁) Σⱼ β₁ᵗ⁻ʲ gⱼ in place of the last gradient; (3) the bound of the quotient; (4) the
    quotient itself, ε and all; (5) on a gradient that stays as it is at x0, m/(1 − β₁ᵗ) and
    v/(1 − β₂ᵗ) are g and g².

    Hypotheses: none. At kinks the method is handed subgradients; coordinates without a gradient, or
    whose g² leaves the range of float64, are left out.

    Args:
        p: the problem.
        steps: how many steps are run and compared.
        learning_rate: η.
        b1, b2: β₁ and β₂, in [0, 1).
        eps: ε.

    Returns:
        A certificate over the steps, the worst coordinate at each. Its figure shows the quotient.

    Raises:
        ArgumentError: η is not a positive number, a β is not in [0, 1) or ε is negative.

    Reference: Kingma, Ba 2015, "Adam: a method for stochastic optimization", arXiv:1412.6980.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 9.0]) * x**2), jnp.ones(2))
        >>> c = st.theorems.adam_bias_correction(p, steps=50)
        >>> c.holds, c.notes[0]
        (True, 'the first uncorrected step is 3.16228 times the corrected one')
    """
    steps = whole_number(steps, "steps")
    positive(learning_rate, "learning_rate")
    positive(eps, "eps", zero=True)
    method = adam(learning_rate, b1, b2, eps)
    of = _Settings(float(learning_rate), float(b1), float(b2), float(eps))
    run = method_run(p, method, steps)
    g = run.gradients[:steps]
    g = g[:, _with_squares(g)]
    if not g.size:
        return replace(nothing_compared(_STATEMENT, []), notes=run.notes)
    corrected, _ = replay(of.adam(), g)
    uncorrected, _ = replay(of.adam(bias_correction=False), g)
    parts = [
        _rmsprop(of, g),
        _momentum(of, g),
        _at_most(of, corrected, uncorrected),
        _quotient(of, g, corrected, uncorrected),
        _unbiased(of, g[0], len(g)),
    ]
    return replace(
        all_of(_STATEMENT, parts, figure=(_figure(of, corrected, uncorrected),)),
        trajectory=run.trajectory,
        notes=(_first(corrected, uncorrected), *run.notes),
    )


def _with_squares(g: Float[np.ndarray, "n d"]) -> np.ndarray:
    """The coordinates with gradients, whose squares are in the range of float64."""
    sizes = np.abs(g)
    good = np.all((g == 0) | ((sizes > _SQUARES[0]) & (sizes < _SQUARES[1])), axis=0)
    return good & np.any(g != 0, axis=0)


class _Settings:
    """Adam's numbers, and how far rounding may take what is made of them."""

    def __init__(self, eta: float, b1: float, b2: float, eps: float):
        self.eta, self.b1, self.b2, self.eps = eta, b1, b2, eps
        self.adam = partial(adam, eta, b1, b2, eps)

    def shares(self, n: int) -> tuple[Float[np.ndarray, "n 1"], Float[np.ndarray, "n 1"]]:
        """1 − β₁ᵗ and 1 − β₂ᵗ."""
        t = np.arange(1.0, n + 1)[:, None]
        first, second = (
            -np.expm1(t * np.log(b)) if b > 0 else np.ones_like(t) for b in (self.b1, self.b2)
        )
        return first, second

    def rounded(self, n: int) -> Float[np.ndarray, "n 1"]:
        """The relative rounding of a quotient of averages: two a step, forgotten as β forgets.

        A power βᵗ is off by t units, which 1 − βᵗ ≥ 1 − β magnifies.
        """
        t = np.arange(1.0, n + 1)[:, None]
        lost = np.full_like(t, 4.0)
        for b in (self.b1, self.b2):
            lost += np.minimum(t, 1 / (1 - b)) + b**t * t / (1 - b**t)
        return 8 * EPS * lost


def _rmsprop(of: _Settings, g: np.ndarray) -> Certificate:
    plain, _ = replay(adam(of.eta, 0.0, of.b2, of.eps, bias_correction=False, eps_in_sqrt=True), g)
    expected, _ = replay(rmsprop(of.eta, of.b2, of.eps), g)
    return over_coordinates(
        _STATEMENT,
        np.abs(plain - expected),
        0.0,
        of.rounded(len(g)) * np.abs(expected) + _TINY,
        left="|Adam's step with β₁ = 0, as the lecture has it − RMSProp's|",
        right=_TO_ROUNDING,
    )


def _momentum(of: _Settings, g: np.ndarray) -> Certificate:
    """The lecture's Adam against averages written out as sums, in NumPy."""
    taken, _ = replay(of.adam(bias_correction=False, eps_in_sqrt=True), g)
    m, v = exponential_average(g, of.b1), exponential_average(g**2, of.b2)
    below = np.sqrt(v + of.eps)
    below = np.where(v + of.eps == 0, 1.0, below)
    # Gradients of both signs cancel in m, their rounding does not.
    size = exponential_average(np.abs(g), of.b1)
    return over_coordinates(
        _STATEMENT,
        np.abs(taken + of.eta * m / below),
        0.0,
        of.rounded(len(g)) * of.eta * size / below + _TINY,
        left="|Adam's step, as the lecture has it + η m/√(v + ε)|",
        right=_TO_ROUNDING,
    )


def _at_most(of: _Settings, corrected: np.ndarray, uncorrected: np.ndarray) -> Certificate:
    first, second = of.shares(len(corrected))
    bound = first / np.sqrt(second) * np.abs(corrected)
    return over_coordinates(
        _STATEMENT,
        np.abs(uncorrected),
        bound,
        of.rounded(len(corrected)) * bound + _TINY,
        left="|uncorrected step|",
        right="(1 − β₁ᵗ)/√(1 − β₂ᵗ) · |corrected step|",
    )


def _quotient(
    of: _Settings, g: np.ndarray, corrected: np.ndarray, uncorrected: np.ndarray
) -> Certificate:
    first, second = of.shares(len(g))
    root, k = np.sqrt(exponential_average(g**2, of.b2)), np.sqrt(second)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(root + of.eps > 0, (root + k * of.eps) / (root + of.eps), 1.0)
    expected = first / k * share * corrected
    return over_coordinates(
        _STATEMENT,
        np.abs(uncorrected - expected),
        0.0,
        of.rounded(len(g)) * np.abs(expected) + _TINY,
        left="|uncorrected step − (1 − β₁ᵗ)/k · (√v + kε)/(√v + ε) · corrected step|",
        right=_TO_ROUNDING,
    )


def _unbiased(of: _Settings, g: np.ndarray, n: int) -> Certificate:
    constant = np.broadcast_to(g, (n, len(g)))
    first, second = of.shares(n)
    _, state = replay(of.adam(), constant, "mu", "nu")
    m, v = state["mu"], state["nu"]
    return over_coordinates(
        _STATEMENT,
        np.hstack([np.abs(m / first - g), np.abs(v / second - g**2)]),
        0.0,
        of.rounded(n) * np.hstack([np.abs(constant), constant**2]) + _TINY,
        left="|m/(1 − β₁ᵗ) − g|, |v/(1 − β₂ᵗ) − g²| on a constant gradient",
        right=_TO_ROUNDING,
    )


def _sizes(corrected: np.ndarray, uncorrected: np.ndarray) -> np.ndarray:
    """‖uncorrected step‖/‖corrected step‖, each step."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return lengths(uncorrected) / lengths(corrected)


def _first(corrected: np.ndarray, uncorrected: np.ndarray) -> str:
    ratio = _sizes(corrected, uncorrected)[0]
    return f"the first uncorrected step is {ratio:.6g} times the corrected one"


def _figure(of: _Settings, corrected: np.ndarray, uncorrected: np.ndarray) -> Curves:
    first, second = of.shares(len(corrected))
    t = np.arange(1.0, len(corrected) + 1)
    return Curves(
        (
            Curve(t, _sizes(corrected, uncorrected), "uncorrected step over corrected step"),
            Curve(t, (first / np.sqrt(second))[:, 0], "(1 − β₁ᵗ)/√(1 − β₂ᵗ)", "bound"),
        ),
        xlabel="step t",
        ylabel="quotient",
        title="without and with bias correction",
        xscale="log",
    )
