"""The degrees of an array's entries: one form for all, or forms that vary along some axes.

degree[i] = base + Σ parts, where a part is an array of forms with size 1 along each axis it does
not depend on. No two parts depend on the same axis, so that two degrees are equal as functions of
the index exactly when each part of their difference is constant: a weight matrix with a factor for
each row and each column costs rows + columns forms, not rows × columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.homogeneity._form import ZERO, Coefficient, Form

_plus = np.frompyfunc(lambda a, b: a + b, 2, 1)
Parts = tuple[np.ndarray, ...]


class Degrees(NamedTuple):
    """See the module. `parts`: object arrays of forms, one axis for each of the array's."""

    base: Form
    parts: Parts = ()

    @property
    def is_zero(self) -> bool:
        return not self.parts and not self.base.terms

    def __add__(self, other: Degrees) -> Degrees:  # pyright: ignore[reportIncompatibleMethodOverride]
        base = self.base + other.base
        if not self.parts and not other.parts:
            return Degrees(base)
        return Degrees(base, disjoint([*self.parts, *other.parts]))

    def scaled(self, factor: Coefficient) -> Degrees:
        if not self.parts:
            return Degrees(self.base * factor)
        times = np.frompyfunc(lambda form: form * factor, 1, 1)
        return Degrees(self.base * factor, tuple(times(part) for part in self.parts))

    def mapped(self, move: Callable[[np.ndarray], np.ndarray]) -> Degrees:
        """Each part moved about as the array is."""
        if not self.parts:
            return self
        return disjoint_degrees(self.base, [move(part) for part in self.parts])

    def unequal_along(self, axes: Sequence[int]) -> tuple[Degrees, Iterator[tuple[Form, Form]]]:
        """The degrees with these axes taken at 0, and the pairs that must be equal for that."""
        if not any(part.shape[axis] > 1 for part in self.parts for axis in axes):
            return self, iter(())
        pairs: list[tuple[Form, Form]] = []

        def first(part: np.ndarray) -> np.ndarray:
            at = part
            for axis in axes:
                at = at.take([0], axis)
            if at.shape != part.shape:
                pairs.extend(distinct_pairs(part, at))
            return at

        return self.mapped(first), iter(pairs)

    def differences(self, other: Degrees) -> Iterator[tuple[Form, Form]]:
        """Pairs of forms that must be equal for the degrees to be."""
        if not self.parts and not other.parts:
            if self.base != other.base:
                yield self.base, other.base
            return
        left, right = self.base, other.base
        rest = disjoint([*self.parts, *other.scaled(-1).parts])
        for part in rest:
            corner = part.reshape(-1)[0]
            yield from distinct_pairs(part, np.full((1,) * part.ndim, corner, object))
            left = left + corner
        if left != right:
            yield left, right


INVARIANT = Degrees(ZERO)


def distinct_pairs(a: np.ndarray, b: np.ndarray) -> list[tuple[Form, Form]]:
    """The different unequal pairs of two arrays of forms that broadcast."""
    a, b = np.broadcast_arrays(a, b)
    pairs = dict.fromkeys(zip(a.reshape(-1), b.reshape(-1), strict=True))
    return [(x, y) for x, y in pairs if x != y]


def support(part: np.ndarray) -> frozenset[int]:
    """The axes that a part depends on."""
    return frozenset(axis for axis, size in enumerate(part.shape) if size > 1)


def disjoint(parts: Sequence[np.ndarray]) -> Parts:
    """Parts that share an axis added up, until none do."""
    done: list[np.ndarray] = []
    for part in parts:
        merged = part
        again = True
        while again:
            again = False
            for other in done:
                if support(other) & support(merged):
                    done = [d for d in done if d is not other]
                    merged, again = _plus(merged, other), True
                    break
        done.append(merged)
    return tuple(done)


def disjoint_degrees(base: Form, parts: Sequence[np.ndarray]) -> Degrees:
    """Parts that became constant go into the base; the others are compressed and made disjoint."""
    kept: list[np.ndarray] = []
    for part in parts:
        small = compressed(part)
        if small.size == 0:  # of an array without entries
            continue
        if small.size == 1:
            base = base + small.reshape(-1)[0]
        else:
            kept.append(small)
    return Degrees(base, disjoint(kept))


def compressed(part: np.ndarray) -> np.ndarray:
    """Axes along which nothing changes taken at 0."""
    if part.size <= 1:
        return part
    numbers: dict[Form, int] = {}
    ids = np.array([numbers.setdefault(f, len(numbers)) for f in part.reshape(-1)])
    ids = ids.reshape(part.shape)
    for axis, size in enumerate(part.shape):
        if size > 1 and np.all(ids == ids.take([0], axis)):
            part, ids = part.take([0], axis), ids.take([0], axis)
    return part


def of_known(forms: np.ndarray) -> Degrees | None:
    """The degrees of an array where None stands for what fits any; None if nothing else is there.

    Along an axis where the others have one degree in each line, all of the line has it.
    """
    numbers: dict[Form | None, int] = {None: -1}
    ids = np.array([numbers.setdefault(f, len(numbers) - 1) for f in forms.reshape(-1)], int)
    ids = ids.reshape(forms.shape)
    if not ids.size or ids.max() < 0:
        return None
    for axis in range(ids.ndim):
        most = ids.max(axis, keepdims=True)
        if np.all((ids == most) | (ids < 0)):
            ids = most
    ids[ids < 0] = 0
    distinct = np.array([*numbers][1:], object)
    return disjoint_degrees(ZERO, [distinct[ids]])


def along(forms: Sequence[Form], axis: int, rank: int) -> np.ndarray:
    """A part that varies along one axis."""
    part = np.empty(len(forms), object)
    part[:] = list(forms)
    shape = [1] * rank
    shape[axis] = len(forms)
    return part.reshape(shape)


def common_shape(rank: int, parts: Sequence[np.ndarray]) -> list[int]:
    """The shape that these parts broadcast to."""
    shapes = [(1,) * rank, *(part.shape for part in parts)]
    return [max(sizes) for sizes in zip(*shapes, strict=True)]


def dense(degrees: Degrees, shape: Sequence[int]) -> np.ndarray:
    """The form of every entry; only for small arrays or where parts already cover all axes."""
    total = np.full((1,) * len(shape), degrees.base, object)
    for part in degrees.parts:
        total = _plus(total, part)
    return np.broadcast_to(total, tuple(shape))


def moved(move: Callable[[np.ndarray], Any], shape: Sequence[int]) -> Callable[..., np.ndarray]:
    """How a part follows an array of this shape that `move` moves about."""

    def follow(part: np.ndarray) -> np.ndarray:
        ids = np.broadcast_to(np.arange(part.size).reshape(part.shape), tuple(shape))
        places = np.asarray(move(ids.astype(np.int32)))
        # What a gather fills in for a place outside fits any degree.
        return part.reshape(-1)[np.clip(places, 0, part.size - 1)]

    return follow
