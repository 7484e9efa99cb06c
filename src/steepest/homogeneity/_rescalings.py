"""Rescalings that leave a function unchanged: slices of leaves against one another.

Each slice of each leaf (one index along one axis) gets an exponent of its own. The requirements of
the reading are then linear equations between exponents, and with "the result has degree 0" their
solutions are the rescalings that the rules prove: for a ReLU network one for each hidden unit, with
its incoming weights multiplied by c and its outgoing ones divided by it (Neyshabur, Salakhutdinov,
Srebro 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.homogeneity._degrees import INVARIANT
from steepest.homogeneity._form import Coefficient, Form
from steepest.homogeneity._interpretation import Interpretation
from steepest.homogeneity._slices import Slice, Slices, Vector
from steepest.homogeneity._value import Value
from steepest.inputs import Point, as_point


@dataclass(frozen=True)
class Rescaling:
    """Multiply each slice by its power of c: f stays what it is, for every c > 0.

    Attributes:
        slices: which, and by what power.
    """

    slices: tuple[Slice, ...]

    def exponents(self, params: PyTree) -> PyTree:
        """The power of c for every entry: a pytree like params of float64 arrays."""
        point = as_point(params, name="params", finite=False)
        totals = [np.zeros(np.shape(leaf)) for leaf in point.leaves]
        for s in self.slices:
            place: list[Any] = [slice(None)] * s.rank
            if s.axis is not None:
                place[s.axis] = s.index
            totals[s.leaf][tuple(place)] += float(s.exponent)
        return point.restore(totals)

    def apply(self, params: PyTree, c: Any) -> PyTree:
        """The rescaled params, in their own types.

        Args:
            params: a pytree of the shapes that were asked about.
            c: the factor, > 0.
        """
        point = as_point(params, name="params", finite=False)
        powers = as_point(self.exponents(params), name="exponents").leaves
        scaled = [
            leaf * (c**power).astype(leaf.dtype)
            for leaf, power in zip(point.leaves, powers, strict=True)
        ]
        return point.restore(scaled)

    def __str__(self) -> str:
        return ", ".join(map(str, self.slices))


def find_rescalings(
    closed: jex_core.ClosedJaxpr, point: Point, *, data: int = 0
) -> tuple[Rescaling, ...]:
    """A basis of the rescalings that the rules prove, each with as few entries as was found.

    Args:
        closed: the program of the point's leaves.
        point: the parameters.
        data: how many further inputs the program has, which nothing rescales and of which nothing
            is known.
    """
    slices = Slices(point)
    reading = Interpretation()
    with jax.enable_x64(True), np.errstate(all="ignore"):
        given = [Value(INVARIANT, real=True) for _ in range(data)]
        outs = reading.run(closed, [*(Value(d, real=True) for d in slices.degrees), *given])
        ranks = [len(var.aval.shape) for var in closed.jaxpr.outvars]  # pyright: ignore[reportAttributeAccessIssue]
        degree = reading.result(outs, ranks)
    if any(r.never for r in reading.requirements):
        return ()
    equations = [r.left - r.right for r in reading.requirements]
    if degree is not None:
        equations.append(degree)
    vectors = _sparsified(solutions(equations, slices.count), slices)
    found = [Rescaling(tuple(slices.named(v))) for v in vectors]
    return tuple(r for r in found if r.slices)


def solutions(equations: Sequence[Form], count: int) -> list[Vector]:
    """A basis of the vectors on which all these forms are 0, by exact elimination.

    Each equation is solved for its last unknown, so that the free ones come first.
    """
    solved: dict[int, Vector] = {}

    def substituted(terms: Vector) -> Vector:
        terms = dict(terms)
        while True:
            known = [u for u in terms if u in solved]
            if not known:
                return terms
            for u in known:
                if u in terms:  # it may have cancelled meanwhile
                    _add(terms, solved[u], terms.pop(u))

    for form in equations:
        row = substituted(dict(form.terms))
        if row:
            last = max(row)
            pivot = row.pop(last)
            solved[last] = {u: -Fraction(c) / pivot for u, c in row.items()}
    basis: dict[int, Vector] = {u: {u: 1} for u in range(count) if u not in solved}
    for u in sorted(solved):
        for free, c in substituted(solved[u]).items():
            basis[free][u] = c
    return list(basis.values())


def _add(terms: Vector, others: Vector, factor: Coefficient) -> None:
    for u, c in others.items():
        total = terms.get(u, 0) + factor * c
        if total:
            terms[u] = total
        else:
            terms.pop(u, None)


def _sparsified(vectors: list[Vector], slices: Slices) -> list[Vector]:
    """The same span with fewer entries in the vectors that have most.

    Each such vector v gets the multiples of the others added that make Σ entries · |exponent| the
    least: a linear program, whose solution is at a corner and so rational; it is rounded to small
    fractions, and any multiples of the others leave the span as it is.
    """
    sizes = [slices.support(v) for v in vectors]
    if len(vectors) < 2 or slices.count > _LARGEST:
        return vectors
    order = sorted(range(len(vectors)), key=lambda i: -sizes[i])
    if len(vectors) > _FEW:  # most are of one unit, with a few exponents each; the others are not
        order = [i for i in order if len(vectors[i]) > _LONG][:_FEW]
    for i in order:
        others = [u for j, u in enumerate(vectors) if j != i]
        changed = dict(vectors[i])
        for multiple, u in zip(_multiples(vectors[i], others, slices), others, strict=True):
            if multiple:
                _add(changed, u, multiple)
        size = slices.support(changed)
        if size < sizes[i]:
            vectors[i], sizes[i] = changed, size
    return vectors


_FEW, _LONG, _LARGEST = 40, 16, 20_000


def _multiples(v: Vector, others: list[Vector], slices: Slices) -> list[Fraction]:
    """y minimizing Σ_s entries(s) |v + Σ y_j others_j + gauge|_s."""
    from scipy import sparse  # here, since few ask for rescalings and it is slow to import
    from scipy.optimize import linprog

    gauges = slices.gauges()
    starts, weights = slices.starts(), slices.entries()
    row = lambda u: starts[slices.places[u][:2]] + slices.places[u][2]
    columns = [{row(u): float(c) for u, c in w.items()} for w in others] + gauges
    n, m = len(weights), len(columns)
    entries = [(r, j, c) for j, column in enumerate(columns) for r, c in column.items()]
    r, j, c = zip(*entries, strict=True) if entries else ((), (), ())
    A = sparse.csr_array((c, (r, j)), shape=(n, m))
    identity = sparse.eye_array(n)
    b = np.zeros(n)
    for u, value in v.items():
        b[row(u)] = -float(value)
    # A y + plus − minus = −v, so that plus + minus = |v + A y|.
    found = linprog(
        np.concatenate([np.zeros(m), weights, weights]),
        A_eq=sparse.hstack([A, identity, -identity], format="csr"),
        b_eq=b,
        bounds=[(None, None)] * m + [(0, None)] * (2 * n),
        method="highs",
    )
    if not found.success:
        return [Fraction(0)] * len(others)
    return [Fraction(float(y)).limit_denominator(64) for y in found.x[: len(others)]]
