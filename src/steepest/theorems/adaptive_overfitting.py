"""Adaptive methods find a solution that calls every fresh point the commoner class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Float

from steepest.errors import ArgumentError
from steepest.inputs import finite_number, increasing_counts, positive_number, whole_number
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement, all_of
from steepest.theorems.registry import theorem
from steepest.theorems.sampling import generator
from steepest.theorems.wilson_construction import Construction, construct, draw_labels
from steepest.theorems.wilson_figures import all_missed, over_eps, over_sizes, turns
from steepest.theorems.wilson_runs import ADAPTIVE, PLAIN, End, adaptive_ends, plain_ends

_STATEMENT = Statement(
    name="adaptive_overfitting",
    id="E2",
    left="|w₂ + w₃| of gradient descent, heavy ball and Nesterov; w₁ of the adaptive methods",
    right="w₁, so that no fresh point is missed; w₂ + w₃, so that all of the rarer class are",
    latex=r"Of all $w$ with $Xw = y$ gradient descent, heavy ball and Nesterov's method find the "
    r"one of least norm, which errs on no fresh point. AdaGrad, RMSProp and Adam with $\varepsilon "
    r"= 0$ stay on the ray of $\mathrm{sign}(X^\top y)$, fit the training points as well, and call "
    r"every fresh point the commoner class.",
    source="Wilson, Roelofs, Stern, Srebro, Recht 2017, The marginal value of adaptive gradient "
    "methods in machine learning, Lemma 3.1 and Section 3",
)
_CLOSE = 1e-6  # to the least-norm solution, and to the ray
_FIT = 1e-3  # of the residual, relative to y: at n < 10⁶ each score has the sign of its label


@theorem(_STATEMENT)
def adaptive_overfitting(
    sizes: Sequence[int] = (10, 50, 200),
    share: float | int = 0.7,
    eps: float | int = 0.0,
    *,
    eps_tried: Sequence[float] = (),
    fresh: int = 1000,
    key: jax.Array | None = None,
) -> Certificate:
    r"""On a least-squares problem adaptive methods miss all of the rarer class, the others nothing.

    Problem: ½‖Xw − y‖² from w = 0 on the full batch, of the construction in
    `steepest.theorems.wilson_construction`. A fresh point with label y has the score w₁y + w₂ + w₃:
    the weights of its own block were never touched.

    Guarantee: X sign(Xᵀy) = 4y where Σ yᵢ > 0, so that at w = c·sign(Xᵀy) the gradient is
    (4c − 1)Xᵀy, and a step of AdaGrad, RMSProp or Adam with ε = 0 (0/0 read as 0) is a multiple of
    sign(Xᵀy) again. There w₂ + w₃ = 2w₁, and the score has the sign of 2 + y. Gradient descent and
    its momentum methods stay in the row space of X, where the only solution is the one of least
    norm, Xᵀα with α constant on each class, and −w₁ < w₂ + w₃ < w₁.

    The parts of the certificate are the methods, over the sizes. Gradient descent, heavy ball and
    Nesterov's method have the step sizes and momentum of D3 to D5 for the extreme eigenvalues of
    XXᵀ. AdaGrad has η = 0.1, RMSProp and Adam η = 0.1/√t; they run until the residual is 1e-6 of
    what it was, since from there on its rounding sets the direction.

    Hypotheses, measured: that the ones reach the least-norm solution and the others, with ε = 0,
    stay on the ray; that all fit the training points; what share of fresh points each misses. With
    a large ε the claim is false, and the certificate fails.

    Args:
        sizes: the numbers n of points, increasing, at least 3.
        share: the probability of the label 1, in (½, 1).
        eps: ε of the adaptive methods, outside the root.
        eps_tried: further values, increasing, that the adaptive methods are run with on the middle
            one of the sizes: a note and a second panel of the figure say where the claim turns.
        fresh: how many fresh points are drawn.
        key: what all labels derive from; default `jax.random.key(0)`.

    Returns:
        A certificate over the sizes. Its figure shows the share of fresh points that each misses.

    Raises:
        ArgumentError: an argument out of its range, named.

    Reference: Wilson, Roelofs, Stern, Srebro, Recht 2017, "The marginal value of adaptive gradient
    methods in machine learning", NeurIPS 30, Lemma 3.1 and Section 3.

    Example:
        >>> import steepest as st
        >>> st.theorems.adaptive_overfitting(sizes=(10, 20)).holds
        True
    """
    numbers = increasing_counts(sizes, "sizes")
    if numbers[0] < 3:
        raise ArgumentError(f"sizes begins with {numbers[0]}; the construction needs 3 points.")
    share, eps = finite_number(share, "share"), positive_number(eps, "eps", zero=True)
    if not 0.5 < share < 1:
        raise ArgumentError(f"share is {share}; it must lie between 1/2 and 1, both excluded.")
    rng = generator(key)
    instances = [construct(int(n), share, rng) for n in numbers]
    labels = draw_labels(whole_number(fresh, "fresh"), share, rng)
    plain = {name: plain_ends(instances, name) for name in PLAIN}
    tried = _tried(eps_tried)
    middle = instances[len(instances) // 2]
    all_of_them, all_eps = (
        [*instances, *[middle] * len(tried)],
        np.append([eps] * len(instances), tried),
    )
    both = {name: adaptive_ends(all_of_them, name, all_eps) for name in ADAPTIVE}
    adaptive = {name: ends[: len(instances)] for name, ends in both.items()}
    with_eps = {name: all_missed(ends[len(instances) :], labels) for name, ends in both.items()}
    steps = numbers.astype(np.float64)
    parts = [_part(name, ends, steps) for name, ends in (plain | adaptive).items()]
    rarer = float(np.mean(labels < 0))
    figure, notes = (over_sizes(plain | adaptive, labels, steps, eps),), ()
    if len(tried):
        n = len(middle.labels)
        figure, notes = (*figure, over_eps(tried, with_eps, n)), (turns(tried, with_eps, n),)
    c = all_of(_STATEMENT, parts, figure=figure)
    return replace(
        c,
        hypotheses=(
            _balanced(instances),
            _lemma(instances),
            _reached(plain),
            *([_on_the_ray(adaptive)] if eps == 0 else []),
            _fitted(plain | adaptive),
            _missed("the methods that are not adaptive miss no fresh point", plain, labels, 0.0),
            _missed(
                "the adaptive methods miss each fresh point of the rarer class and no other",
                adaptive,
                labels,
                rarer,
            ),
        ),
        constants={"share": share, "eps": eps, "rarer": rarer},
        notes=notes,
    )


def _part(name: str, ends: list[End], steps: Float[np.ndarray, " n"]) -> Certificate:
    """|w₂ + w₃| ≤ w₁, so that a score has the sign of y, or w₁ ≤ w₂ + w₃, so that all are ≥ 0."""
    first = np.array([end.shared[0] for end in ends])
    others = np.array([end.shared[1] + end.shared[2] for end in ends])
    if name in ADAPTIVE:
        left, right, sides = first, others, ("w₁", "w₂ + w₃")
    else:
        left, right, sides = np.abs(others), first, ("|w₂ + w₃|", "w₁")
    statement = replace(_STATEMENT, left=f"{sides[0]} of {name}", right=sides[1])
    return Certificate(statement, (), steps, left, right, np.zeros_like(steps))


def _balanced(instances: list[Construction]) -> Hypothesis:
    counts = [(int(np.sum(i.labels > 0)), int(np.sum(i.labels < 0))) for i in instances]
    return Hypothesis(
        "both classes are there, and the label 1 is the commoner",
        Evidence.PROVED if all(a > b > 0 for a, b in counts) else Evidence.VIOLATED,
        ", ".join(f"{b} of {a + b} are −1" for a, b in counts),
    )


def _lemma(instances: list[Construction]) -> Hypothesis:
    exact = all(np.array_equal(i.matrix @ i.sign_like, 4 * i.labels) for i in instances)
    return Hypothesis(
        "X sign(Xᵀy) = 4y",
        Evidence.PROVED if exact else Evidence.VIOLATED,
        "in whole numbers, which floats hold exactly",
    )


def _reached(plain: dict[str, list[End]]) -> Hypothesis:
    off = {name: max(end.off for end in ends) for name, ends in plain.items()}
    return Hypothesis(
        "gradient descent, heavy ball and Nesterov's method reach the least-norm solution",
        Evidence.MEASURED if max(off.values()) <= _CLOSE else Evidence.VIOLATED,
        ", ".join(f"{name} to {value:.1e}" for name, value in off.items()) + ", relative to it",
    )


def _on_the_ray(adaptive: dict[str, list[End]]) -> Hypothesis:
    off = {name: max(end.off for end in ends) for name, ends in adaptive.items()}
    return Hypothesis(
        "the adaptive methods stay on the ray of sign(Xᵀy)",
        Evidence.MEASURED if max(off.values()) <= _CLOSE else Evidence.VIOLATED,
        ", ".join(f"{name} to {value:.1e}" for name, value in off.items()) + " at every step",
    )


def _fitted(ends: dict[str, list[End]]) -> Hypothesis:
    worst = {name: max(end.residual for end in of_method) for name, of_method in ends.items()}
    name = max(worst, key=lambda name: worst[name])
    return Hypothesis(
        "all fit the training points",
        Evidence.MEASURED if worst[name] <= _FIT else Evidence.VIOLATED,
        f"‖Xw − y‖ ≤ {worst[name]:.1e} ‖y‖, the largest with {name}",
    )


def _missed(
    claim: str, ends: dict[str, list[End]], labels: Float[np.ndarray, " m"], expected: float
) -> Hypothesis:
    shares = {name: [end.missed(labels) for end in of_method] for name, of_method in ends.items()}
    as_claimed = all(value == expected for values in shares.values() for value in values)
    found = ", ".join(
        f"{name} {min(values):.3g}" + (f" … {max(values):.3g}" if len({*values}) > 1 else "")
        for name, values in shares.items()
    )
    return Hypothesis(
        claim,
        Evidence.MEASURED if as_claimed else Evidence.VIOLATED,
        f"of {len(labels)}: {found}",
    )


def _tried(eps: Sequence[float]) -> Float[np.ndarray, " k"]:
    values = np.asarray(eps, np.float64)
    if values.ndim != 1 or not np.all(np.isfinite(values)) or np.any(np.diff(values) <= 0):
        raise ArgumentError(f"eps_tried is {eps!r:.60}; it must list increasing numbers.")
    if len(values) and values[0] <= 0:
        raise ArgumentError(f"eps_tried begins with {values[0]:g}; it must list positive numbers.")
    return values
