"""Factorizations: smooth where pivots and eigenvalues are apart, refused where they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces._number import Number, constant

_GAP = 1e-6  # between eigenvalues or pivots, relative: below it they count as one
_SAMPLE = "sample instead: clarke(f, samples=..., radius=...)."


def _gaps_open(values: list[Any], outs: list[Any], params: dict[str, Any]) -> bool:
    """Eigenvalues and eigenvectors are smooth only where the eigenvalues are apart."""
    eigenvalues = np.sort(np.asarray(min(outs, key=np.ndim)), axis=-1)
    size = np.abs(eigenvalues).max(initial=1e-300)
    return bool(np.all(np.diff(eigenvalues) > _GAP * size))


def _positive_definite(values: list[Any], outs: list[Any], params: dict[str, Any]) -> bool:
    squares = np.diagonal(np.asarray(outs[0]), axis1=-2, axis2=-1) ** 2
    sizes = np.abs(np.diagonal(np.asarray(values[0]), axis1=-2, axis2=-1))
    return bool(np.all(squares > _rounding(squares) * sizes))


def _nonzero_diagonal(values: list[Any], outs: list[Any], params: dict[str, Any]) -> bool:
    return params["unit_diagonal"] or _away_from_zero(np.asarray(values[0]))


def _away_from_zero(triangle: np.ndarray) -> bool:
    pivots = np.abs(np.diagonal(triangle, axis1=-2, axis2=-1))
    sizes = np.abs(triangle).max(axis=(-2, -1), initial=0.0)[..., None]
    return bool(np.all(pivots > _rounding(pivots) * sizes))


def _rounding(diagonal: np.ndarray) -> float:
    return 8 * diagonal.shape[-1] * float(np.finfo(np.float64).eps)


# Primitive → (whether it is smooth at these values and outputs, and what is wrong if not).
REQUIREMENTS: dict[str, tuple[Callable[..., bool], str]] = {
    "eigh": (_gaps_open, "eigenvalues meet"),
    "cholesky": (_positive_definite, "the matrix is not positive definite"),
    "triangular_solve": (_nonzero_diagonal, "the matrix is singular"),
}


def require(
    name: str, values: list[Any], outs: list[Any], params: dict[str, Any], line: str
) -> None:
    """Refuse a factorization at a matrix where it is not smooth.

    Raises:
        UnsupportedPrimitiveError: with the user's line.
    """
    if name in REQUIREMENTS:
        smooth_here, fault = REQUIREMENTS[name]
        if not smooth_here(values, outs, params):
            raise UnsupportedPrimitiveError(
                f"{fault} in `{name}` at {line}: it is not smooth there, and has no rule; {_SAMPLE}"
            )


def lu(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
    """LU with the order of the pivots frozen: it is decided by which entries are the largest."""
    (x,) = inputs
    if x.labels is not None:
        walk.branch_on(x)
    _, pivots, order = lax.linalg.lu(jnp.asarray(x.value))
    rows = np.asarray(order)[..., None]
    apply = lambda v: [_eliminated(jnp.take_along_axis(jnp.asarray(v[0]), rows, -2))]
    (packed,) = walk.plain("lu", params, inputs, line, apply)
    factors = np.asarray(packed.value)
    below = np.abs(np.tril(factors, -1)).max(initial=0.0)
    if not (below < 1 - _GAP and _away_from_zero(factors)):
        raise UnsupportedPrimitiveError(
            f"the matrix is singular, or two entries tie for a pivot, in `lu` at {line}: the "
            f"factors are not smooth there; {_SAMPLE}"
        )
    return [packed, constant(pivots, np.int32), constant(order, np.int32)]


def _eliminated(a: Any) -> Any:
    """L and U of a in one array, rows taken as they come."""
    rows, columns = (np.arange(n) for n in a.shape[-2:])

    def step(k: Any, a: Any) -> Any:
        below, right = (rows > k)[:, None], columns > k
        column = jnp.where(below, a[..., :, k, None] / a[..., k, k, None, None], 0.0)
        a = a - jnp.where(right, column * a[..., k, None, :], 0.0)
        return jnp.where(below & (columns == k), column, a)

    return lax.fori_loop(0, min(a.shape[-2:]), step, a)
