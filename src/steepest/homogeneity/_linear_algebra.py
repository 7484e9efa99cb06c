"""Rules of matrix factorisations, whose results mix degrees within one array."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from steepest.homogeneity._degrees import INVARIANT, Degrees, dense, disjoint_degrees
from steepest.homogeneity._form import ZERO, Form
from steepest.homogeneity._value import Result, Value


def _matrix(reading: Any, eqn: Any, v: Value) -> Form:
    """The one form of all entries of each matrix (of all matrices of a batch, too)."""
    degrees = reading.uniform(v, range(len(eqn.invars[0].aval.shape)), eqn)
    return ZERO if degrees is None else degrees.base


def _cholesky(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [Degrees(_matrix(reading, eqn, inputs[0]) * Fraction(1, 2))]


def _packed(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """L and U in one array: L (with ones, not stored) has degree 0, U that of the matrix."""
    form = _matrix(reading, eqn, inputs[0])
    shape = eqn.outvars[0].aval.shape
    rows, columns = shape[-2:]
    upper = np.arange(rows)[:, None] <= np.arange(columns)[None]
    part = np.empty((rows, columns), object)
    part[...] = ZERO
    part[upper] = form
    part = part.reshape((1,) * (len(shape) - 2) + (rows, columns))
    others: Result = [INVARIANT for _ in eqn.outvars[1:]]
    return [disjoint_degrees(ZERO, [part]), *others]


def _qr(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    form = _matrix(reading, eqn, inputs[0])
    others: Result = [INVARIANT for _ in eqn.outvars[2:]]
    return [INVARIANT, Degrees(form), *others]


def _triangular_solve(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """X with A X = B; of A one triangle counts, without its diagonal where that is all ones."""
    a, b = inputs
    right = reading.uniform(b, range(len(eqn.invars[1].aval.shape)), eqn)
    shape = eqn.invars[0].aval.shape
    degrees = reading.uniform(a, range(len(shape) - 2), eqn)
    if right is None:
        return [None]
    if degrees is None:  # a zero matrix, with which only the ones on the diagonal give numbers
        return [right if eqn.params["unit_diagonal"] else None]
    rows, columns = np.indices(shape[-2:])
    inside = rows > columns if eqn.params["lower"] else rows < columns
    if not eqn.params["unit_diagonal"]:
        inside = inside | (rows == columns)
    entries = dense(degrees, [1] * (len(shape) - 2) + list(shape[-2:])).reshape(shape[-2:])
    used = list(dict.fromkeys(entries[inside])) if degrees.parts else [degrees.base]
    if eqn.params["unit_diagonal"] or not used:
        verb = "`triangular_solve` with ones on the diagonal and {} beside, not {},"
        reading.require([(form, ZERO) for form in used], eqn, verb)
        return [right]
    verb = "`triangular_solve` with entries of {} and {}"
    reading.require([(form, used[0]) for form in used[1:]], eqn, verb)
    return [Degrees(right.base - used[0])]


def _eigenvalues(values_at: int) -> Any:
    """Eigenvalues or singular values have the matrix's degree; of vectors only degree 0 is known,
    since which of them is returned is the algorithm's choice."""

    def rule(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
        values = Value(Degrees(_matrix(reading, eqn, inputs[0])))
        vectors = Value(INVARIANT, pending=(eqn, inputs[0]))
        return [values if k == values_at else vectors for k in range(len(eqn.outvars))]

    return rule


def _linear_solve(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """The solve itself; the products beside it serve derivatives only."""
    lengths = eqn.params["const_lengths"]
    first = lengths.matvec + lengths.vecmat
    constants = inputs[first : first + lengths.solve]
    return reading.run(eqn.params["jaxprs"].solve, [*constants, *inputs[sum(lengths) :]])


LINEAR_ALGEBRA = {
    "cholesky": _cholesky,
    "lu": _packed,
    "geqrf": _packed,
    "qr": _qr,
    "triangular_solve": _triangular_solve,
    "eigh": _eigenvalues(1),
    "svd": _eigenvalues(0),
    "custom_linear_solve": _linear_solve,
}
