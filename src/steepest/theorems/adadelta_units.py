"""AdaDelta's steps have the units of x."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError
from steepest.inputs import flag, positive, whole_number
from steepest.methods import adadelta
from steepest.theorems.certificate import (
    Certificate,
    Evidence,
    Hypothesis,
    Statement,
    all_of,
)
from steepest.theorems.coordinates import over_coordinates
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rescaled_run import (
    MethodInUnits,
    RescaledRun,
    as_factors,
    each_coordinate,
    rescaled_run,
    steps_scale,
)
from steepest.theorems.vectors import lengths

_STATEMENT = Statement(
    name="adadelta_units",
    id="D10",
    left="|step on f(y/c) at y = cx − c · step on f at x|",
    right="0, to rounding",
    latex=r"Let $\tilde f(y) = f(y/c)$, coordinate by coordinate. AdaDelta with "
    r"$\tilde\varepsilon_s = c^2 \varepsilon_s$ and $\tilde\varepsilon_g = \varepsilon_g / c^2$ "
    r"runs on $\tilde f$ from $c\,x_0$ through $y_t = c\,x_t$: its steps have the units of $x$. "
    r"Gradient descent's step is divided by $c$, and with one $\varepsilon$ for both AdaDelta's is "
    r"not multiplied by it.",
    source="Zeiler 2012, ADADELTA: an adaptive learning rate method, Section 3.2; the two ε as "
    "derived here",
)

_FLUSHED = 1e-290  # x of less are made of products below float64's range, set to 0


@theorem(_STATEMENT)
def adadelta_units(
    p: Problem,
    steps: int = 200,
    scale: PyTree = 1024.0,
    rho: float | int = 0.9,
    eps: float | int = 1e-8,
    *,
    one_eps: bool = False,
) -> Certificate:
    r"""Rescaling a coordinate by c rescales AdaDelta's steps in it by c, if both ε are rescaled.

    Problem: minimise f, and f̃(y) = f(y/c) in its place. Method: AdaDelta. Guarantee: gradients of
    f̃ are g/c. If G̃ = G/c² and ũ = c²u, then $\sqrt{\tilde u + c^2 ε} \,/\, \sqrt{\tilde G +
    ε/c^2} \cdot g/c = c Δ$, and both relations hold again after the step; at the start they hold
    since both are 0.

    Two things are compared. On the gradients of the run on f̃ the steps are c times those that the
    method takes in the units of x, up to a rounding that grows with the count alone. And where
    every factor is a power of two (of 2⁻¹²⁸ … 2¹²⁸, so that nothing underflows), nothing is rounded
    by it: the run on f̃ is then c times the run on f, bit for bit. (With other factors the two runs
    start a rounding apart, and f decides what becomes of that; a note says.)

    Hypothesis: ε in the numerator is rescaled like x², ε in the denominator like (∂f)²: done here,
    or *violated* by `one_eps`.

    Args:
        p: the problem.
        steps: how many steps are run and compared.
        scale: c > 0: one number, or a pytree like x0 with factors for its coordinates.
        rho: ρ in [0, 1).
        eps: ε > 0 in the units of x, under both roots.
        one_eps: whether the rescaled run keeps this one ε for both, as the paper has it.

    Returns:
        A certificate over the steps; its figure shows the ratio of rescaled steps to c times the
        steps, also with one ε and for gradient descent.

    Raises:
        ArgumentError: a factor or ε is not positive, ρ is not in [0, 1), or `scale` is not like x0.

    Reference: Zeiler 2012, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, §3.2.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 9.0]) * x**2), jnp.ones(2))
        >>> c = st.theorems.adadelta_units(p, steps=50, scale=jnp.array([3.0, 0.1]))
        >>> c.holds, st.theorems.adadelta_units(p, steps=50, one_eps=True).holds
        (True, False)
    """
    steps = whole_number(steps, "steps")
    factors = as_factors(p, scale)
    positive(eps, "eps")
    adadelta(rho, eps)
    flag(one_eps, "one_eps")
    _both_eps_exist(factors, float(eps))
    scaled = in_units(float(rho), float(eps))
    shared = each_coordinate(lambda c: adadelta(float(rho), float(eps)))
    runs = [rescaled_run(p, make, steps, factors) for make in (scaled, shared)]
    run = runs[int(one_eps)]
    hypothesis = _two_eps(factors, one_eps)
    parts = [steps_scale(_STATEMENT, run)]
    if is_exact(factors):
        parts.append(_bit_for_bit(run))
    whole = all_of(_STATEMENT, [replace(part, hypotheses=(hypothesis,)) for part in parts])
    return replace(
        whole,
        trajectory=run.original,
        figure=(_ratios(*runs), _distances(*runs)),
        notes=(_one_eps_note(runs[1]), _apart_note(run)),
    )


def in_units(rho: float, eps: float) -> MethodInUnits:
    """AdaDelta whose two ε are those of the units: c² ε in the numerator, ε/c² below."""
    return each_coordinate(lambda c: adadelta(rho, eps_step=eps * c**2, eps_gradient=eps / c**2))


def _both_eps_exist(factors: np.ndarray, eps: float) -> None:
    with np.errstate(all="ignore"):
        both = np.append(eps * factors**2, eps / factors**2)
    if not np.all(np.isfinite(both) & (both >= np.finfo(np.float64).tiny)):
        raise ArgumentError(
            f"scale has factors from {factors.min():g} to {factors.max():g}; with eps {eps:g} "
            "c²ε or ε/c² leaves the range of float64."
        )


def is_exact(factors: np.ndarray) -> bool:
    """Whether all are powers of two, by which floating point multiplies exactly; moderate ones."""
    mantissa, exponent = np.frexp(factors)
    return bool(np.all((mantissa == 0.5) & (np.abs(exponent) <= 128)))


def _two_eps(factors: np.ndarray, one_eps: bool) -> Hypothesis:
    name = "ε in the numerator scales like x², ε in the denominator like (∂f)²"
    if one_eps and np.any(factors != 1):
        return Hypothesis(name, Evidence.VIOLATED, "one ε for both, in all units")
    return Hypothesis(name, Evidence.PROVED, "c²ε and ε/c² are what the method is given")


def _bit_for_bit(run: RescaledRun) -> Certificate:
    n = min(len(run.points), len(run.original_points))
    gap = np.abs(run.points[1:n] - run.factors * run.original_points[1:n])
    flushed = _FLUSHED * run.factors
    return over_coordinates(
        _STATEMENT, gap, 0.0, flushed, left="|yₜ − c xₜ|", right="0, bit for bit"
    )


def _ratio(run: RescaledRun) -> np.ndarray:
    """‖steps on f̃, divided by c‖ over ‖steps in the units of x on the same gradients‖."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return lengths(run.steps / run.factors) / lengths(run.in_old_units)


def _one_eps_note(shared: RescaledRun) -> str:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(shared.steps / (shared.factors * shared.in_old_units))
        off = np.abs(np.nan_to_num(np.log(ratio), nan=0.0, posinf=0.0, neginf=0.0))
    far = np.any(off > np.log(2), axis=1)
    if not far.any():
        return "with one ε for both the rescaled steps stay within a factor 2 of c times the steps"
    t, i = np.unravel_index(np.argmax(off), off.shape)
    return (
        f"with one ε for both the rescaled steps are {ratio[t, i]:.3g} times c times the steps at "
        f"step {t + 1}, and off by a factor over 2 at {int(far.sum())} of {len(far)} steps"
    )


def _apart_note(run: RescaledRun) -> str:
    n = min(len(run.points), len(run.original_points))
    mapped = run.factors * run.original_points[:n]
    size = max(float(np.max(np.abs(mapped), initial=0.0)), np.finfo(float).tiny)
    apart = float(np.max(np.abs(run.points[:n] - mapped), initial=0.0)) / size
    return f"|yₜ − c xₜ| is at most {apart:.3g} of the largest |c xₜ| along the two runs"


def _ratios(scaled: RescaledRun, shared: RescaledRun) -> Curves:
    t = lambda ratio: np.arange(1.0, len(ratio) + 1)
    # Gradient descent's step on the same gradients: g/c where c g were asked.
    slopes = scaled.gradients[: len(scaled.steps)]
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = lengths(slopes / scaled.factors) / lengths(slopes * scaled.factors)
    return Curves(
        (
            Curve(t(_ratio(scaled)), _ratio(scaled), "AdaDelta, both ε rescaled"),
            Curve(t(_ratio(shared)), _ratio(shared), "AdaDelta, one ε"),
            Curve(t(plain), plain, "gradient descent"),
        ),
        xlabel="step",
        ylabel="rescaled step over c · step",
        title="steps in other units",
        yscale="log",
    )


def _distances(scaled: RescaledRun, shared: RescaledRun) -> Curves:
    """Each run in the units of x: how far it has come from x0."""

    def moved(points: np.ndarray, factors: np.ndarray | float, label: str) -> Curve:
        far = lengths((points - points[:1]) / factors)
        return Curve(np.arange(float(len(far))), far, label)

    return Curves(
        (
            moved(scaled.points, scaled.factors, "both ε rescaled, over c"),
            moved(shared.points, shared.factors, "one ε, over c"),
            replace(moved(scaled.original_points, 1.0, "in the units of x"), role="bound"),
        ),
        xlabel="step",
        ylabel="distance from the start, in the units of x",
        title="the runs",
    )
