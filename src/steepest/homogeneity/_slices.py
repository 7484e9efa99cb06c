"""Slices of leaves, each with an unknown exponent: what rescalings are made of, and their names.

A slice is one index along one axis of one leaf. A vector gives exponents to the unknowns of slices;
the same rescaling of a matrix can be written by its rows and by its columns, and the shorter way is
the one that is said.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from steepest.homogeneity._degrees import Degrees, along
from steepest.homogeneity._form import ZERO, Coefficient, Form, unknown
from steepest.inputs import Point

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


class Slices:
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
