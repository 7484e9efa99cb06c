"""Rules of what moves entries about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.homogeneity._degrees import (
    INVARIANT,
    Degrees,
    common_shape,
    dense,
    disjoint_degrees,
    moved,
)
from steepest.homogeneity._form import ZERO
from steepest.homogeneity._value import Result, Rule, Value, each, known
from steepest.pieces._concrete import evaluate, widened


def _fixed_indices(inputs: Sequence[Value]) -> list[Any] | None:
    agreed = [None if v.constant is None else v.constant.agreed for v in inputs]
    return None if any(value is None for value in agreed) else list(map(widened, agreed))


def _move(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Entries taken from one array, at places that do not depend on the parameters."""
    v, *indices = inputs
    reading.need_degree_zero(eqn, indices)
    fill = eqn.params.get("fill_value")
    if fill is not None and not (filled := known(np.asarray(fill))).fits:
        v = Value(reading.uniform(v, range(len(eqn.invars[0].aval.shape)), eqn), v.constant)
        return [reading.joined([v, filled], eqn, "`gather` of {} with a filling of {}")]
    if v.degrees is None or not v.degrees.parts:
        return [v.degrees] * len(eqn.outvars)
    fixed = _fixed_indices(indices)
    shape = eqn.invars[0].aval.shape
    if fixed is None:  # which entry is taken is not known
        return [reading.uniform(v, range(len(shape)), eqn)] * len(eqn.outvars)
    results: Result = []
    for k in range(len(eqn.outvars)):
        move = moved(lambda ids, k=k: evaluate(eqn, [ids, *fixed])[k], shape)
        results.append(v.degrees.mapped(move))
    return results


def _broadcast(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    if degrees is None or not degrees.parts:
        return [degrees]
    rank, places = len(eqn.params["shape"]), eqn.params["broadcast_dimensions"]

    def spread(part: np.ndarray) -> np.ndarray:
        shape = [1] * rank
        for axis, place in enumerate(places):
            shape[place] = part.shape[axis]
        return part.reshape(shape)

    return [degrees.mapped(spread)]


def _transpose(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    order = eqn.params["permutation"]
    return [degrees and degrees.mapped(lambda part: np.transpose(part, order))]


def _squeeze(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    return [degrees and degrees.mapped(lambda part: np.squeeze(part, eqn.params["dimensions"]))]


def _reshape(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    degrees = inputs[0].degrees
    if degrees is None or not degrees.parts:
        return [degrees]
    before, after = eqn.invars[0].aval.shape, eqn.outvars[0].aval.shape

    def reshape(part: np.ndarray) -> np.ndarray:
        shape = list(part.shape)
        axes = [axis for axis, size in enumerate(shape) if size > 1]
        target = [1] * len(after)
        for axis in axes:
            lead = int(np.prod(before[:axis], dtype=int))
            for place, size in enumerate(after):
                if size == before[axis] and int(np.prod(after[:place], dtype=int)) == lead:
                    target[place] = size
                    break
            else:  # an axis that it depends on is split or merged
                return np.broadcast_to(part, before).reshape(after)
        return part.reshape(target)

    return [degrees.mapped(reshape)]


def _concatenate(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    lengths = [atom.aval.shape[eqn.params["dimension"]] for atom in eqn.invars]
    axis = int(eqn.params["dimension"])
    return [_one_after_another(reading, eqn, inputs, axis, lengths)]


def _stack(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    axis = int(eqn.params["axis"])
    new_axis = lambda part: np.expand_dims(part, axis)
    rows = [Value(v.degrees and v.degrees.mapped(new_axis), v.constant) for v in inputs]
    return [_one_after_another(reading, eqn, rows, axis, [1] * len(rows))]


def _one_after_another(
    reading: Any, eqn: Any, inputs: Sequence[Value], axis: int, lengths: Sequence[int]
) -> Degrees | None:
    """Arrays joined along an axis, each with degrees of its own; zeros take their neighbour's."""
    if reading.agrees(inputs) and all(v.degrees is None or not v.degrees.parts for v in inputs):
        return reading.joined(inputs, eqn)
    rank = len(eqn.outvars[0].aval.shape)
    pieces: list[np.ndarray | None] = []
    for v, length in zip(inputs, lengths, strict=True):
        if v.degrees is None or v.fits:
            pieces.append(None)
            continue
        shape = common_shape(rank, v.degrees.parts)
        shape[axis] = length
        pieces.append(dense(v.degrees, shape))
    present = [p for p in pieces if p is not None]
    if not present:
        return None
    widths = common_shape(rank, present)
    filled: list[np.ndarray] = []
    for piece, length in zip(pieces, lengths, strict=True):
        neighbour = filled[-1].take([-1], axis) if filled else present[0].take([0], axis)
        widths[axis] = length
        filled.append(np.broadcast_to(neighbour if piece is None else piece, widths))
    return disjoint_degrees(ZERO, [np.concatenate(filled, axis)])


def _pad(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    v, fill = inputs
    if v.degrees is None or not v.degrees.parts:
        return [reading.joined(inputs, eqn, "`pad` of {} with {}")]
    if not fill.fits:
        reading.joined(
            [Value(reading.uniform(v, range(len(eqn.invars[0].aval.shape)), eqn)), fill], eqn
        )
    config = eqn.params["padding_config"]

    def pad(part: np.ndarray) -> np.ndarray:
        for axis, (low, high, interior) in enumerate(config):
            size = part.shape[axis]
            if size == 1:
                continue
            # The filling fits any degree, so that of the entry before it.
            places = np.repeat(np.arange(size), interior + 1)[: (size - 1) * (interior + 1) + 1]
            places = np.pad(places, (max(low, 0), max(high, 0)), mode="edge")
            places = places[max(-low, 0) : len(places) - max(-high, 0)]
            part = part.take(places, axis)
        return part

    return [v.degrees.mapped(pad)]


def _update(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Entries of one array put, or added, into another: all of one degree."""
    name = eqn.primitive.name
    if name == "scatter" and eqn.params["update_jaxpr"] is not None:  # a function of the entries
        reading.need_degree_zero(eqn, inputs)
        return [INVARIANT]
    place = 2 if name.startswith("scatter") else 1
    reading.need_degree_zero(eqn, [v for k, v in enumerate(inputs) if k not in (0, place)])
    both = [
        Value(reading.uniform(v, range(len(atom.aval.shape)), eqn), v.constant)
        for v, atom in ((inputs[0], eqn.invars[0]), (inputs[place], eqn.invars[place]))
    ]
    return [reading.joined(both, eqn)]


def _multiply(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Some entries multiplied, by what has degree 0."""
    reading.need_degree_zero(eqn, inputs[1:])
    return [inputs[0].degrees]


MOVES: dict[str, Rule] = {
    **each("slice rev gather dynamic_slice split unstack tile expand_dims", _move),
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "reshape": _reshape,
    "concatenate": _concatenate,
    "stack": _stack,
    "pad": _pad,
    **each("dynamic_update_slice scatter scatter-add scatter_add scatter-sub scatter_sub", _update),
    **each("scatter-min scatter_min scatter-max scatter_max", _update),
    **each("scatter-mul scatter_mul", _multiply),
}
