"""The coefficients of a smooth step's outputs, and how large the terms were they came from."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from steepest.pieces import _smooth as smooth
from steepest.subgradient import _taylor as taylor
from steepest.subgradient._flat import Apply
from steepest.subgradient._sizes import product_size
from steepest.subgradient._value import Value, is_float

Rows = list[tuple[Any, Any]]
_ONE_BY_ONE = smooth.LINEAR | {"select_n", "scatter-add", "scatter", "scatter-sub"}


def coefficients(
    name: str,
    params: dict[str, Any],
    inputs: list[Value],
    outs: list[Any],
    apply: Apply,
    order: int,
) -> Rows:
    """(series, spans) of each output up to `order`, (None, None) for one that is constant."""
    moving = [i for i, v in enumerate(inputs) if v.series is not None]
    if not moving or not any(is_float(o) for o in outs):
        return [(None, None) for _ in outs]
    if name in _ONE_BY_ONE:
        return _linear(name, params, inputs, outs, apply)
    if len(moving) == 1 and (name in smooth.BILINEAR or (name == "div" and moving == [0])):
        return [_scaled(name, params, inputs, moving[0], apply)]
    if name in smooth.BILINEAR and name != "mul":
        return [_product(name, params, inputs, outs[0], apply, order)]
    return _curved(name, params, inputs, outs, apply, order)


def _linear(
    name: str, params: dict[str, Any], inputs: list[Value], outs: list[Any], apply: Apply
) -> Rows:
    n = max(v.series.shape[0] for v in inputs if v.series is not None)
    stack = lambda of: [
        taylor.padded(getattr(v, of), v.shape, n, v.array.dtype) if v.is_float else None
        for v in inputs
    ]
    arrays = [v.array for v in inputs]
    rows = taylor.linear(apply, arrays, stack("series"))
    sizes = stack("spans")
    if name in ("sub", "add", "add_any"):
        lift = lambda s, v: s.reshape(n, *[1] * (outs[0].ndim - len(v.shape)), *v.shape)
        both = [lift(s, v) for s, v in zip(sizes, inputs, strict=True)]
        spans = [jnp.broadcast_to(both[0] + both[1], rows[0].shape)]
    else:
        spans = [jnp.abs(s) for s in taylor.linear(apply, arrays, sizes)]
    return [
        (r, s) if is_float(o) else (None, None) for r, s, o in zip(rows, spans, outs, strict=True)
    ]


def _scaled(
    name: str, params: dict[str, Any], inputs: list[Value], place: int, apply: Apply
) -> tuple[Any, Any]:
    """A product with a factor that is constant, or a quotient by one."""
    arrays = [v.array for v in inputs]
    stacks: list[Any] = [None] * len(inputs)
    stacks[place] = inputs[place].series
    (row,) = taylor.linear(apply, arrays, stacks)
    if name in ("mul", "div"):
        stacks[place] = inputs[place].spans
        return row, jnp.abs(taylor.linear(apply, arrays, stacks)[0])

    def size(c: Any) -> Any:
        a, b = (c if i == place else arrays[i] for i in (0, 1))
        return product_size(name, params, jnp.abs(a), jnp.abs(b), apply)

    return row, jax.vmap(size)(inputs[place].series)


def _product(
    name: str, params: dict[str, Any], inputs: list[Value], out: Any, apply: Apply, order: int
) -> tuple[Any, Any]:
    arrays, stacks = [v.array for v in inputs], [v.series for v in inputs]
    row = taylor.bilinear(apply, arrays, stacks, order)
    sizes = lambda v: [product_size(name, params, jnp.abs(v[0]), jnp.abs(v[1]), apply)]
    return row, taylor.bilinear(sizes, arrays, stacks, order)


def _curved(
    name: str,
    params: dict[str, Any],
    inputs: list[Value],
    outs: list[Any],
    apply: Apply,
    order: int,
) -> Rows:
    lists = [_list(v.array, v.series) for v in inputs]
    found: Any = None
    if order == 1:
        rows = taylor.slopes(apply, [v.array for v in inputs], [v.series for v in inputs])
        spans = [jnp.abs(r) for r in rows]
        if name in smooth.ELEMENTWISE:
            spans = [spans[0] + _through_slope(inputs, apply, 1, outs[0])]
        return [
            (r, s) if is_float(o) else (None, None)
            for r, s, o in zip(rows, spans, outs, strict=True)
        ]
    if name == "mul":
        found = taylor.product(*lists)
        sizes = [_list(jnp.abs(v.array), v.spans) for v in inputs]
        spans = taylor.product(*sizes)
        return [(_stack(found, outs[0]), _stack(spans, outs[0]))]
    if name == "div":
        found = taylor.quotient(*lists)
    elif name == "integer_pow" and 0 < params["y"] <= 8:
        found = taylor.power(lists[0], params["y"])
    elif name in taylor.ELEMENTARY:
        found = taylor.ELEMENTARY[name](lists[0])
    if found is not None:
        rows = [_stack(found, outs[0])]
    else:
        arrays, stacks = [v.array for v in inputs], [v.series for v in inputs]
        rows = [r[1:] for r in taylor.general(apply, arrays, stacks)]
    spans = [jnp.abs(r) for r in rows]
    if name in smooth.ELEMENTWISE:
        spans = [spans[0] + _through_slope(inputs, apply, rows[0].shape[0], outs[0])]
    return [
        (r, s) if is_float(o) else (None, None) for r, s, o in zip(rows, spans, outs, strict=True)
    ]


def _through_slope(inputs: list[Value], apply: Apply, n: int, out: Any) -> Any:
    """|slope| times the sizes of an elementary function's arguments."""
    total: Any = 0.0
    for i, v in enumerate(inputs):
        if v.spans is None:
            continue

        def of_one(x: Any, i: int = i) -> Any:
            return apply([x if j == i else w.array for j, w in enumerate(inputs)])[0]

        _, slope = jax.jvp(of_one, (v.array,), (jnp.ones_like(v.array),))
        spans = taylor.padded(v.spans, v.shape, n, v.array.dtype)
        total = total + jnp.abs(slope) * spans.reshape(
            n, *[1] * (out.ndim - len(v.shape)), *v.shape
        )
    return total


def _list(array: Any, stack: Any) -> list[Any]:
    return [array] if stack is None else [array, *stack]


def _stack(found: list[Any], out: Any) -> Any:
    return jnp.stack([jnp.broadcast_to(c, out.shape) for c in found[1:]])
