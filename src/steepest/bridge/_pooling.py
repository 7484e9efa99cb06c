"""Rules for pooling and for resampling on a grid; space is the last one, two or three axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.bridge._table import table


@dataclass(frozen=True)
class _Windows:
    """The windows of one axis: where each starts, in places of the input, and where none is."""

    length: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    count: int

    @property
    def after(self) -> int:
        """How many places beyond the end the last window takes."""
        reach = (self.count - 1) * self.stride + self.dilation * (self.kernel - 1) + 1
        return max(0, reach - self.length - self.padding)

    def sizes(self, padded: bool) -> np.ndarray:
        """How many places each window has, those of the padding among them or not."""
        starts = np.arange(self.count) * self.stride - self.padding
        ends = np.minimum(starts + self.kernel, self.length + self.padding)
        if padded:
            return ends - starts
        return np.minimum(ends, self.length) - np.maximum(starts, 0)


def _windows(
    shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> list[_Windows]:
    dims = len(shape)
    wide = lambda v: [v] * dims if isinstance(v, int) else list(v) * (dims if len(v) == 1 else 1)
    kernel = wide(kernel)
    stride = kernel if stride in ([], (), None) else wide(stride)
    found = []
    for n, k, s, p, d in zip(shape, kernel, stride, wide(padding), wide(dilation), strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = (math.ceil(room / s) if ceil else room // s) + 1
        if ceil and (count - 1) * s >= n + p:
            count -= 1  # a window that starts in the padding at the end is none
        found.append(_Windows(n, k, s, p, d, count))
    return found


def _reduced(x: Any, windows: list[_Windows], start: Any, combine: Callable[..., Any]) -> Any:
    before = x.ndim - len(windows)
    return lax.reduce_window(
        x,
        start,
        combine,
        (*[1] * before, *[w.kernel for w in windows]),
        (*[1] * before, *[w.stride for w in windows]),
        [(0, 0)] * before + [(w.padding, w.after) for w in windows],
        window_dilation=(*[1] * before, *[w.dilation for w in windows]),
    )


def _largest_along(x: Any, window: _Windows, axis: int, least: np.ndarray) -> Any:
    """One axis at a time, as JAX has no derivative of windows with gaps."""
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (window.padding, window.after, 0)
    padded = lax.pad(x, least, widths)
    span = (window.count - 1) * window.stride + 1
    starts = range(0, window.kernel * window.dilation, window.dilation)
    places = [lax.slice_in_dim(padded, s, s + span, window.stride, axis) for s in starts]
    return jnp.max(jnp.stack(places), 0)


def _max_pool(dims: int) -> Callable[..., Any]:
    def rule(
        x: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        windows = _windows(x.shape[-dims:], kernel_size, stride, padding, dilation, ceil_mode)
        real = jnp.issubdtype(x.dtype, jnp.floating)
        least = np.asarray(-np.inf if real else jnp.iinfo(x.dtype).min, x.dtype)
        if all(w.dilation == 1 for w in windows):
            return _reduced(x, windows, least, lax.max)
        for axis, window in zip(range(-dims, 0), windows, strict=True):
            x = _largest_along(x, window, axis, least)
        return x

    return rule


def _average_pool(dims: int) -> Callable[..., Any]:
    def rule(
        x: Any,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        windows = _windows(x.shape[-dims:], kernel_size, stride, padding, 1, ceil_mode)
        total = _reduced(x, windows, np.zeros((), x.dtype), lax.add)
        if divisor_override is not None:
            return total / divisor_override
        sizes = np.ones(())
        for w in windows:
            sizes = np.multiply.outer(sizes, w.sizes(count_include_pad))
        return total / sizes.astype(x.dtype)

    return rule


def _parts(length: int, count: int) -> list[tuple[int, int]]:
    """PyTorch's parts of an axis, which overlap where its length is no multiple of their number."""
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


def _adaptive_average(x: Any, output_size: Sequence[int]) -> Any:
    for axis, count in zip(range(-len(output_size), 0), output_size, strict=True):
        weights = np.zeros((x.shape[axis], count))
        for i, (start, end) in enumerate(_parts(x.shape[axis], count)):
            weights[start:end, i] = 1 / (end - start)
        x = _mixed(x, weights, axis)
    return x


def _adaptive_max(x: Any, output_size: Sequence[int]) -> Any:
    for axis, count in zip(range(-len(output_size), 0), output_size, strict=True):
        parts = [
            jnp.max(lax.slice_in_dim(x, start, end, axis=axis), axis)
            for start, end in _parts(x.shape[axis], count)
        ]
        x = jnp.stack(parts, axis)
    return x


def _mixed(x: Any, weights: np.ndarray, axis: int) -> Any:
    """Along one axis, a matrix (old, new) applied."""
    mixed = jnp.matmul(jnp.moveaxis(x, axis, -1), jnp.asarray(weights, x.dtype))
    return jnp.moveaxis(mixed, -1, axis)


def _lengths(x: Any, size: Any, factors: Any) -> list[tuple[int, int, float]]:
    """Of each axis of space: its length, the new one, and old places to one new place."""
    dims = len(size if size is not None else factors)
    old = x.shape[-dims:]
    new = size if size is not None else [int(n * f) for n, f in zip(old, factors, strict=True)]
    steps = [1 / f for f in factors] if factors else [n / m for n, m in zip(old, new, strict=True)]
    return list(zip(old, new, steps, strict=True))


def _bilinear(x: Any, output_size: Any, align_corners: bool, scale_factors: Any) -> Any:
    lengths = _lengths(x, output_size, scale_factors)
    for axis, (old, new, step) in zip(range(-len(lengths), 0), lengths, strict=True):
        if align_corners:
            at = np.arange(new) * ((old - 1) / (new - 1) if new > 1 else 0)
        else:
            at = np.maximum((np.arange(new) + 0.5) * step - 0.5, 0)
        low = np.minimum(at.astype(int), old - 1)
        high = np.minimum(low + 1, old - 1)
        weights = np.zeros((old, new))
        np.add.at(weights, (low, np.arange(new)), 1 - (at - low))
        np.add.at(weights, (high, np.arange(new)), at - low)
        x = _mixed(x, weights, axis)
    return x


def _nearest(x: Any, output_size: Any, scale_factors: Any) -> Any:
    lengths = _lengths(x, output_size, scale_factors)
    for axis, (old, new, step) in zip(range(-len(lengths), 0), lengths, strict=True):
        at = np.minimum((np.arange(new, dtype=np.float32) * np.float32(step)).astype(int), old - 1)
        x = jnp.take(x, at, axis=axis)
    return x


RULES = table(
    {
        "max_pool2d_with_indices.default": (_max_pool(2),),
        "max_pool3d_with_indices.default": (_max_pool(3),),
        "avg_pool1d.default": _average_pool(1),
        "avg_pool2d.default": _average_pool(2),
        "avg_pool3d.default": _average_pool(3),
        "_adaptive_avg_pool2d.default _adaptive_avg_pool3d.default": _adaptive_average,
        "adaptive_max_pool2d.default adaptive_max_pool3d.default": (_adaptive_max,),
        "upsample_bilinear2d.vec": _bilinear,
        "upsample_nearest2d.vec": _nearest,
    }
)
