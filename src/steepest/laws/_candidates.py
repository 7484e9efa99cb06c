"""Linear and quadratic forms of the parameters that fields keep: null spaces, in small fractions.

A form h is conserved where ⟨∇h(θ), χ(θ)⟩ = 0 for every field χ. For candidates h₁, h₂, … that is a
linear system in their coefficients, with an equation for each random point and field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.laws._law import Part, Term, along, in_whole_numbers, positive_first
from steepest.laws._rank import in_fractions, null_space

Shapes = Sequence[tuple[int, ...]]
Terms = tuple[Term, ...]
# (how many) → points and fields there, each cut into leaves with one leading axis.
Sample = Callable[[int], tuple[list[np.ndarray], list[np.ndarray]]]
_SPARE = 12  # equations more than unknowns
_PAIRS = 3_000_000  # numbers in a table of products
_MOST = 1500  # unknowns at once


def linear_forms(rows: np.ndarray, shapes: Shapes) -> list[Terms]:
    """Sums of entries. `rows` (more than D of them): fields, each at a point of its own."""
    used = np.flatnonzero(np.any(rows != 0, 0))
    basis = null_space(rows[:, used])
    if basis is None or not len(basis):
        return []
    return [
        tuple(_sums({int(used[i]): c for i, c in vector.items()}, shapes))
        for vector in in_fractions(basis)
    ]


def products_of_slices(sample: Sample, shapes: Shapes) -> Iterator[Terms]:
    """Forms Σ c ⟨W[a], W[b]⟩ over axes of one size, for one pair of indices a ≤ b at a time.

    This is W₁W₁ᵀ − W₂ᵀW₂ of two linear layers, and ‖w‖² + b² − ‖v‖² of a hidden unit.
    """
    for size, places in sorted(_axes_by_size(shapes).items()):
        count = len(places) + _SPARE
        if size**2 * len(places) * count > _PAIRS:
            continue
        points, moves = sample(count)
        if len(points[0]) < count:
            continue
        tables = [_table(points, moves, *place) for place in places]
        rates = np.stack([rate for rate, _ in tables], -1)
        sizes = np.max([largest for _, largest in tables], 0)
        rates /= np.where(sizes == 0, 1.0, sizes)[..., None]
        a, b = np.triu_indices(size)
        of_pairs = np.moveaxis(rates[:, a, b], 0, 1)  # pair, equation, place
        least = np.linalg.svd(of_pairs, compute_uv=False)[:, -1]
        for k in np.flatnonzero(least <= 1e-9):
            basis = null_space(of_pairs[k])
            for vector in in_fractions(basis) if basis is not None else []:
                chosen = [(c, places[i]) for i, c in vector.items()]
                yield _scaled(
                    [(c, _slices(shapes, *place, int(a[k]), int(b[k]))) for c, place in chosen]
                )


def all_products_of_slices(sample: Sample, shapes: Shapes) -> list[Terms]:
    """The same for all pairs of all axes together, where they are not too many."""
    places = [place for group in _axes_by_size(shapes).values() for place in group]
    sizes = [_size(shapes[leaf], axis) for leaf, axis in places]
    unknowns = sum(n * (n + 1) // 2 for n in sizes)
    if unknowns > _MOST:
        return []
    points, moves = sample(unknowns + _SPARE)
    columns, features = [], []
    for (leaf, axis), n in zip(places, sizes, strict=True):
        rate, _ = _table(points, moves, leaf, axis)
        a, b = np.triu_indices(n)
        columns.append(rate[:, a, b])
        features += [_slices(shapes, leaf, axis, int(i), int(j)) for i, j in zip(a, b, strict=True)]
    apart = [left != right for left, right in features]
    return _kept(
        np.concatenate(columns, 1), features, np.argsort(np.logical_not(apart), kind="stable")
    )


def all_products_of_entries(sample: Sample, shapes: Shapes) -> list[Terms]:
    """Every quadratic form, of few parameters."""
    entries = [Part(k, index) for k, shape in enumerate(shapes) for index in np.ndindex(*shape)]
    d = len(entries)
    if d + d * (d + 1) // 2 > _MOST:
        return []
    points, moves = sample(d + d * (d + 1) // 2 + _SPARE)
    flat = lambda leaves: np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], 1)
    at, move = flat(points), flat(moves)
    table = at[:, :, None] * move[:, None, :]
    table = table + np.swapaxes(table, 1, 2)
    a, b = np.triu_indices(d)
    features: list[tuple[Part, Part | None]] = [(entry, None) for entry in entries]
    features += [(entries[i], entries[j]) for i, j in zip(a, b, strict=True)]
    order = np.argsort([f[0] == f[1] for f in features], kind="stable")
    return _kept(np.concatenate([move, table[:, a, b]], 1), features, order)


def _kept(rates: np.ndarray, features: Sequence[Any], order: np.ndarray) -> list[Terms]:
    """What the null space of the rates says, with pivots sought in this order."""
    if len(rates) < rates.shape[1]:
        return []
    size = np.max(np.abs(rates), 1, keepdims=True)
    basis = null_space((rates / np.where(size == 0, 1.0, size))[:, order])
    if basis is None:
        return []
    return [
        _scaled([(c, features[order[i]]) for i, c in vector.items()])
        for vector in in_fractions(basis)
    ]


def _scaled(parts: Sequence[tuple[Fraction, Any]]) -> Terms:
    coefficients = in_whole_numbers([c for c, _ in parts])
    pairs = [pair for _, pair in parts]
    return positive_first([Term(c, *pair) for c, pair in zip(coefficients, pairs, strict=True)])


def _size(shape: tuple[int, ...], axis: int) -> int:
    return shape[axis] if shape else 1


def _axes_by_size(shapes: Shapes) -> dict[int, list[tuple[int, int]]]:
    """(leaf, axis) by the axis's size; of a leaf's axes of size 1 the first stands for all."""
    found: dict[int, list[tuple[int, int]]] = {}
    for leaf, shape in enumerate(shapes):
        for axis, size in enumerate(shape or (1,)):
            if size and not (size == 1 and 1 in shape[:axis]):
                found.setdefault(size, []).append((leaf, axis))
    return found


def _slices(shapes: Shapes, leaf: int, axis: int, a: int, b: int) -> tuple[Part, Part]:
    shape = shapes[leaf]
    if not shape:
        return Part(leaf), Part(leaf)
    if shape[axis] == 1:
        return Part(leaf), Part(leaf)
    return along(leaf, shape, axis, a), along(leaf, shape, axis, b)


def _table(
    points: Sequence[np.ndarray], moves: Sequence[np.ndarray], leaf: int, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """(S, n, n): the rates of all ⟨W[a], W[b]⟩, and the sizes of what they are summed from."""

    def rows(stack: np.ndarray) -> np.ndarray:
        if stack.ndim == 1:
            return stack.reshape(-1, 1, 1)
        moved = np.moveaxis(stack, axis + 1, 1)
        return moved.reshape(*moved.shape[:2], -1)

    W, move = rows(points[leaf]), rows(moves[leaf])
    both = lambda a, b: a @ np.swapaxes(b, 1, 2) + b @ np.swapaxes(a, 1, 2)
    return both(W, move), both(abs(W), abs(move))


def _sums(vector: dict[int, Fraction], shapes: Shapes) -> Iterator[Term]:
    """A sum of entries, with slices that are in it as a whole written as such."""
    order = sorted(vector)
    whole = in_whole_numbers([vector[i] for i in order])
    left = dict(zip(order, whole, strict=True))
    start = 0
    for leaf, shape in enumerate(shapes):
        size = int(np.prod(shape))
        values = np.array([float(left.get(start + i, 0)) for i in range(size)]).reshape(shape)
        numbers = np.arange(start, start + size).reshape(shape)
        for part in _parts(leaf, shape):
            inside = values[part.place].ravel()
            first = inside[0] if inside.size else 0.0
            if inside.size > 1 and first and np.all(inside == first):
                at = numbers[part.place].ravel()
                yield Term(left[int(at[0])], part)
                for i in at:
                    left.pop(int(i))
                values[part.place] = 0.0
        for index in np.argwhere(values):
            place = tuple(int(i) for i in index)
            yield Term(left[int(numbers[place])], Part(leaf, place))
        start += size


def _parts(leaf: int, shape: tuple[int, ...]) -> Iterator[Part]:
    yield Part(leaf)
    for axis, size in enumerate(shape):
        for index in range(size):
            yield along(leaf, shape, axis, index)
