"""Which numbers of a step one row of its output needs.

A *cut* is a row of an array: (axis, start, rows) stands for the index `start + min(i, rows - 1)` on
an axis, i the row that is asked for. A step on whole arrays whose rows do not touch each other, as
those of data points do not, is the same step on rows of its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from steepest.pieces import _smooth as smooth


class Cut(NamedTuple):
    """See the module."""

    axis: int
    start: int
    rows: int

    def on(self, axis: int) -> Cut:
        return self._replace(axis=axis)


Params = dict[str, Any]
Cuts = list[Cut | None]  # of each input: None where all of it is needed
# (shapes of the inputs, shape of the output, parameters, the cut of the output) → (the inputs'
# cuts, the parameters with which they make it), or None where rows of inputs are not enough.
Rule = Callable[[list[tuple[int, ...]], tuple[int, ...], Params, Cut], tuple[Cuts, Params] | None]


def cut_inputs(
    name: str, shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    """What the output's row needs of each input; see `Rule`."""
    rule = _RULES.get(name)
    return None if rule is None else rule(shapes, shape, params, cut)


def _elementwise(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    """An input may be one number, or have one row for all of the output's."""
    if any(len(each) not in (0, len(shape)) for each in shapes):
        return None
    return [cut if each and each[cut.axis] > 1 else None for each in shapes], params


def _broadcast(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params]:
    places = list(params["broadcast_dimensions"])
    needed = None
    if cut.axis in places and shapes[0][places.index(cut.axis)] > 1:
        needed = cut.on(places.index(cut.axis))
    return [needed], params | {"shape": _shortened(shape, cut)}


def _transpose(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params]:
    return [cut.on(params["permutation"][cut.axis])], params


def _reshape(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    """The axis must be one of the input, too: as long, and with as much before it."""
    before, length = math.prod(shape[: cut.axis]), shape[cut.axis]
    for axis, each in enumerate(shapes[0]):
        if each == length and math.prod(shapes[0][:axis]) == before:
            return [cut.on(axis)], params | {"new_sizes": _shortened(shape, cut)}
    return None


def _without(which: str) -> Rule:
    """A step that takes away the axes that a parameter names."""

    def rule(
        shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
    ) -> tuple[Cuts, Params]:
        kept = [axis for axis in range(len(shapes[0])) if axis not in params[which]]
        return [cut.on(kept[cut.axis])], params

    return rule


def _slice(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    axis, strides = cut.axis, params["strides"]
    if strides is not None and strides[axis] != 1:
        return None
    first, last = list(params["start_indices"]), list(params["limit_indices"])
    needed = cut._replace(start=cut.start + first[axis])
    first[axis], last[axis] = 0, 1
    return [needed], params | {"start_indices": tuple(first), "limit_indices": tuple(last)}


def _concatenate(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    return None if cut.axis == params["dimension"] else ([cut] * len(shapes), params)


def _stack(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    if cut.axis == params["axis"]:
        return None
    return [cut.on(cut.axis - (cut.axis > params["axis"]))] * len(shapes), params


def _product(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params]:
    """The axes of the output are those of the batch, then the free ones of both factors."""
    contracted, batch = params["dimension_numbers"]
    shared = len(batch[0])
    if cut.axis < shared:
        return [cut.on(axes[cut.axis]) for axes in batch], params
    free = [
        (k, axis)
        for k, each in enumerate(shapes)
        for axis in range(len(each))
        if axis not in (*contracted[k], *batch[k])
    ]
    factor, axis = free[cut.axis - shared]
    return [cut.on(axis) if k == factor else None for k in (0, 1)], params


def _convolution(
    shapes: list[tuple[int, ...]], shape: tuple[int, ...], params: Params, cut: Cut
) -> tuple[Cuts, Params] | None:
    """Of one image of many."""
    layout = params["dimension_numbers"]
    if cut.axis != layout.out_spec[0] or params["batch_group_count"] != 1:
        return None
    return [cut.on(layout.lhs_spec[0]), None], params


def _shortened(shape: tuple[int, ...], cut: Cut) -> tuple[int, ...]:
    return (*shape[: cut.axis], 1, *shape[cut.axis + 1 :])


_RULES: dict[str, Rule] = {
    **dict.fromkeys(smooth.ELEMENTWISE | smooth.ELEMENTWISE_CHOICES, _elementwise),
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "reshape": _reshape,
    "squeeze": _without("dimensions"),
    "slice": _slice,
    "concatenate": _concatenate,
    "stack": _stack,
    "reduce_sum": _without("axes"),
    "reduce_prod": _without("axes"),
    "dot_general": _product,
    "conv_general_dilated": _convolution,
}
