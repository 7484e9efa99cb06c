"""Rules for operators that move numbers about: reshapes, slices, joins, paddings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.bridge._table import table


def _reshape(x: Any, shape: Sequence[int]) -> Any:
    return jnp.reshape(x, tuple(shape))


def _permute(x: Any, dims: Sequence[int]) -> Any:
    return jnp.transpose(x, [d % x.ndim for d in dims])


def _transpose(x: Any, dim0: int, dim1: int) -> Any:
    return jnp.swapaxes(x, dim0, dim1) if x.ndim else x


def _squeeze(x: Any, dims: int | Sequence[int] | None = None) -> Any:
    """Axes that are not of length 1 stay, unlike NumPy's, which raises."""
    if dims is None:
        return jnp.squeeze(x)
    listed = (dims,) if isinstance(dims, int) else dims
    ones = {d % x.ndim for d in listed if x.ndim and x.shape[d] == 1}
    return jnp.squeeze(x, tuple(sorted(ones)))


def _unsqueeze(x: Any, dim: int) -> Any:
    return jnp.expand_dims(x, dim)


def _expand(x: Any, sizes: Sequence[int], *, implicit: bool = False) -> Any:
    new = len(sizes) - x.ndim
    shape = [x.shape[i - new] if size == -1 else size for i, size in enumerate(sizes)]
    return jnp.broadcast_to(x, shape)


def _repeat(x: Any, repeats: Sequence[int]) -> Any:
    return jnp.tile(x, tuple(repeats))


def _flip(x: Any, dims: Sequence[int]) -> Any:
    return jnp.flip(x, tuple(dims))


def _roll(x: Any, shifts: Any, dims: Any = ()) -> Any:
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return jnp.roll(x, shifts, dims) if dims else jnp.roll(x, shifts[0])


def _concatenate(tensors: Sequence[Any], dim: int = 0) -> Any:
    # PyTorch ignores empty vectors beside arrays of more axes.
    kept = [x for x in tensors if x.shape != (0,)] or list(tensors)
    return jnp.concatenate(kept, dim)


def _stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    return jnp.stack(list(tensors), dim)


def _split_at(x: Any, sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    ends = np.cumsum(sizes)
    pairs = zip(ends - np.asarray(sizes), ends, strict=True)
    return tuple(lax.slice_in_dim(x, int(a), int(b), axis=dim) for a, b in pairs)


def _split(x: Any, size: int, dim: int = 0) -> tuple[Any, ...]:
    length = x.shape[dim]
    starts = range(0, length, size) if length else [0]
    return _split_at(x, [min(size, length - start) for start in starts], dim)


def _unbind(x: Any, dim: int = 0) -> tuple[Any, ...]:
    return tuple(_select(x, dim, i) for i in range(x.shape[dim]))


def _select(x: Any, dim: int, index: int) -> Any:
    return lax.index_in_dim(x, index, dim, keepdims=False)


def _bounds(length: int, start: int | None, end: int | None) -> tuple[int, int]:
    first, last, _ = slice(start, end).indices(length)
    return first, max(first, last)


def _slice(
    x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    first, last = _bounds(x.shape[dim], start, end)
    return lax.slice_in_dim(x, first, last, step, dim)


def _slice_scatter(
    x: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    first, last = _bounds(x.shape[dim], start, end)
    if (first, last, step) == (0, x.shape[dim], 1):
        return jnp.broadcast_to(src, x.shape)
    place: list[Any] = [slice(None)] * x.ndim
    place[dim] = slice(first, last, step)
    return x.at[tuple(place)].set(src)


def _select_scatter(x: Any, src: Any, dim: int, index: int) -> Any:
    place: list[Any] = [slice(None)] * x.ndim
    place[dim] = index
    return x.at[tuple(place)].set(src)


def _copy(x: Any, src: Any, non_blocking: bool = False) -> Any:
    return jnp.broadcast_to(jnp.asarray(src).astype(x.dtype), x.shape)


def _diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return jnp.diagonal(x, offset, dim1, dim2)


def _pad(x: Any, pad: Sequence[int], value: Any = 0) -> Any:
    """Pairs from the last axis backwards; a negative width cuts."""
    widths = [(0, 0, 0)] * x.ndim
    for i in range(len(pad) // 2):
        widths[-1 - i] = (pad[2 * i], pad[2 * i + 1], 0)
    return lax.pad(x, jnp.asarray(value, x.dtype), widths)


def _unfold(x: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of one axis, stacked, each as a new last axis."""
    if x.ndim == 0:
        return x[None]
    starts = range(0, x.shape[dimension] - size + 1, step)
    windows = [
        jnp.moveaxis(lax.slice_in_dim(x, s, s + size, axis=dimension), dimension, -1)
        for s in starts
    ]
    return jnp.stack(windows, dimension % x.ndim)


def _size(x: Any, dim: int) -> int:
    return x.shape[dim]


def _number_of(x: Any) -> int:
    return math.prod(x.shape)


RULES = table(
    {
        "view.default _unsafe_view.default reshape.default": _reshape,
        "permute.default": _permute,
        "transpose.int": _transpose,
        "squeeze.default squeeze.dim squeeze.dims": _squeeze,
        "unsqueeze.default": _unsqueeze,
        "expand.default": _expand,
        "repeat.default": _repeat,
        "flip.default": _flip,
        "roll.default": _roll,
        "cat.default": _concatenate,
        "stack.default": _stack,
        "split_with_sizes.default": _split_at,
        "split.Tensor": _split,
        "unbind.int": _unbind,
        "select.int": _select,
        "slice.Tensor": _slice,
        "slice_scatter.default": _slice_scatter,
        "select_scatter.default": _select_scatter,
        "copy.default": _copy,
        "diagonal.default": _diagonal,
        "constant_pad_nd.default": _pad,
        "unfold.default": _unfold,
        "sym_size.int": _size,
        "sym_numel.default": _number_of,
    }
)
