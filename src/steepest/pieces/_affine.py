"""Arrays that are affine in a vector, kept sparse, and what a program does with them.

Each number of such an array is a row of a sparse matrix times the vector, plus a constant. What
moves numbers about is applied to *labels*, the numbers' positions, and the rows follow; the rest
are the few operations under which affine stays affine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from steepest.pieces._concrete import evaluate

_MOST_ENTRIES = 20_000_000


class NotAffine(Exception):  # noqa: N818 - not an error, an answer
    """The result would not be affine, or is too dense to be kept."""


@dataclass(frozen=True)
class Affine:
    """An array of affine forms.

    Attributes:
        shape: of the array.
        rows: a CSR matrix with one row for each number, in C order.
        constants: one for each number.
    """

    shape: tuple[int, ...]
    rows: Any
    constants: np.ndarray

    @property
    def size(self) -> int:
        return len(self.constants)

    @property
    def positions(self) -> np.ndarray:
        return np.arange(self.size).reshape(self.shape)

    def widened(self, width: int) -> Affine:
        """The same, of a longer vector."""
        return Affine(self.shape, _of_width(self.rows, width), self.constants)

    def mapped(self, matrix: Any, shape: tuple[int, ...]) -> Affine:
        """A sparse matrix times the numbers."""
        rows = sp.csr_array(matrix @ self.rows)
        if rows.nnz > _MOST_ENTRIES:
            raise NotAffine
        return Affine(shape, rows, matrix @ self.constants)

    def taken(self, positions: np.ndarray) -> Affine:
        """The numbers at some positions."""
        flat = positions.reshape(-1)
        return Affine(positions.shape, self.rows[flat], self.constants[flat])

    def scaled(self, factors: np.ndarray) -> Affine:
        """Each number times its factor."""
        flat = np.broadcast_to(factors, self.shape).reshape(-1)
        with np.errstate(invalid="ignore"):
            constants = self.constants * flat
        return Affine(self.shape, sp.csr_array(sp.diags_array(flat) @ self.rows), constants)

    def broadcast(self, shape: tuple[int, ...]) -> Affine:
        if shape == self.shape:
            return self
        return self.taken(np.broadcast_to(self.positions, shape))


def constant(value: Any, width: int) -> Affine:
    """An array that does not vary."""
    value = np.asarray(value, np.float64)
    return Affine(value.shape, sp.csr_array((value.size, width)), value.reshape(-1))


def stacked(parts: list[Affine]) -> Affine:
    """All numbers of several arrays, one after the other."""
    width = max(part.rows.shape[1] for part in parts)
    rows = [_of_width(part.rows, width) for part in parts]
    constants = np.concatenate([part.constants for part in parts])
    joined = sp.csr_array(sp.vstack(rows, format="csr"))
    return Affine((len(constants),), joined, constants)


def _of_width(rows: Any, width: int) -> Any:
    return sp.csr_array((rows.data, rows.indices, rows.indptr), shape=(rows.shape[0], width))


def labelled(values: list[Any]) -> tuple[Affine, list[Any]]:
    """The numbers of all floating arrays in one, and the arrays with labels 1, 2, … in their place.

    The labels are floats, so that whatever takes the numbers takes them; indices stay.
    """
    forms, labels, count = [], [], 0
    for value in values:
        if not isinstance(value, Affine):
            if np.asarray(value).dtype != np.float64:
                labels.append(value)
                continue
            value = constant(value, 0)
        forms.append(value)
        labels.append(value.positions + float(count + 1))
        count += value.size
    return stacked(forms), labels


def moved(eqn: Any, values: list[Any]) -> list[Affine]:
    """The results of an equation that moves numbers about."""
    forms, labels = labelled(values)
    outs = evaluate(eqn, labels)
    if not all(np.all(out >= 1) for out in outs):  # a number that is none of the operands'
        raise NotAffine
    return [forms.taken(np.asarray(np.asarray(out, int) - 1)) for out in outs]


# ---- operations that keep affine affine: (equation, inputs) → result


def _sum(sign: float) -> Callable[[Any, list[Any]], Affine]:
    def rule(eqn: Any, values: list[Any]) -> Affine:
        forms = [v if isinstance(v, Affine) else constant(v, 0) for v in values]
        shape = np.broadcast_shapes(*(form.shape for form in forms))
        width = max(form.rows.shape[1] for form in forms)
        a, b = (form.broadcast(shape).widened(width) for form in forms)
        rows = sp.csr_array(a.rows + b.rows if sign > 0 else a.rows - b.rows)
        with np.errstate(invalid="ignore"):
            return Affine(shape, rows, a.constants + sign * b.constants)

    return rule


def _times(eqn: Any, values: list[Any]) -> Affine:
    a, b = values
    if isinstance(a, Affine) and isinstance(b, Affine):
        raise NotAffine
    form, factor = (a, b) if isinstance(a, Affine) else (b, a)
    shape = np.broadcast_shapes(form.shape, np.shape(factor))
    return form.broadcast(shape).scaled(factor)


def _over(eqn: Any, values: list[Any]) -> Affine:
    a, b = values
    if isinstance(b, Affine) or not np.all(b):
        raise NotAffine
    # Not times 1 / b, which rounds twice.
    shape = np.broadcast_shapes(a.shape, np.shape(b))
    form, divisors = a.broadcast(shape), np.broadcast_to(b, shape).reshape(-1)
    data = form.rows.data / np.repeat(divisors, np.diff(form.rows.indptr))
    rows = sp.csr_array((data, form.rows.indices, form.rows.indptr), shape=form.rows.shape)
    return Affine(shape, rows, form.constants / divisors)


def _power(eqn: Any, values: list[Any]) -> Affine:
    if eqn.params["y"] != 1:
        raise NotAffine
    return values[0]


def _reduce_sum(eqn: Any, values: list[Any]) -> Affine:
    (form,) = values
    axes = tuple(eqn.params["axes"])
    shape = tuple(n for axis, n in enumerate(form.shape) if axis not in axes)
    to = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
    to = np.broadcast_to(np.expand_dims(to, axes), form.shape)
    return _collected(form, to, form.positions, shape)


def _cumsum(eqn: Any, values: list[Any]) -> Affine:
    (form,) = values
    axis, reverse = eqn.params["axis"], eqn.params["reverse"]
    length = form.shape[axis]
    if form.size * length > _MOST_ENTRIES:
        raise NotAffine
    lines = np.moveaxis(form.positions, axis, 0).reshape(length, -1)
    to, of = np.triu_indices(length) if reverse else np.tril_indices(length)
    return _collected(form, lines[to], lines[of], form.shape)


def _collected(form: Affine, to: np.ndarray, of: np.ndarray, shape: tuple[int, ...]) -> Affine:
    """Sums: number `of` goes into number `to`."""
    size = int(np.prod(shape, dtype=int))
    pairs = (to.reshape(-1), of.reshape(-1))
    sums = sp.coo_array((np.ones(len(pairs[0])), pairs), shape=(size, form.size))
    return form.mapped(sp.csr_array(sums), shape)


def _product(eqn: Any, values: list[Any]) -> Affine:
    """A product of arrays, one of them constant, as a sparse matrix on the numbers of the other."""
    a, b = values
    if isinstance(a, Affine) and isinstance(b, Affine):
        raise NotAffine
    (left, right), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    sides = [(a, left, left_batch), (b, right, right_batch)]
    arranged, free = [], []
    for value, summed, batch in sides:
        array = value.positions if isinstance(value, Affine) else np.asarray(value)
        rest = [axis for axis in range(array.ndim) if axis not in {*summed, *batch}]
        free.append([array.shape[axis] for axis in rest])
        sizes = [
            int(np.prod([array.shape[x] for x in axes], dtype=int))
            for axes in (batch, rest, summed)
        ]
        arranged.append(array.transpose([*batch, *rest, *summed]).reshape(sizes))
    shape = (*(a.shape[axis] for axis in left_batch), *free[0], *free[1])
    # (batch, free of a, free of b): the numbers of the result.
    out = np.arange(int(np.prod(shape, dtype=int))).reshape(
        arranged[0].shape[0], arranged[0].shape[1], arranged[1].shape[1]
    )
    form, factors, positions = (a, *arranged[::-1]) if isinstance(a, Affine) else (b, *arranged)
    if isinstance(a, Affine):
        out = out.swapaxes(1, 2)  # (batch, free of the factors, free of the forms)
    batch, row, summed = np.nonzero(factors)
    entries = len(batch) * positions.shape[1]
    if entries > _MOST_ENTRIES:
        raise NotAffine
    data = np.repeat(factors[batch, row, summed], positions.shape[1])
    pairs = (out[batch, row].reshape(-1), positions[batch, :, summed].reshape(-1))
    matrix = sp.coo_array((data, pairs), shape=(out.size, form.size))
    return form.mapped(sp.csr_array(matrix), shape)


OPERATIONS: dict[str, Callable[[Any, list[Any]], Affine]] = {
    "add": _sum(1.0),
    "add_any": _sum(1.0),
    "sub": _sum(-1.0),
    "neg": lambda eqn, values: values[0].scaled(np.asarray(-1.0)),
    "mul": _times,
    "div": _over,
    "integer_pow": _power,
    "reduce_sum": _reduce_sum,
    "cumsum": _cumsum,
    "dot_general": _product,
}
