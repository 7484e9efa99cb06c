"""Where data enter: float64 arrays of the right shape, finite, and not to be written to."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from steepest.errors import ArgumentError

# A matrix that is only ever multiplied by vectors may be dense or any of SciPy's sparse kinds.
# SciPy ships no types for the latter.
Matrix = Any


def vector(values: Any, name: str, length: int | None = None) -> Float[np.ndarray, " d"]:
    """`values` as a finite float64 vector; `ArgumentError` names `name` otherwise."""
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1:
        raise ArgumentError(f"{name} must be a vector, and has shape {array.shape}")
    if length is not None and array.size != length:
        raise ArgumentError(f"{name} has {array.size} entries where the set lies in R^{length}")
    return _frozen(array, name)


def matrix(values: Any, name: str) -> Float[np.ndarray, "k d"]:
    """`values` as a finite dense float64 matrix; `ArgumentError` names `name` otherwise."""
    array = np.array(values, dtype=np.float64)
    if array.ndim != 2:
        raise ArgumentError(f"{name} must be a matrix, and has shape {array.shape}")
    return _frozen(array, name)


def operator(values: Any, name: str) -> Matrix:
    """Like `matrix`, but what is sparse stays sparse (as a CSR array)."""
    if not sp.issparse(values):
        return matrix(values, name)
    array = sp.csr_array(values, dtype=np.float64)
    _frozen(array.data, name)
    return array


def _frozen(array: np.ndarray, name: str) -> np.ndarray:
    if not np.all(np.isfinite(array)):
        raise ArgumentError(f"{name} must be finite, and is not")
    array.flags.writeable = False
    return array
