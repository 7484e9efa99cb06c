"""Rules for operators that look numbers up, or put them, where an array of indices says.

An index that is out of range raises in PyTorch. A traced program cannot raise, so that what is
looked up there is NaN (the least number, of integers), which no one takes for a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.bridge._table import table
from steepest.errors import UnsupportedPrimitiveError


def _is_mask(index: Any) -> bool:
    return index is not None and index.dtype == bool


def _place(indices: Sequence[Any]) -> tuple[Any, ...]:
    if any(map(_is_mask, indices)):
        raise UnsupportedPrimitiveError(
            "how many numbers a mask picks depends on the numbers, and the sizes of a traced "
            "program may not; use torch.where, or multiply by the mask."
        )
    return tuple(slice(None) if index is None else index for index in indices)


def _index(x: Any, indices: Sequence[Any]) -> Any:
    return x.at[_place(indices)].get(mode="fill")


def _index_put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    values = jnp.asarray(values).astype(x.dtype)
    if len(indices) == 1 and _is_mask(indices[0]) and values.size == 1 and not accumulate:
        mask = jnp.expand_dims(indices[0], tuple(range(indices[0].ndim, x.ndim)))
        return jnp.where(mask, jnp.reshape(values, ()), x)
    at = x.at[_place(indices)]
    return at.add(values) if accumulate else at.set(values)


def _index_select(x: Any, dim: int, index: Any) -> Any:
    return jnp.take(x, jnp.atleast_1d(index), axis=dim, mode="fill") if x.ndim else x


def _cut(x: Any, dim: int, index: Any) -> Any:
    """The part of x beside which the indices lie, which may be fewer along the other axes."""
    ends = [n if axis == dim % x.ndim else index.shape[axis] for axis, n in enumerate(x.shape)]
    return lax.slice(x, [0] * x.ndim, ends)


def _gather(x: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    if not x.ndim:
        return jnp.broadcast_to(x, index.shape)
    return jnp.take_along_axis(_cut(x, dim, index), index, dim, mode="fill")


def _grid(x: Any, dim: int, index: Any) -> tuple[Any, ...]:
    grid = list(jnp.indices(index.shape, sparse=True))
    grid[dim] = index
    return tuple(grid)


def _scatter(x: Any, dim: int, index: Any, src: Any) -> Any:
    if not x.ndim:
        return jnp.broadcast_to(jnp.asarray(src, x.dtype).reshape(()), ())
    return x.at[_grid(x, dim, index)].set(_beside(src, index, x.dtype))


def _scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    if not x.ndim:
        return x + src.reshape(())
    return x.at[_grid(x, dim, index)].add(_beside(src, index, x.dtype))


def _scatter_reduce(
    x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    at = x.at[_grid(x, dim, index)]
    src = _beside(src, index, x.dtype)
    if not include_self or reduce not in ("sum", "prod", "amax", "amin"):
        raise UnsupportedPrimitiveError(
            f"no rule for reduce={reduce!r} with include_self={include_self}; use 'sum', 'prod', "
            "'amax' or 'amin' on a start value."
        )
    method = {"sum": at.add, "prod": at.multiply, "amax": at.max, "amin": at.min}[reduce]
    return method(src)


def _beside(src: Any, index: Any, dtype: Any) -> Any:
    src = jnp.asarray(src).astype(dtype)
    return lax.slice(src, [0] * src.ndim, index.shape) if src.ndim else src


def _embedding(
    weight: Any,
    indices: Any,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    if padding_idx >= 0:  # PyTorch's gradient leaves this row alone
        row = jnp.arange(weight.shape[0])[:, None] == padding_idx
        weight = jnp.where(row, lax.stop_gradient(weight), weight)
    return jnp.take(weight, indices, axis=0, mode="fill")


RULES = table(
    {
        "index.Tensor _unsafe_index.Tensor": _index,
        "index_put.default _unsafe_index_put.default": _index_put,
        "index_select.default": _index_select,
        "gather.default": _gather,
        "scatter.src scatter.value": _scatter,
        "scatter_add.default": _scatter_add,
        "scatter_reduce.two": _scatter_reduce,
        "embedding.default": _embedding,
    }
)
