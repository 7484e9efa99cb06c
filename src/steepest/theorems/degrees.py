"""A function's degree of homogeneity, as a theorem's hypothesis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.errors import ArgumentError
from steepest.homogeneity import Counterexample, DegreeRecord, homogeneity
from steepest.pieces import is_double_enabled
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.problem import Problem
from steepest.theorems.sampling import generator, points_around
from steepest.theorems.vectors import flat, in_words

Degree = float | int | Fraction


def checked_degree(degree: Degree) -> float:
    """A degree as a number.

    Raises:
        ArgumentError: it is not finite.
    """
    if not math.isfinite(degree):
        raise ArgumentError(f"degree is {degree}; it must be a finite number.")
    return float(degree)


def degree_of(p: Problem, leaves: Sequence[int] | None = None) -> DegreeRecord:
    """What the rules of `homogeneity` know of f's degree in these leaves together; None: in all.

    A counterexample's params are the leaves of x0, in order.
    """
    if leaves is not None and len(leaves) == 1:
        return degrees_of_leaves(p)[leaves[0]]
    if leaves is not None and len(leaves) < len(p.program.point.leaves):
        return _of_several(p, list(leaves))
    with _as_traced(p):
        return homogeneity(_of_leaves(p))(list(p.program.point.leaves))


def degrees_of_leaves(p: Problem) -> list[DegreeRecord]:
    """What they know of its degree in each leaf of x0 alone."""
    with _as_traced(p):
        return homogeneity(_of_leaves(p))(list(p.program.point.leaves)).leaves


def _of_leaves(p: Problem) -> Callable[[list[Any]], Any]:
    return lambda leaves: p.f(p.program.point.restore(leaves))


def _as_traced(p: Problem) -> Any:
    """A problem whose x0 holds float64 numbers is traced in float64, and so evaluated here."""
    holds_double = any(leaf.dtype == np.float64 for leaf in p.program.point.leaves)
    return jax.enable_x64(holds_double or is_double_enabled())


def _of_several(p: Problem, chosen: list[int]) -> DegreeRecord:
    """Several leaves but not all: as slices of one vector, which is a leaf of its own."""
    given = p.program.point.leaves
    shapes = [given[i].shape for i in chosen]
    ends = np.cumsum([given[i].size for i in chosen]).tolist()
    fixed = [i for i in range(len(given)) if i not in chosen]

    def apart(variables: Sequence[Any]) -> list[Any]:
        vector, *others = variables
        leaves = dict(zip(fixed, others, strict=True))
        for i, shape, end in zip(chosen, shapes, ends, strict=True):
            leaf = vector[end - math.prod(shape) : end].reshape(shape)
            leaves[i] = leaf.astype(given[i].dtype)
        return [leaves[i] for i in range(len(given))]

    with _as_traced(p):
        vector = jnp.concatenate([jnp.ravel(given[i]) for i in chosen])
        of_each = homogeneity(lambda variables: _of_leaves(p)(apart(variables)))
        record = of_each([vector, *(given[i] for i in fixed)]).leaves[0]
    if record.counterexample is None:
        return record
    alpha, variables = record.counterexample
    found = Counterexample(alpha, apart(variables))
    return DegreeRecord(record.status, record.degree, record.reason, found)


def judged(
    p: Problem, record: DegreeRecord, degree: Degree | None, leaves: Sequence[int] | None = None
) -> Hypothesis:
    """That f has this degree (None: some degree) in these leaves together (None: in all).

    *Proved* by the rules of `homogeneity`; *violated* where they prove another degree, or a point
    refutes all; else *unknown*.
    """
    name = "f is positively homogeneous of "
    name += "some degree" if degree is None else f"degree {as_fraction(degree)}"
    if leaves is not None:
        name += f" in {' and '.join(p.program.point.names[i] for i in leaves)}"
    if record.counterexample is not None:
        chosen = range(len(p.program.start)) if leaves is None else leaves
        seen = _in_numbers(p, record.counterexample, chosen)
        return Hypothesis(name, Evidence.VIOLATED, f"{seen}: {record.reason}")
    if record.degree is None:
        return Hypothesis(name, Evidence.UNKNOWN, record.reason)
    if record.degree == "any" or degree is None or math.isclose(record.degree, degree):
        proved = "every degree, f being 0" if record.degree == "any" else f"degree {record.degree}"
        return Hypothesis(name, Evidence.PROVED, f"{proved}, {record.reason}")
    proved = f"the rules prove degree {record.degree}"
    for x in points_around(flat(p.program.start), generator(None)):
        value = p.value_at(x)
        if math.isfinite(value) and value != 0:
            detail = f"{proved}, and f is {value:.6g} at {in_words(x)}"
            return Hypothesis(name, Evidence.VIOLATED, detail)
    # The function 0 has every degree.
    detail = f"{proved}, but no point is seen where f is not 0"
    return Hypothesis(name, Evidence.UNKNOWN, detail)


def _in_numbers(p: Problem, found: Counterexample, chosen: Sequence[int]) -> str:
    """The counterexample, with f as evaluated there."""
    leaves = [np.asarray(leaf, np.float64) for leaf in found.params]

    def value(power: int) -> float:
        scale = [found.alpha**power if i in chosen else 1.0 for i in range(len(leaves))]
        return p.value_at(flat([s * leaf for s, leaf in zip(scale, leaves, strict=True)]))

    once, twice = (f"f({found.alpha**power:g}x)" for power in (1, 2))
    values = ", ".join(f"{value(power):.6g}" for power in range(3))
    return (
        f"f(x), {once}, {twice} = {values} at {in_words(flat(leaves))}, where every degree has "
        f"{once}² = f(x) {twice}"
    )


def as_fraction(degree: Degree) -> str:
    """7/4 rather than 1.75, where that is what it is."""
    near = Fraction(degree).limit_denominator(64)
    return str(near) if math.isclose(near, degree) else f"{float(degree):g}"
