"""Labels: which open switch each number of a walk differs by.

A choice whose output jumps has different worlds downstream. A number's label says which switch
tells its worlds apart, −1 for none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.pieces import _smooth as smooth
from steepest.pieces._number import Number
from steepest.pieces._state import SEVERAL, State
from steepest.pieces._tape import Node


def spread_labels(
    walk: State, name: str, inputs: list[Number], outs: list[Any], apply: Any
) -> list[np.ndarray] | None:
    labelled = [n for n in inputs if n.labels is not None]
    if not labelled:
        return None
    if name in smooth.ELEMENTWISE or name in smooth.ELEMENTWISE_CHOICES:
        shape = np.shape(outs[0])
        return [meet([n.labels for n in labelled if n.labels is not None], shape)]
    if name in smooth.MOVES:
        return _moved_labels(walk, inputs, apply, everything=True)
    indexed = smooth.is_float(inputs[0].value) and all(
        n.labels is None or smooth.is_float(n.value) for n in inputs
    )
    if name in smooth.STRUCTURAL and indexed:
        return _moved_labels(walk, inputs, apply, everything=False)
    present = set().union(*(set(np.unique(np.asarray(n.labels))) for n in labelled)) - {-1}
    if len(present) == 1 and len(outs) == 1:
        return [np.full(np.shape(outs[0]), present.pop())]
    if name in ("reduce_sum", "reduce_and", "reduce_or"):
        return [_reduced_labels(name, labelled[0], apply, outs[0])]
    return walk.branch_on(labelled[0])


def _moved_labels(
    walk: State, inputs: list[Number], apply: Any, everything: bool
) -> list[np.ndarray]:
    """Labels moved about as the numbers are; `everything`: no input is an index."""
    moved = apply(
        [
            np.asarray(
                np.full(np.shape(n.value), -1) if n.labels is None else n.labels,
                np.int64 if everything else np.float64,
            )
            if everything or smooth.is_float(n.value)
            else n.value
            for n in inputs
        ]
    )
    return [np.asarray(o).astype(np.int64) for o in moved]


def _reduced_labels(name: str, number: Number, apply: Any, out: Any) -> np.ndarray:
    """The label of a sum, or of whether any or all are true, where one is all that its terms
    have."""
    labels = number.labels
    assert labels is not None
    result = np.full(np.shape(out), -1)
    for t in set(np.unique(labels)) - {-1}:
        mine = np.asarray(labels == t)
        if name == "reduce_and":  # "all" of those that are not mine says which have none of mine
            touched = ~np.asarray(apply([~mine])[0])
        else:  # as real numbers a sum of any number of them does not wrap around
            as_input = mine.astype(np.float64) if name == "reduce_sum" else mine
            touched = np.asarray(apply([as_input])[0]) != 0
        result = np.where(touched, np.where(result == -1, t, SEVERAL), result)
    return np.asarray(result)


def close_labels(walk: State, out: Number, node: Node, place: int) -> None:
    """End the labels of numbers that are the same in all worlds."""
    labels = out.labels
    assert labels is not None
    if not np.any(labels != -1):
        out.labels = None
        return
    stacked = np.stack([np.asarray(w, np.float64) for w in out.worlds])
    with np.errstate(invalid="ignore"):
        spread = stacked.max(axis=0) - stacked.min(axis=0)
    sizes = np.maximum(np.asarray(out.size), np.abs(stacked).max(axis=0))
    same = (spread <= np.asarray(walk.tolerance(sizes, out.eps))) & (labels != -1)
    if np.any(same & (labels == SEVERAL)):
        walk.branch_on(out)
    if smooth.is_float(out.value):
        for e in np.flatnonzero(same):
            walk.add_exit(node, place, int(e), int(labels.flat[e]), stacked[0].flat[e], None)
    labels = np.asarray(np.where(same, -1, labels))
    out.labels = labels if np.any(labels != -1) else None
    if out.labels is None:
        out.worlds = out.worlds[:1]


def meet(labels: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """The label of each element, −2 where it has more than one."""
    joint = np.full(shape, -1)
    for other in labels:
        other = np.broadcast_to(other, shape)
        joint = np.where(
            other == -1, joint, np.where((joint == -1) | (joint == other), other, SEVERAL)
        )
    return np.asarray(joint)
