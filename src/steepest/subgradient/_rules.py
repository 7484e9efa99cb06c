"""The table: primitives that choose, in terms of the readings' few choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.errors import UnsupportedPrimitiveError
from steepest.subgradient._flat import Step
from steepest.subgradient._plain import COMPARE
from steepest.subgradient._reading import Reading
from steepest.subgradient._sites import VIEWS
from steepest.subgradient._value import Value, constant


def _max(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    return [read.maximum(v[0], v[1], line, 1.0 if step.name == "max" else -1.0)]


def _abs(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    if v[0].nonnegative:
        return [v[0]]
    out = read.larger(v[0], read.simple("neg", v, line), line)
    out.nonnegative = True
    return [out]


def _clamp(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    low, x, high = v
    return [read.maximum(low, read.maximum(x, high, line, -1.0), line)]


def _rem(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    x, y = v
    whole = read.stairs("trunc", read.simple("div", [x, y], line), line)
    return [read.simple("sub", [x, read.simple("mul", [whole, y], line)], line)]


def _views(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    views, sign = VIEWS[step.name]
    if sign > 0:
        return [read.largest(views, v[0], step.params, line)]
    out = read.largest(views, read.simple("neg", v, line), step.params, line)
    return [read.simple("neg", [out], line)]


def _compare(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    name = step.name
    a, b = v
    if a.name == b.name:
        if read.meets_nan:  # which is not equal to itself
            return [Value(COMPARE[name](a.array, a.array))]
        whole = np.full(a.shape, name in ("ge", "le", "le_to", "eq"))
        return [Value(whole)]
    if name in ("eq", "ne"):
        return [read.equal(name, a, b, line)]
    return [read.compare(name, a, b, line)]


def _switch(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    u, other, *cases = v
    if [u.name, other.name] == [case.name for case in cases]:
        return [read.maximum(u, other, line)]
    if [other.name, u.name] == [case.name for case in cases]:
        return [read.maximum(u, other, line, -1.0)]
    return [read.switch(u, other, cases, line)]


def _index(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    x = v[0] if step.name == "argmax" else read.simple("neg", v, line)
    out = read.index(x, step.params, line)
    out.source = v[0].name
    return [out]


def _stairs(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    return [read.stairs(step.name, v[0], line)]


def _convert(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    dtype = step.params["new_dtype"]
    if not jnp.issubdtype(dtype, np.floating) and v[0].is_float:
        if dtype == np.bool_:
            return [read.equal("ne", v[0], constant(np.zeros((), v[0].array.dtype)), line)]
        v = [read.stairs("trunc", v[0], line)]
    return read.labelled("convert_element_type", step.params, v, line, step.apply, step.label)


def _sort(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    if step.params["num_keys"] > 1:
        raise UnsupportedPrimitiveError(f"a sort by several keys, at {line}, has no rule.")
    return _sorted(read, v, step.params["dimension"], line, wanted)


def _sorted(read: Reading, v: list[Value], axis: int, line: str, wanted: Any) -> list[Value]:
    order = read.order(v[0], axis, line, any(wanted[1:]))
    order.source = v[0].name
    take = lambda values: [jnp.take_along_axis(values[0], values[1], axis)]
    outs = []
    for place, x in enumerate(v):
        (out,) = read.labelled("gather", {}, [x, order], line, take)
        if place and not x.varies:
            out.source = v[0].name
        outs.append(out)
    return outs


def _top_k(read: Reading, step: Step, v: list[Value], line: str, wanted: Any) -> list[Value]:
    (x,) = v
    axis = step.params.get("axis", -1) % len(x.shape)
    places = constant(
        np.broadcast_to(
            np.arange(x.shape[axis], dtype=np.int32).reshape(
                [-1 if a == axis else 1 for a in range(len(x.shape))]
            ),
            x.shape,
        )
    )
    top = lambda values: [
        jax.lax.slice_in_dim(jnp.flip(values[0], axis), 0, step.params["k"], axis=axis)
    ]
    both = _sorted(read, [x, places], axis, line, wanted)
    return [read.labelled("slice", {}, [part], line, top)[0] for part in both]


RULES: dict[str, Callable[..., list[Value]]] = {
    **dict.fromkeys(["max", "min"], _max),
    "abs": _abs,
    "clamp": _clamp,
    "rem": _rem,
    **dict.fromkeys(VIEWS, _views),
    **dict.fromkeys(["gt", "ge", "lt", "le", "lt_to", "le_to", "eq", "ne"], _compare),
    **dict.fromkeys(["argmax", "argmin"], _index),
    **dict.fromkeys(["sign", "floor", "ceil", "round"], _stairs),
    "convert_element_type": _convert,
    "switch": _switch,
    "sort": _sort,
    "top_k": _top_k,
}
