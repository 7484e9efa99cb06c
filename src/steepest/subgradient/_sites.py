"""Choices, in a form that is data: which candidate goes on, and how surely.

The candidates of a place have keys; the largest wins. Beside the point, along a direction, keys
are power series in t: the first coefficient that differs by more than its rounding decides.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.pieces._walk import TIE_FACTOR


def is_near(a: Any, b: Any, room: Any) -> Any:
    """Within rounding; nothing is near an infinite number, which marks what does not compete."""
    gap = jnp.abs(a - b)
    return (gap <= room) & jnp.isfinite(gap)


def plain_winners(keys: Any, sizes: Any, eps: float) -> tuple[Any, Any]:
    """(one-hot mask of the largest key, whether each place is tied); shapes (m, *out), (*out)."""
    top = jnp.max(keys, axis=0)
    winners = keys >= top
    size = jnp.max(jnp.where(winners, sizes, 0), axis=0)
    near = is_near(top, keys, TIE_FACTOR * eps * (sizes + size))
    return winners, jnp.sum(near, axis=0, dtype=jnp.int32) > 1


def winners_along(
    keys: Any, sizes: Any, series: Any, spans: Any, eps: float
) -> tuple[Any, Any, Any]:
    """(index of the winner, whether it stayed tied, who was left): leading coefficients decide.

    keys, sizes: (m, *out); series, spans: (n, m, *out).
    """
    alive = near_top(keys, sizes, jnp.ones(keys.shape, bool), eps)
    lost = jnp.zeros(keys.shape[1:], bool)
    for k in range(series.shape[0]):
        # A coefficient that is not known (NaN) ends the comparison.
        contested = jnp.sum(alive, axis=0) > 1
        lost = lost | (contested & jnp.any(alive & jnp.isnan(series[k]), axis=0))
        alive = jnp.where(lost, alive, alive & near_top(series[k], spans[k], alive, eps))
    left = jnp.sum(alive, axis=0, dtype=jnp.int32)
    return jnp.argmax(alive, axis=0).astype(jnp.int32), left > 1, alive


def near_top(keys: Any, sizes: Any, among: Any, eps: float) -> Any:
    masked = jnp.where(among & ~jnp.isnan(keys), keys, -jnp.inf)
    top = jnp.max(masked, axis=0)
    winners = masked >= top
    size = jnp.max(jnp.where(winners, sizes, 0), axis=0)
    return among & (winners | is_near(top, masked, TIE_FACTOR * eps * (sizes + size)))


def one_hot(index: Any, m: int) -> Any:
    places = jnp.arange(m, dtype=jnp.int32).reshape(m, *[1] * index.ndim)
    return places == index[None]


# ---- candidates that are views of one array, shape (m, *out)


def along_axes(x: Any, params: dict[str, Any], fill: float) -> Any:
    axes = tuple(params["axes"])
    moved = jnp.moveaxis(x, axes, range(len(axes)))
    return moved.reshape(-1, *moved.shape[len(axes) :])


def prefixes(x: Any, params: dict[str, Any], fill: float) -> Any:
    """For a cumulative maximum: all numbers before each place, and `fill` after it."""
    axis, n = params["axis"], x.shape[params["axis"]]
    place = np.arange(n)
    before = place[:, None] <= place[None, :]
    if params["reverse"]:
        before = before.T
    first = jnp.moveaxis(x, axis, 0)
    mask = before.reshape(n, n, *[1] * (x.ndim - 1))
    views = jnp.where(mask, first[:, None], jnp.asarray(fill, x.dtype))
    return jnp.moveaxis(views, 1, axis + 1)


def windows(x: Any, params: dict[str, Any], fill: float) -> Any:
    """For a windowed maximum: each place of the window in turn, `fill` in the padding."""
    x = lax.pad(
        x,
        jnp.asarray(fill, x.dtype),
        [
            (low, high, dilation - 1)
            for (low, high), dilation in zip(
                params["padding"], params["base_dilation"], strict=True
            )
        ],
    )
    steps = params["window_strides"]
    reach = [
        (w - 1) * d
        for w, d in zip(params["window_dimensions"], params["window_dilation"], strict=True)
    ]
    counts = [(n - r - 1) // s + 1 for n, r, s in zip(x.shape, reach, steps, strict=True)]
    views = []
    for offset in np.ndindex(*params["window_dimensions"]):
        start = [o * d for o, d in zip(offset, params["window_dilation"], strict=True)]
        stop = [a + (c - 1) * s + 1 for a, c, s in zip(start, counts, steps, strict=True)]
        views.append(lax.slice(x, start, stop, steps))
    return jnp.stack(views)


# name → (views, sign): the winner is sign·(largest of sign·views).
VIEWS = {
    "reduce_max": (along_axes, 1.0),
    "reduce_min": (along_axes, -1.0),
    "cummax": (prefixes, 1.0),
    "cummin": (prefixes, -1.0),
    "reduce_window_max": (windows, 1.0),
    "reduce_window_min": (windows, -1.0),
}


def order_along(x: Any, size: Any, series: Any, spans: Any, axis: int, eps: float) -> Any:
    """(permutation along `axis` that sorts just beside the point, tied at x, tied to the end).

    The two masks are over neighbours of the sorted line (length − 1 along `axis`).
    """
    group = None
    order = jnp.argsort(x, axis=axis, stable=True)
    near = first = None
    levels = [(x, size), *[(series[k], spans[k]) for k in range(series.shape[0])]]
    for keys, widths in levels:
        if group is not None:
            # Sort inside each group of the order so far by the next coefficient.
            values = jnp.take_along_axis(keys, order, axis)
            _, _, order = lax.sort((group, values, order), dimension=axis, num_keys=2)
        values = jnp.take_along_axis(keys, order, axis)
        wide = jnp.take_along_axis(widths, order, axis)
        low, high = _neighbours(values, axis)
        room = TIE_FACTOR * eps * sum(_neighbours(wide, axis))
        same = ~(high - low > room)
        if group is not None:
            same = same & near
        elif near is None:
            same = same & jnp.isfinite(low) & jnp.isfinite(high)
        near = same
        first = near if first is None else first
        steps = jnp.cumsum(~near, axis=axis, dtype=jnp.int32)
        zero = jnp.zeros_like(lax.slice_in_dim(order, 0, 1, axis=axis), dtype=jnp.int32)
        group = jnp.concatenate([zero, steps], axis=axis)
    return order, first, near


def _neighbours(x: Any, axis: int) -> tuple[Any, Any]:
    n = x.shape[axis]
    return lax.slice_in_dim(x, 0, n - 1, axis=axis), lax.slice_in_dim(x, 1, n, axis=axis)
