"""Where a step is not defined, or has no slope: found, carried along, mended if nobody reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.pieces import _smooth as smooth
from steepest.pieces._host import namespace
from steepest.pieces._number import Number
from steepest.pieces._state import State


def singular_places(
    walk: State, name: str, params: dict[str, Any], inputs: list[Number]
) -> np.ndarray | None:
    rule = smooth.SINGULAR.get(name)
    if rule is None:
        return None
    if name == "pow" and inputs[1].ref is not None:
        rule = smooth.varying_power
    found = None
    for k in range(max(len(n.worlds) for n in inputs)):
        values = [n.world(k) for n in inputs]
        tol = [walk.tolerance(n.size, n.eps) for n in inputs]
        here = np.array(np.broadcast_to(rule(values, tol, params), _joint_shape(values)))
        found = here if found is None else found | here
    if found is not None:
        for n in inputs:
            if n.bad is not None:
                found = found & ~np.broadcast_to(n.bad, found.shape)
    return np.array(found) if found is not None and np.any(found) else None


def spread_bad(
    walk: State, name: str, inputs: list[Number], outs: list[Any], apply: Any
) -> list[np.ndarray | None] | None:
    if all(n.bad is None for n in inputs):
        return None
    masks = [n.bad if n.bad is not None else np.zeros(np.shape(n.value), bool) for n in inputs]
    if name == "select_n":
        which, *_cases = inputs
        chosen = np.zeros(np.shape(outs[0]), bool)
        for k in range(len(which.worlds)):
            pick = np.asarray(which.world(k)).astype(int)
            for i, mask in enumerate(masks[1:]):
                chosen |= np.broadcast_to((pick == i), chosen.shape) & mask
        return [some(chosen | np.broadcast_to(masks[0], chosen.shape))]
    if name in smooth.ELEMENTWISE:
        joint = np.zeros(np.shape(outs[0]), bool)
        for mask in masks:
            joint = joint | mask
        return [some(joint)]
    if name in smooth.STRUCTURAL and _moves_floats(name, inputs):
        moved = apply(
            [
                np.asarray(m, np.float64) if smooth.is_float(n.value) else n.value
                for m, n in zip(masks, inputs, strict=True)
            ]
        )
        return [some(np.asarray(o) > 0) for o in moved]
    return [np.ones(np.shape(o), bool) for o in outs]


def choice_bad(walk: State, inputs: list[Number], shape: tuple[int, ...]) -> np.ndarray | None:
    masks = [n.bad for n in inputs if n.bad is not None]
    if not masks:
        return None
    joint = np.zeros(shape, bool)
    for mask in masks:
        try:
            joint = joint | np.broadcast_to(mask, shape)
        except ValueError:
            joint = np.ones(shape, bool)
    return some(joint)


def mended_apply(
    name: str,
    apply: Callable[[list[Any]], list[Any]],
    inputs: list[Number],
    singular: np.ndarray,
) -> Callable[[list[Any]], list[Any]]:
    """The step with a harmless argument put where it is not defined: those numbers go unused."""
    mask = singular.copy()
    harmless = smooth.HARMLESS.get(name, 0.5)
    held = smooth.PARAMETERS.get(name, 0)

    def mended(values: list[Any]) -> list[Any]:
        safe = [
            namespace(v).where(mask, harmless, v) if smooth.is_float(n.value) else v
            for v, n in zip(values[held:], inputs[held:], strict=True)
        ]
        return apply([*values[:held], *safe])

    return mended


def some(mask: Any) -> np.ndarray | None:
    return np.asarray(mask) if np.any(mask) else None


def _joint_shape(values: list[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(np.shape(v) for v in values))


def _moves_floats(name: str, inputs: list[Number]) -> bool:
    return smooth.is_float(inputs[0].value) and all(
        n.ref is None or smooth.is_float(n.value) for n in inputs
    )
