"""Rescalings that leave a function unchanged: slices of leaves against one another.

Each slice of each leaf (one index along one axis) gets an exponent of its own. The requirements of
the reading are then linear equations between exponents, and with "the result has degree 0" their
solutions are the rescalings that the rules prove: for a ReLU network one for each hidden unit, with
its incoming weights multiplied by c and its outgoing ones divided by it (Neyshabur, Salakhutdinov,
Srebro 2015).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.homogeneity._degrees import Degrees, along
from steepest.homogeneity._form import ZERO, Coefficient, Form, unknown
from steepest.homogeneity._interpretation import Interpretation
from steepest.homogeneity._value import Value
from steepest.inputs import Point, as_point

Vector = dict[int, Coefficient]


@dataclass(frozen=True)
class Slice:
    """A leaf, or one index along one of its axes, with its power of c.

    Attributes:
        leaf: the leaf's number.
        name: how a person writes the leaf.
        axis, index: which slice; None for the whole leaf.
        exponent: the entries are multiplied by c to this power, once for each slice they are in.
    """

    leaf: int
    name: str
    axis: int | None
    index: int | None
    rank: int
    exponent: Fraction

    def __str__(self) -> str:
        place = ""
        if self.axis is not None:
            marks = [":"] * self.rank
            marks[self.axis] = str(self.index)
            place = f"[{', '.join(marks)}]"
        power = {1: "· c", -1: "/ c"}.get(self.exponent, f"· c^({self.exponent})")  # pyright: ignore
        return f"{self.name}{place} {power}"


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


def find_rescalings(closed: jex_core.ClosedJaxpr, point: Point) -> tuple[Rescaling, ...]:
    """A basis of the rescalings that the rules prove, each with as few entries as was found."""
    slices = _Slices(point)
    reading = Interpretation()
    with jax.enable_x64(True), np.errstate(all="ignore"):
        outs = reading.run(closed, [Value(d, real=True) for d in slices.degrees])
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


class _Slices:
    """The unknowns: one for each index along each axis of each leaf.

    A factor for all rows and its inverse for all columns do nothing: the first index of every axis
    but one has none.
    """

    def __init__(self, point: Point):
        self.point = point
        self.count = 0
        self.degrees: list[Degrees] = []
        self.places: list[tuple[int, int, int]] = []  # leaf, axis, index of each unknown
        for number, leaf in enumerate(point.leaves):
            shape = np.shape(leaf)
            if not shape:
                self.degrees.append(Degrees(self._new(number, 0, 0)))
                continue
            base, parts = ZERO, []
            for axis, size in enumerate(shape):
                forms = [
                    ZERO if axis and not index else self._new(number, axis, index)
                    for index in range(size)
                ]
                if size > 1:
                    parts.append(along(forms, axis, len(shape)))
                elif size == 1:
                    base = base + forms[0]
            self.degrees.append(Degrees(base, tuple(parts)))

    def _new(self, leaf: int, axis: int, index: int) -> Form:
        self.places.append((leaf, axis, index))
        self.count += 1
        return unknown(self.count - 1)

    def starts(self) -> dict[tuple[int, int], int]:
        """Where each leaf's axis begins in a vector of all slices, those without unknown too."""
        places, total = {}, 0
        for leaf, array in enumerate(self.point.leaves):
            for axis, size in enumerate(np.shape(array) or (1,)):
                places[leaf, axis] = total
                total += size
        return places

    def entries(self) -> np.ndarray:
        """How many entries each slice has."""
        counts = []
        for array in self.point.leaves:
            for size in np.shape(array) or (1,):
                counts += [np.size(array) / max(size, 1)] * size
        return np.array(counts)

    def gauges(self) -> list[dict[int, float]]:
        """What does nothing: every index of an axis against every one of the first."""
        starts, found = self.starts(), []
        for leaf, array in enumerate(self.point.leaves):
            shape = np.shape(array)
            for axis in range(1, len(shape)):
                rows = {starts[leaf, axis] + k: 1.0 for k in range(shape[axis])}
                found.append(rows | {starts[leaf, 0] + k: -1.0 for k in range(shape[0])})
        return found

    def by_leaf(self, vector: Vector) -> Iterator[tuple[int, list[Vector]]]:
        """For each leaf that takes part, the exponents along each of its axes."""
        leaves: dict[int, list[Vector]] = {}
        for u, c in vector.items():
            leaf, axis, index = self.places[u]
            rank = max(np.ndim(self.point.leaves[leaf]), 1)
            leaves.setdefault(leaf, [{} for _ in range(rank)])[axis][index] = c
        yield from leaves.items()

    def support(self, vector: Vector) -> int:
        """How many entries are multiplied by something."""
        total = 0
        for leaf, axes in self.by_leaf(vector):
            shape = np.shape(self.point.leaves[leaf]) or (1,)
            sums: Counter[Coefficient] = Counter({0: 1})
            for size, exponents in zip(shape, axes, strict=True):
                counts = Counter(exponents.values())
                counts[0] += size - len(exponents)
                both: Counter[Coefficient] = Counter()
                for (a, m), (b, n) in itertools.product(sums.items(), counts.items()):
                    both[a + b] += m * n
                sums = both
            total += sum(sums.values()) - sums[0]
        return total

    def named(self, vector: Vector) -> Iterator[Slice]:
        for leaf, axes in self.by_leaf(vector):
            array, name = self.point.leaves[leaf], self.point.names[leaf]
            shape = np.shape(array)
            options = [_common(e, size) for e, size in zip(axes, shape or (1,), strict=True)]
            chosen = min(itertools.product(*options), key=lambda c: _listed(axes, shape or (1,), c))
            whole = sum(chosen)
            if whole or not shape:
                exponent = whole if shape else axes[0].get(0, 0)
                if exponent:
                    yield Slice(leaf, name, None, None, len(shape), Fraction(exponent))
            if not shape:
                continue
            for axis, (exponents, usual) in enumerate(zip(axes, chosen, strict=True)):
                for index in range(shape[axis]):
                    rest = exponents.get(index, 0) - usual
                    if rest:
                        yield Slice(leaf, name, axis, index, len(shape), Fraction(rest))


def _common(exponents: Vector, size: int) -> list[Coefficient]:
    """The exponents met most often along an axis: candidates for what counts as usual."""
    counts = Counter(exponents.values())
    counts[0] += size - len(exponents)
    return [c for c, n in counts.most_common(3) if n] or [0]


def _listed(
    axes: Sequence[Vector], shape: Sequence[int], usual: Sequence[Coefficient]
) -> tuple[int, int]:
    """How many slices are named where these exponents are the usual ones."""
    off = 0
    for exponents, size, u in zip(axes, shape, usual, strict=True):
        same = sum(c == u for c in exponents.values()) + (size - len(exponents)) * (u == 0)
        off += size - same
    return off + bool(sum(usual)), sum(map(abs, usual)) != 0


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


def _sparsified(vectors: list[Vector], slices: _Slices) -> list[Vector]:
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


def _multiples(v: Vector, others: list[Vector], slices: _Slices) -> list[Fraction]:
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
