"""The point x* that a run is compared with: a minimiser where one is known or found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from steepest.inputs import as_point
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.method_run import MethodRun
from steepest.theorems.problem import Problem, exceeds
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, in_words, lengths, split

_DIGITS = 4e-7  # of a minimizer that is given: float32 or printed ones must pass
_FARTHEST = 1e6  # times the size of the start: what is found beyond is no minimiser


class Comparator(NamedTuple):
    """x*, f there and where it comes from.

    Attributes:
        point: x*, flat.
        value: f(x*).
        origin: in words.
        stated: what is to be said of a minimizer that the user gave.
    """

    point: Float[np.ndarray, " d"]
    value: float
    origin: str
    stated: tuple[Hypothesis, ...] = ()


def comparator(p: Problem, run: MethodRun) -> Comparator:
    """The minimizer as given; else the lowest point known, of those solved for and those visited.

    A quadratic's minimiser is solved for, any other's is looked for by L-BFGS-B (Byrd, Lu, Nocedal,
    Zhu 1995), which finds none where there is none and need not find one at kinks.
    """
    known = _lowest(p, run)
    return known if p.minimizer is None else _given(p, known)


def _lowest(p: Problem, run: MethodRun) -> Comparator:
    t = int(np.argmin(run.values))
    visited = Comparator(run.points[t], float(run.values[t]), f"the lowest point visited, x_{t}")
    if p.quadratic is not None:
        x = p.quadratic.minimizer()
        if x is None:
            return visited
        return Comparator(x, p.value_at(x), "the minimiser, solved for")
    found = _found(p)
    return found if found is not None and found.value <= visited.value else visited


def _given(p: Problem, known: Comparator) -> Comparator:
    x = flat(as_point(p.minimizer, name="minimizer").leaves)
    value = p.value_at(x)
    # Its digits are the user's: f convex rises by ‖∇f‖ times what is cut off at most.
    travelled = float(np.linalg.norm(x - flat(p.program.start)))
    digits = _DIGITS * (float(np.linalg.norm(x)) + 1e-3 * travelled)
    slope = float(lengths(p.gradient(split(x, p.program.start))[None])[0])
    rise = digits * slope if np.isfinite(slope) else 0.0
    lower = exceeds(value, known.value, p.noise(p.program.start) + rise)
    at = f"f = {value:.6g} there"
    if lower:
        at += f", but {known.value:.6g} at {in_words(known.point)}, {known.origin}"
    evidence = Evidence.VIOLATED if lower else Evidence.GIVEN
    return Comparator(
        x, value, "the minimizer given", (Hypothesis("the minimizer as stated", evidence, at),)
    )


def _found(p: Problem) -> Comparator | None:
    from scipy.optimize import minimize  # here: it is slow to import

    x0 = flat(p.program.start)

    def value_and_slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        return p.value_at(x), p.gradient(split(x, p.program.start))

    with np.errstate(all="ignore"):
        options = {"ftol": 4 * EPS, "gtol": 1e-12}
        x = minimize(value_and_slope, x0, jac=True, method="L-BFGS-B", options=options).x
    value = p.value_at(x)
    if not np.isfinite(value) or np.linalg.norm(x) > _FARTHEST * (1 + np.linalg.norm(x0)):
        return None
    slope = float(lengths(p.gradient(split(x, p.program.start))[None])[0])
    there = f", ‖∇f‖ = {slope:.3g} there" if np.isfinite(slope) else ""
    return Comparator(x, value, f"found by L-BFGS-B{there}")
