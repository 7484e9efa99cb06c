"""Rules for operators that make arrays of nothing but numbers and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.bridge._table import table


def _full(size: Sequence[int], value: Any, *, dtype: Any = None) -> Any:
    return jnp.full(tuple(size), value, dtype)


def _full_like(x: Any, value: Any, *, dtype: Any = None) -> Any:
    return jnp.full(x.shape, value, dtype or x.dtype)


def _filled(x: Any, value: Any) -> Any:
    return jnp.broadcast_to(jnp.asarray(value, x.dtype), x.shape)


def _zeros(size: Sequence[int], *, dtype: Any = None) -> Any:
    """Also in place of uninitialized memory, whose numbers mean nothing."""
    return jnp.zeros(tuple(size), dtype)


def _zeros_in_order(size: Sequence[int], order: Any, *, dtype: Any = None) -> Any:
    return _zeros(size, dtype=dtype)


def _scalar(value: Any, *, dtype: Any = None) -> Any:
    return jnp.asarray(value, dtype)


def _range(start: Any, end: Any, step: Any = 1, *, dtype: Any = None) -> Any:
    return jnp.arange(start, end, step, dtype)


def _identity_matrix(n: int, m: int | None = None, *, dtype: Any = None) -> Any:
    return jnp.eye(n, m, dtype=dtype)


def _triangle(of: Any) -> Any:
    def rule(row: int, col: int, offset: int = 0, *, dtype: Any = None) -> Any:
        return jnp.asarray(np.stack(of(row, offset, col)))

    return rule


RULES = table(
    {
        "full.default": _full,
        "full_like.default": _full_like,
        "fill.Scalar fill.Tensor": _filled,
        "zeros.default empty.memory_format": _zeros,
        "empty_permuted.default empty_strided.default": _zeros_in_order,
        "scalar_tensor.default": _scalar,
        "tril_indices.default": _triangle(np.tril_indices),
        "triu_indices.default": _triangle(np.triu_indices),
        "arange.start_step": _range,
        "eye.default eye.m": _identity_matrix,
    }
)
