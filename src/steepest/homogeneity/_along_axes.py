"""Rules of what combines the entries along axes: sums, sorts, running products, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.extend import core as jex_core

from steepest.homogeneity._degrees import (
    INVARIANT,
    Degrees,
    along,
    disjoint_degrees,
)
from steepest.homogeneity._form import ZERO
from steepest.homogeneity._value import Result, Rule, Value, each


def _axes_of(eqn: Any) -> tuple[int, ...]:
    p = eqn.params
    for name in ("axes", "axis", "dimension"):
        if name in p:
            found = p[name]
            return tuple(map(int, found if isinstance(found, Sequence) else [found]))
    return tuple(range(len(eqn.invars[0].aval.shape)))


def _reduce(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    axes = _axes_of(eqn)
    degrees = reading.uniform(inputs[0], axes, eqn)
    return [degrees and degrees.mapped(lambda part: np.squeeze(part, axes))]


def _index(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    reading.uniform(inputs[0], _axes_of(eqn), eqn)
    return [INVARIANT]


def _running(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [reading.uniform(inputs[0], _axes_of(eqn), eqn)]


def _sort(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """The order does not change with the scale; what is carried along keeps its own degree."""
    return [reading.uniform(v, _axes_of(eqn), eqn) for v in inputs]


def _top_k(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    last = len(eqn.invars[0].aval.shape) - 1
    return [reading.uniform(inputs[0], [eqn.params.get("axis", last) % (last + 1)], eqn), INVARIANT]


def _reduce_product(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees, shape, axes = inputs[0].degrees, eqn.invars[0].aval.shape, _axes_of(eqn)
    if degrees is None:
        return [None if all(shape[axis] for axis in axes) else INVARIANT]
    count = int(np.prod([shape[axis] for axis in axes], dtype=int))
    total = Degrees(degrees.base * count)
    for part in degrees.parts:
        summed = sum_along(part, axes)
        repeats = count // int(np.prod([part.shape[axis] for axis in axes], dtype=int))
        times = np.frompyfunc(lambda form, r=repeats: form * r, 1, 1)
        total = total + disjoint_degrees(ZERO, [np.asarray(times(summed), object)])
    return [total]


def sum_along(part: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    """Forms added up along axes, which go."""
    kept = [axis for axis in range(part.ndim) if axis not in axes]
    rows = np.transpose(part, [*axes, *kept]).reshape(-1, *(part.shape[axis] for axis in kept))
    total = rows[0]
    for row in rows[1:]:
        total = np.frompyfunc(lambda a, b: a + b, 2, 1)(total, row)
    out = np.empty(rows.shape[1:], object)
    out[...] = total
    return out


def _cumulative_product(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees, shape = inputs[0].degrees, eqn.invars[0].aval.shape
    if degrees is None:
        return [None]
    (axis,) = _axes_of(eqn)
    counts = range(1, shape[axis] + 1)
    order = -1 if eqn.params.get("reverse") else 1
    total = disjoint_degrees(
        ZERO, [along([degrees.base * k for k in counts][::order], axis, len(shape))]
    )
    for part in degrees.parts:
        if part.shape[axis] == 1:
            times = np.frompyfunc(lambda form, k: form * k, 2, 1)
            steps = along([*counts][::order], axis, len(shape))  # pyright: ignore[reportArgumentType]
            grown = times(part, steps)
        else:
            rows = np.flip(part, axis) if order < 0 else part
            grown = np.add.accumulate(rows, axis, dtype=object)
            grown = np.flip(grown, axis) if order < 0 else grown
        total = total + disjoint_degrees(ZERO, [grown])
    return [total]


def _window(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Sums or maxima over windows: one degree in each window."""
    v, sizes = inputs[0], eqn.params["window_dimensions"]
    if v.degrees is None or not v.degrees.parts:
        return [v.degrees]
    shape = eqn.outvars[0].aval.shape
    strides, padding = eqn.params["window_strides"], eqn.params["padding"]
    spread = eqn.params.get("base_dilation", (1,) * len(sizes))
    degrees = v.degrees
    for axis, size in enumerate(sizes):
        if size == 1 and strides[axis] == 1 and padding[axis] == (0, 0) and spread[axis] == 1:
            continue
        if spread[axis] != 1 or eqn.params.get("window_dilation", (1,) * len(sizes))[axis] != 1:
            degrees = reading.uniform(Value(degrees), [axis], eqn)
            continue
        starts = np.arange(shape[axis]) * strides[axis] - padding[axis][0]
        last = eqn.invars[0].aval.shape[axis] - 1
        first, *others = (np.clip(starts + k, 0, last) for k in range(size))
        take = lambda places, axis=axis: (
            lambda part: part if part.shape[axis] == 1 else part.take(places, axis)
        )
        window = degrees.mapped(take(first))
        # Beyond the edge lies the neutral element, which fits; the nearest entry stands for it.
        values = [Value(window), *(Value(degrees.mapped(take(places))) for places in others)]
        degrees = reading.joined(values, eqn, f"`{eqn.primitive.name}` over {{}} and {{}}")
    return [degrees]


def _window_gradient(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """What flows back through a window's maximum: added up where the largest entries were."""
    source, operand = inputs[:2]
    rank = range(len(eqn.invars[0].aval.shape))
    reading.uniform(operand, rank, eqn)
    return [reading.uniform(source, rank, eqn)]


def _gathered(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """The entry of one array where another's window has its largest."""
    source, operand = inputs
    rank = range(len(eqn.invars[0].aval.shape))
    reading.uniform(operand, rank, eqn)
    return [reading.uniform(source, rank, eqn)]


def _folded(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Entries combined two at a time by a function that leaves their degree as it is."""
    half = len(inputs) // 2
    rank = range(len(eqn.invars[0].aval.shape))
    totals = [
        Value(reading.joined([Value(reading.uniform(v, rank, eqn), v.constant), start], eqn))
        for v, start in zip(inputs[:half], inputs[half:], strict=True)
    ]
    body = eqn.params["jaxpr"]
    closed = body if isinstance(body, jex_core.ClosedJaxpr) else jex_core.ClosedJaxpr(body, ())
    after = reading.body(closed, [*totals, *(v.anew() for v in totals)])
    verb = f"`{eqn.primitive.name}` of {{}} by a function that makes it {{}},"
    for total, v in zip(totals, after, strict=True):
        if total.degrees is None:  # zeros, of which anything may have been made
            reading.need_degree_zero(eqn, [v])
        elif v.degrees is not None:
            reading.require(total.degrees.differences(v.degrees), eqn, verb)
    return [
        INVARIANT if total.degrees is None and v.degrees is not None else total.degrees
        for total, v in zip(totals, after, strict=True)
    ]


ALONG_AXES: dict[str, Rule] = {
    **each("reduce_sum reduce_max reduce_min", _reduce),
    **each("argmax argmin", _index),
    **each("cumsum cummax cummin", _running),
    "sort": _sort,
    "top_k": _top_k,
    "reduce_prod": _reduce_product,
    "cumprod": _cumulative_product,
    **each("reduce_window_sum reduce_window_max reduce_window_min", _window),
    "select_and_scatter_add": _window_gradient,
    "select_and_gather_add": _gathered,
    **each("reduce reduce_window", _folded),
}
