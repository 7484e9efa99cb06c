"""Margins of the choices that choose among many: sorts, windows, clamps.

Each gives the distance of what is chosen to the nearest other choice, with Σ|terms| of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Margins = tuple[np.ndarray, np.ndarray]


def _clamp(values: list[Any], sizes: list[Any], params: dict[str, Any]) -> Margins:
    low, x, high = values
    to_low, to_high = np.abs(x - low), np.abs(x - high)
    size = np.where(to_low < to_high, sizes[0], sizes[2])
    return np.minimum(to_low, to_high), sizes[1] + size


def _sort(values: list[Any], sizes: list[Any], params: dict[str, Any]) -> Margins:
    return _adjacent(values[0], sizes[0], params["dimension"])


def _adjacent(x: Any, size: Any, axis: int) -> Margins:
    """Of neighbours in the order, a margin less than there are numbers."""
    order = np.argsort(x, axis=axis)
    x, size = np.take_along_axis(x, order, axis), np.take_along_axis(size, order, axis)
    if x.shape[axis] < 2:
        empty = np.full(x.shape, np.inf)
        return empty, empty
    after, before = range(1, x.shape[axis]), range(x.shape[axis] - 1)
    gaps = np.diff(x, axis=axis)
    return np.where(np.isfinite(gaps), gaps, np.inf), size.take(after, axis) + size.take(
        before, axis
    )


def _top_k(values: list[Any], sizes: list[Any], params: dict[str, Any]) -> Margins:
    """Only what lies among the first k and the next one counts."""
    gaps, room = _adjacent(values[0], sizes[0], -1)
    return gaps[..., -params["k"] :], room[..., -params["k"] :]


def _running(sign: float) -> Callable[..., Margins]:
    def margins(values: list[Any], sizes: list[Any], params: dict[str, Any]) -> Margins:
        axis = params["axis"]
        turn = (lambda a: np.flip(a, axis)) if params.get("reverse") else (lambda a: a)
        x, size = turn(sign * values[0]), turn(sizes[0])
        if x.shape[axis] < 2:
            return np.full(x.shape, np.inf), np.zeros(x.shape)
        best = np.maximum.accumulate(x, axis)
        last, first = range(x.shape[axis] - 1), range(1, x.shape[axis])
        gaps = np.abs(x.take(first, axis) - best.take(last, axis))
        room = size.take(first, axis) + np.abs(best.take(last, axis))
        return np.where(np.isfinite(gaps), gaps, np.inf), room

    return margins


def _window(sign: float) -> Callable[..., Margins]:
    def margins(values: list[Any], sizes: list[Any], params: dict[str, Any]) -> Margins:
        x, window = sign * values[0], params["window_dimensions"]
        fill = lambda a, with_: _padded(a, params, with_)
        views = _windows(fill(x, -np.inf), params)
        rooms = _windows(fill(np.broadcast_to(sizes[0], x.shape), 0.0), params)
        count = int(np.prod(window, dtype=int))
        views, rooms = (v.reshape(*v.shape[: x.ndim], count) for v in (views, rooms))
        best = np.argmax(views, -1)[..., None]
        top, room = np.take_along_axis(views, best, -1), np.take_along_axis(rooms, best, -1)
        gaps = np.where(np.isfinite(views), top - views, np.inf)
        np.put_along_axis(gaps, best, np.inf, -1)
        nearest = np.argmin(gaps, -1)[..., None]
        pick = lambda a: np.take_along_axis(a, nearest, -1)[..., 0]
        return pick(gaps), pick(rooms) + room[..., 0]

    return margins


def _padded(a: np.ndarray, params: dict[str, Any], fill: float) -> np.ndarray:
    for axis, step in enumerate(params["base_dilation"]):
        if step > 1:
            wide = np.full(
                [(n - 1) * step + 1 if k == axis else n for k, n in enumerate(a.shape)], fill
            )
            wide[tuple(slice(None, None, step if k == axis else 1) for k in range(a.ndim))] = a
            a = wide
    return np.pad(a, params["padding"], constant_values=fill)


def _windows(a: np.ndarray, params: dict[str, Any]) -> np.ndarray:
    """A view with an axis of window entries for each axis, after the axes of the output."""
    window, spread = params["window_dimensions"], params["window_dilation"]
    reach = [(w - 1) * s + 1 for w, s in zip(window, spread, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(a, reach)
    strides = tuple(slice(None, None, s) for s in params["window_strides"])
    return views[strides + tuple(slice(None, None, s) for s in spread)]


MARGINS: dict[str, Callable[..., Margins]] = {
    "clamp": _clamp,
    "sort": _sort,
    "top_k": _top_k,
    "cummax": _running(1.0),
    "cummin": _running(-1.0),
    "reduce_window_max": _window(1.0),
    "reduce_window_min": _window(-1.0),
}
