"""Choices that are made of simpler ones: clamp, remainder, cumulative and windowed maxima, sorts.

Each is rewritten in terms of the rows of `_choices`. A sort by values is a network of
compare-exchanges on the runs that tie (each a minimum and a maximum, so that values stay
continuous); a sort that carries others along decides its ties one comparison after another.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces._choices import CHOICES, SIGN
from steepest.pieces._host import namespace
from steepest.pieces._identity import not_identically_zero
from steepest.pieces._linear_algebra import lu
from steepest.pieces._number import Number, constant


def _clamp(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
    low, x, high = inputs
    return [walk.primitive("max", [low, walk.primitive("min", [x, high], line)], line)]


def _sign(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
    (x,) = inputs
    row = CHOICES["sign"]
    if x.upstream or x.labels is not None:
        row = SIGN
    elif np.any(np.abs(x.value) <= walk.tolerance(2 * np.abs(x.size), x.eps)):
        row = row if np.all(not_identically_zero(walk, x)) else SIGN
    return [walk.choose("sign", row, {}, inputs, line)]


def _rem(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
    x, y = inputs
    whole = walk.primitive("trunc", [walk.primitive("div", [x, y], line)], line)
    return [walk.primitive("sub", [x, walk.primitive("mul", [whole, y], line)], line)]


def _cumulative(name: str) -> Any:
    def rule(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
        (x,) = inputs
        axis, length = params["axis"], x.value.shape[params["axis"]]
        order = list(range(length))
        if params["reverse"]:
            order.reverse()
        rows: dict[int, Number] = {}
        for before, i in zip([None, *order], order, strict=False):
            (item,) = walk.structural(
                "slice", [x], line, lambda v, i=i: [v[0][(*[slice(None)] * axis, slice(i, i + 1))]]
            )
            rows[i] = item if before is None else walk.primitive(name, [rows[before], item], line)
        return walk.structural(
            "concatenate",
            [rows[i] for i in range(length)],
            line,
            lambda v: [namespace(*v).concatenate(v, axis)],
        )

    return rule


def _window(name: str, sign: float) -> Any:
    def rule(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
        (x,) = inputs

        def shifted(values: list[Any]) -> list[Any]:
            padded = lax.pad(
                values[0],
                jnp.asarray(-sign * jnp.inf, values[0].dtype),
                [
                    (low, high, dilation - 1)
                    for (low, high), dilation in zip(
                        params["padding"], params["base_dilation"], strict=True
                    )
                ],
            )
            views = []
            for offset in np.ndindex(*params["window_dimensions"]):
                start = [o * w for o, w in zip(offset, params["window_dilation"], strict=True)]
                stop = [
                    s + (n - 1) * stride + 1
                    for s, n, stride in zip(
                        start,
                        _window_count(padded.shape, params),
                        params["window_strides"],
                        strict=True,
                    )
                ]
                views.append(lax.slice(padded, start, stop, params["window_strides"]))
            return [jnp.stack(views)]

        views = walk.structural("gather", [x], line, shifted)
        return [walk.choose(name, CHOICES[name], {"axes": (0,)}, views, line)]

    return rule


def _window_count(shape: tuple[int, ...], params: dict[str, Any]) -> list[int]:
    return [
        (n - (w - 1) * d - 1) // s + 1
        for n, w, d, s in zip(
            shape,
            params["window_dimensions"],
            params["window_dilation"],
            params["window_strides"],
            strict=True,
        )
    ]


def _sort(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
    axis = params["dimension"]
    if not any(params["wanted"][1:]):
        # Nobody reads what is carried along.
        return [*_sort_alone(walk, axis, inputs[0], line), *inputs[1:]]
    for n in inputs:
        if n.labels is not None:
            walk.branch_on(n)
    order = np.lexsort(
        [np.asarray(n.value) for n in reversed(inputs[: params["num_keys"]])], axis=axis
    )
    near = _near_neighbours(walk, inputs[0], order, axis)
    if params["num_keys"] > 1 and near.any():
        raise UnsupportedPrimitiveError(
            f"a sort by {params['num_keys']} keys with a tie in the first, at {line}, has no rule"
        )
    order = _forced_order(walk, inputs[0], order, near, axis, line)
    return [_reordered(walk, n, order, axis, line) for n in inputs]


def _sort_alone(walk: Any, axis: int, x: Number, line: str) -> list[Number]:
    if x.labels is not None:
        walk.branch_on(x)
    order = np.argsort(np.asarray(x.value), axis=axis, kind="stable")
    near = _near_neighbours(walk, x, order, axis)
    return [_network(walk, _reordered(walk, x, order, axis, line), near, axis, line)]


def _reordered(walk: Any, x: Number, order: np.ndarray, axis: int, line: str) -> Number:
    take = lambda v: [namespace(*v).take_along_axis(v[0], order, axis)]
    return walk.structural("gather", [x], line, take)[0]


def _near_neighbours(walk: Any, x: Number, order: np.ndarray, axis: int) -> np.ndarray:
    """Which neighbours of the sorted line tie (with axis last)."""
    values = np.moveaxis(np.take_along_axis(np.asarray(x.value), order, axis), axis, -1)
    sizes = np.moveaxis(np.take_along_axis(np.asarray(x.size), order, axis), axis, -1)
    with np.errstate(invalid="ignore"):
        gaps = np.diff(values)
    room = walk.tolerance(sizes[..., 1:] + sizes[..., :-1], x.eps)
    return (gaps <= np.asarray(room)) & np.isfinite(gaps)


def _forced_order(
    walk: Any,
    x: Number,
    order: np.ndarray,
    near: np.ndarray,
    axis: int,
    line: str,
) -> np.ndarray:
    """The order of a sort that carries others along: its ties are pairwise comparisons, forced."""
    if not near.any():
        return order
    lines = np.moveaxis(order, axis, -1).reshape(-1, order.shape[axis]).copy()
    close = near.reshape(len(lines), -1)
    moved = walk.structural(
        "transpose",
        [x],
        line,
        lambda v: [namespace(*v).moveaxis(v[0], axis, -1).reshape(-1, order.shape[axis])],
    )[0]
    for row, ties in enumerate(close):
        for start, stop in _groups(ties):
            group = [int(i) for i in lines[row, start:stop]]
            ranked: list[int] = []
            for item in group:  # insertion: each comparison is a switch of its own
                position = 0
                for other in ranked:
                    if not _comes_after(walk, moved, row, item, other, line):
                        break
                    position += 1
                ranked.insert(position, item)
            lines[row, start:stop] = ranked
    shape = np.moveaxis(order, axis, -1).shape
    return np.moveaxis(lines.reshape(shape), -1, axis)


def _comes_after(walk: Any, x: Number, row: int, item: int, other: int, line: str) -> bool:
    pair = [
        walk.structural("slice", [x], line, lambda v, i=i: [v[0][row, i]])[0] for i in (item, other)
    ]
    answer = walk.choose("gt", CHOICES["gt"], {}, pair, line)
    if answer.labels is not None:
        walk.branch_on(answer)
    return bool(answer.value)


def _groups(ties: np.ndarray) -> list[tuple[int, int]]:
    groups, start = [], None
    for i, tie in enumerate([*ties, False]):
        if tie and start is None:
            start = i
        elif not tie and start is not None:
            groups.append((start, i + 1))
            start = None
    return groups


def _network(walk: Any, x: Number, near: np.ndarray, axis: int, line: str) -> Number:
    """Sort the tied runs of a sorted line by compare-exchange: each a min and a max."""
    runs = [_groups(ties) for ties in near.reshape(-1, near.shape[-1])]
    longest = max((stop - start for groups in runs for start, stop in groups), default=1)
    if longest == 1:
        return x
    shape = np.shape(x.value)
    length = shape[axis]
    lines = walk.structural(
        "reshape", [x], line, lambda v: [namespace(*v).moveaxis(v[0], axis, -1).reshape(-1, length)]
    )[0]
    for layer in range(longest):
        pairs = [
            (row, i)
            for row, groups in enumerate(runs)
            for start, stop in groups
            for i in range(start + layer % 2, stop - 1, 2)
        ]
        if not pairs:
            continue
        rows, left = (np.array(c) for c in zip(*pairs, strict=True))
        lower, upper = (
            walk.structural("gather", [lines], line, lambda v, r=rows, c=c: [v[0][r, c]])[0]
            for c in (left, left + 1)
        )
        low = walk.primitive("min", [lower, upper], line)
        high = walk.primitive("max", [lower, upper], line)
        lines = walk.structural(
            "dynamic_update_slice",
            [lines, low, high],
            line,
            lambda v, r=rows, c=left: [_put(_put(v[0], (r, c), v[1]), (r, c + 1), v[2])],
        )[0]
    back = tuple(np.moveaxis(np.zeros(shape, bool), axis, -1).shape)
    return walk.structural(
        "reshape", [lines], line, lambda v: [namespace(*v).moveaxis(v[0].reshape(back), -1, axis)]
    )[0]


def _put(array: Any, index: Any, values: Any) -> Any:
    if namespace(array, values) is jnp:
        return jnp.asarray(array).at[index].set(values)
    out = array.copy()
    out[index] = values
    return out


def _top_k(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
    (x,) = inputs
    axis, k = params.get("axis", -1) % np.ndim(x.value), params["k"]
    length = np.shape(x.value)[axis]
    along = np.arange(length).reshape([-1 if a == axis else 1 for a in range(np.ndim(x.value))])
    places = constant(np.broadcast_to(along, np.shape(x.value)))
    top = lambda v: [namespace(*v).flip(v[0], axis)[(*[slice(None)] * axis, slice(0, k))]]
    sort = {"dimension": axis, "num_keys": 1, "wanted": [True, True]}
    (values,) = _sort_alone(walk, axis, x, line)
    outs = walk.structural("slice", [values], line, top)
    if params["wanted"][1]:
        _, indices = _sort(walk, sort, [x, places], line)
        outs += walk.structural("slice", [indices], line, lambda v: [top(v)[0].astype(np.int32)])
    else:
        outs.append(constant(np.zeros(np.shape(outs[0].value), np.int32)))
    return outs


def _scatter_extremum(name: str, sign: float) -> Any:
    """Each place of the operand competes with the updates that hit it, a padded table of them."""

    def rule(walk: Any, params: dict[str, Any], inputs: list[Number], line: str) -> list[Number]:
        operand, indices, updates = inputs
        if indices.labels is not None:
            walk.branch_on(indices)
        count, shape = int(np.size(operand.value)), np.shape(operand.value)
        targets = _targets(shape, np.asarray(indices.value), np.shape(updates.value), params)
        hits: list[list[int]] = [[i] for i in range(count)]
        for place, target in enumerate(targets.reshape(-1)):
            if target >= 0:
                hits[target].append(count + place)
        width = max(map(len, hits), default=1)
        nobody = count + targets.size
        table = np.array([h + [nobody] * (width - len(h)) for h in hits]).T.reshape(width, *shape)

        def candidates(v: list[Any]) -> list[Any]:
            parts = [v[0].reshape(-1), v[1].reshape(-1), np.full(1, -sign * np.inf)]
            return [namespace(*v).concatenate(parts)[table]]

        found = walk.structural("gather", [operand, updates], line, candidates)
        return [walk.choose(name, CHOICES[name], {"axes": (0,)}, found, line)]

    return rule


def _targets(
    shape: tuple[int, ...], indices: Any, updates: tuple[int, ...], params: dict[str, Any]
) -> np.ndarray:
    """The flat place of the operand that each update goes to, −1 where it is dropped."""
    to = params["dimension_numbers"]
    fixed = {*to.inserted_window_dims, *to.operand_batching_dims}
    window = iter(updates[d] for d in to.update_window_dims)
    sizes = [1 if d in fixed else next(window) for d in range(len(shape))]
    numbers = lax.GatherDimensionNumbers(
        offset_dims=to.update_window_dims,
        collapsed_slice_dims=to.inserted_window_dims,
        start_index_map=to.scatter_dims_to_operand_dims,
        operand_batching_dims=to.operand_batching_dims,
        start_indices_batching_dims=to.scatter_indices_batching_dims,
    )
    places = jnp.arange(np.prod(shape, dtype=int)).reshape(shape)
    mode = params["mode"]
    return np.asarray(lax.gather(places, indices, numbers, sizes, mode=mode, fill_value=-1))


COMPOSED: dict[str, Any] = {
    "clamp": _clamp,
    "rem": _rem,
    "sign": _sign,
    "cummax": _cumulative("max"),
    "cummin": _cumulative("min"),
    "reduce_window_max": _window("reduce_max", 1.0),
    "reduce_window_min": _window("reduce_min", -1.0),
    "sort": _sort,
    "top_k": _top_k,
    "scatter-max": _scatter_extremum("reduce_max", 1.0),
    "scatter-min": _scatter_extremum("reduce_min", -1.0),
    "lu": lu,
}
