"""The point where ∇f vanishes, as well as double precision can tell."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from steepest.theorems.accelerated_run import Accelerator, Comparator, coefficients
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import flat, length, split

_MOST_STEPS = 50_000


def find_stationary(
    p: Problem, accelerator: Accelerator, L: float, mu: float, start: Float[np.ndarray, " d"]
) -> Comparator:
    """Nesterov's method from `start` until ‖∇f‖ no longer halves, the best point on the way.

    Each round of 4√κ steps shrinks the gap's bound by e⁻⁴. ‖∇f‖ may lie below its own bound by a
    factor √κ, and so need not fall for the first few. Where automatic differentiation gives NaN in
    the midst of a round the round is made step by step, and its lookaheads are looked at, too.
    """
    kappa = L / mu
    count = math.ceil(4 * math.sqrt(kappa)) + 10
    patience = 2 + math.ceil(math.log(kappa) / 4)
    x = split(start, p.program.start)
    v = [np.zeros_like(leaf) for leaf in x]
    best, least, waited, spent = start, math.inf, 0, 0
    while waited <= patience and spent <= _MOST_STEPS:
        taken = 0 if spent == 0 else count  # the start may be it
        before = x, v
        x, v, _ = accelerator.advance(L, mu, taken, x, v)
        spent += max(taken, 1)
        size = _slope(p, flat(x))
        if not math.isfinite(size):
            return _step_by_step(p, accelerator, (L, mu), before, Comparator(best, 0.0, least))
        waited = 0 if size <= least / 2 else waited + 1
        if size < least:
            best, least = flat(x), size
        if size == 0:
            break
    return Comparator(best, p.value_at(best), least)


def _step_by_step(
    p: Problem,
    accelerator: Accelerator,
    constants: tuple[float, float],
    state: tuple[list[np.ndarray], list[np.ndarray]],
    known: Comparator,
) -> Comparator:
    """The best point, by ‖∇f‖, of the steps and their lookaheads as long as they are finite."""
    eta, m = coefficients(*constants)
    best, least, (x, v) = known.x, known.gradient_norm, state
    for _ in range(math.ceil(4 * math.sqrt(constants[0] / constants[1])) + 10):
        for point in (flat(x), flat(x) + eta * m * flat(v)):
            size = _slope(p, point)
            if size < least:
                best, least = point, size
        x, v, _ = accelerator.advance(*constants, 1, x, v)
    return Comparator(best, p.value_at(best), least)


def _slope(p: Problem, x: Float[np.ndarray, " d"]) -> float:
    """‖∇f(x)‖; NaN where x is not finite."""
    return length(p.derivatives.gradient(x)) if np.isfinite(x).all() else math.nan
