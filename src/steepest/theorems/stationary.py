"""The point where ∇f vanishes, as well as double precision can tell."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from steepest.theorems.accelerated_run import Accelerator, Comparator
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import flat, split

_MOST_STEPS = 50_000


def find_stationary(
    p: Problem, accelerator: Accelerator, L: float, mu: float, start: Float[np.ndarray, " d"]
) -> Comparator:
    """Nesterov's method from `start` until ‖∇f‖ no longer halves, the best point on the way.

    Each round of 4√κ steps shrinks the gap's bound by e⁻⁴. ‖∇f‖ may lie below its own bound by a
    factor √κ, and so need not fall for the first few.
    """
    kappa = L / mu
    count = math.ceil(4 * math.sqrt(kappa)) + 10
    patience = 2 + math.ceil(math.log(kappa) / 4)
    x = split(start, p.program.start)
    v = [np.zeros_like(leaf) for leaf in x]
    best, least, waited, spent = start, math.inf, 0, 0
    while waited <= patience and spent <= _MOST_STEPS:
        taken = 0 if spent == 0 else count  # the start may be it
        x, v, gradient = accelerator.advance(L, mu, taken, x, v)
        spent += max(taken, 1)
        size = float(np.linalg.norm(gradient))
        if not math.isfinite(size):
            break
        waited = 0 if size <= least / 2 else waited + 1
        if size < least:
            best, least = flat(x), size
        if size == 0:
            break
    return Comparator(best, p.value_at(best), least)
