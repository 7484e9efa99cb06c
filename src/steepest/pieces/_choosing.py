"""Choosing steps: decided where there is room, left open as switches where candidates tie."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.pieces._choices import COMPARISONS, NO_TIE_AT_ZERO, Choice
from steepest.pieces._identity import not_identically_zero
from steepest.pieces._labels import meet
from steepest.pieces._norms import is_nonnegative, same_sign
from steepest.pieces._number import Number
from steepest.pieces._state import SEVERAL, State
from steepest.pieces._tape import Node, Switch
from steepest.pieces._undefined import choice_bad


def choose(
    walk: State, name: str, row: Choice, params: dict[str, Any], inputs: list[Number], line: str
) -> Number:
    number = walk.step
    walk.step += 1
    if name in COMPARISONS:
        inputs = same_sign(inputs, walk.makers)
    data = row.freeze([inputs[0].value], params)
    if data is not None and inputs[0].labels is not None:
        walk.branch_on(inputs[0])  # a step has another threshold in another world
    worlds, patterns, tied, margins = [], [], None, None
    labels = None
    labelled = [n.labels for n in inputs if n.labels is not None]
    eps = max(n.eps for n in inputs)
    for k in range(max(len(n.worlds) for n in inputs)):
        values = [n.world(k) for n in inputs]
        keys = np.asarray(row.keys(values, params, data), np.float64)
        sizes = np.abs(np.asarray(row.keys([n.size for n in inputs], params, data)))
        best = np.array(np.argmax(keys, axis=0))
        top = np.take_along_axis(keys, best[None], 0)
        room = walk.tolerance(sizes + np.take_along_axis(sizes, best[None], 0), eps)
        with np.errstate(invalid="ignore"):
            near = (top - keys <= np.asarray(room)) & np.isfinite(top - keys)
        near[best, *np.indices(best.shape)] = True
        if name in NO_TIE_AT_ZERO:
            near[:, np.asarray(data[0]) == 0] = False  # pyright: ignore[reportOptionalSubscript]
            near[best, *np.indices(best.shape)] = True
        here = near.sum(axis=0) > 1
        tied = here if tied is None else tied | here
        margins = near if margins is None else margins
        patterns.append(best)
        worlds.append(row.output(values, params, data, best))
    assert tied is not None
    assert margins is not None
    tied = np.asarray(tied)
    if labelled:
        if len(labelled) and name not in ("reduce_max", "reduce_min", "argmax", "argmin"):
            labels = meet(labelled, tied.shape)
        else:
            present = set(np.unique(labelled[0])) - {-1}
            if len(present) > 1:
                walk.branch_on(next(n for n in inputs if n.labels is not None))
            labels = np.full(tied.shape, present.pop())
        if np.any((labels != -1) & tied) or np.any(labels == SEVERAL):
            walk.branch_on(next(n for n in inputs if n.labels is not None))
    for n in inputs:
        if n.bad is not None:
            keep = n.bad if n.bad.shape == tied.shape else np.ones(tied.shape, bool)
            tied = np.asarray(tied & ~keep)
    if name in ("max", "min") and inputs[0].ref is not None and inputs[0].ref == inputs[1].ref:
        tied = np.zeros_like(tied)
    if name == "abs" and tied.any() and is_nonnegative(inputs[0].ref, walk.makers):
        tied = np.zeros_like(tied)  # |y| is y, everywhere
        patterns = [np.zeros_like(p) for p in patterns]
        worlds = [
            row.output([n.world(k) for n in inputs], params, data, p)
            for k, p in enumerate(patterns)
        ]
    if name in COMPARISONS and tied.any():
        tied = _one_signed(walk, inputs, tied, patterns)
        worlds = [
            row.output([n.world(k) for n in inputs], params, data, p)
            for k, p in enumerate(patterns)
        ]
    return _write(
        walk, number, name, row, params, data, inputs, line, patterns, worlds, tied, margins, labels
    )


def _write(
    walk: State,
    number: int,
    name: str,
    row: Choice,
    params: dict[str, Any],
    data: Any,
    inputs: list[Number],
    line: str,
    patterns: list[np.ndarray],
    worlds: list[Any],
    tied: np.ndarray,
    near: np.ndarray,
    labels: np.ndarray | None,
) -> Number:
    """Put a choice on the tape: frozen, with its ties as switches.

    `number` counts choosing steps; `near` tells which candidates tie, shape (m, *out).
    """
    shape = tied.shape
    eps = max(n.eps for n in inputs)
    if labels is None and not tied.any() and (not row.continuous):
        # Decided with room: its output is locally constant.
        out = Number([worlds[0]], None, np.abs(np.asarray(worlds[0], np.float64)), eps)
        bad = choice_bad(walk, inputs, shape)
        out.bad = bad
        return out
    node = Node(
        name,
        [n.operand for n in inputs],
        [],
        line,
        linear=True,
        row=row,
        params=params,
        data=data,
        patterns=patterns,
        labels=labels,
        shapes=[shape],
        numbers=inputs,
    )
    walk.add(node)
    place_in_nodes = len(walk.tape.nodes) - 1
    upstream = frozenset().union(*(n.upstream for n in inputs))
    open_places = []
    flat_near = near.reshape(near.shape[0], -1)
    for e in np.flatnonzero(tied):
        outcomes = tuple(int(k) for k in np.flatnonzero(flat_near[:, e]))
        t = _switch_for(walk, node, number, int(e), outcomes, row, line, inputs)
        switch = walk.tape.switches[t]
        node.ties.append(t)
        if switch.forced is not None:
            for p in patterns:
                p.reshape(-1)[e] = outcomes[switch.forced]
        else:
            open_places.append((int(e), t))
            for p in patterns:
                p.reshape(-1)[e] = outcomes[0]
    if node.ties:
        count = max(len(patterns), walk.tape._jump_worlds(node))
        worlds = [
            row.output(
                [n.world(k) for n in inputs],
                params,
                data,
                walk.tape._pattern_in_world(node, k),
            )
            for k in range(count)
        ]
    if row.continuous:
        sizes = _chosen_sizes(walk, row, params, data, inputs, patterns[0])
    else:
        sizes = np.abs(np.asarray(worlds[0], np.float64))
    out = Number(worlds, walk.fresh(node), sizes, eps, labels=labels, upstream=upstream)
    out.flat = not row.continuous or all(n.flat or n.ref is None for n in inputs)
    out.bad = choice_bad(walk, inputs, shape)
    if open_places:
        out.upstream = out.upstream | {place_in_nodes}
        if row.continuous:
            flat = np.asarray(worlds[0]).reshape(-1)
            for e, t in open_places:
                walk.add_exit(node, 0, e, t, float(flat[e]), row.sign)
        else:
            marks = np.full(shape, -1) if labels is None else np.array(labels)
            for e, t in open_places:
                marks.reshape(-1)[e] = t
            out.labels = marks
    return out


def _chosen_sizes(
    walk: State,
    row: Choice,
    params: dict[str, Any],
    data: Any,
    inputs: list[Number],
    pattern: np.ndarray,
) -> Any:
    sizes = np.abs(row.keys([n.size for n in inputs], params, data))
    return np.take_along_axis(sizes, np.asarray(pattern)[None], 0)[0]


def _switch_for(
    walk: State,
    node: Node,
    number: int,
    place: int,
    outcomes: tuple[int, ...],
    row: Choice,
    line: str,
    inputs: list[Number],
) -> int:
    """The switch of a tied place: a new one, or the one of an equal comparison before."""
    same: Any = None
    at_equality = row.at_equality(node.data, place)
    if not row.continuous and node.name in COMPARISONS:
        same = (tuple(fingerprint(n) for n in inputs), place, at_equality)
        if same in walk.known:
            return walk.known[same]
    at_equality = at_equality if len(outcomes) > at_equality else 0
    index = len(walk.tape.switches)
    address = (number, place)
    walk.tape.switches.append(
        Switch(
            index,
            outcomes,
            place,
            not row.continuous,
            at_equality,
            address,
            node.name,
            line,
            forced=walk.forced.get(address),
        )
    )
    node.owned.append(index)
    if same is not None:
        walk.known[same] = index
    return index


def _one_signed(
    walk: State, inputs: list[Number], tied: np.ndarray, patterns: list[np.ndarray]
) -> np.ndarray:
    """Settle ties a > 0 where a ≥ 0 by its structure and is not zero all around the point."""
    for which in (0, 1):
        large, small = inputs[which], inputs[1 - which]
        if small.ref is not None or large.ref is None or large.upstream:
            continue
        if np.any(np.asarray(small.value) != 0) or not is_nonnegative(large.ref, walk.makers):
            continue
        nonzero = np.broadcast_to(not_identically_zero(walk, large), tied.shape)
        settle = tied & nonzero
        for p in patterns:
            p[settle] = which
        tied = np.asarray(tied & ~settle)
    return tied


def fingerprint(number: Number) -> Any:
    if number.ref is not None:
        return number.ref
    array = np.asarray(number.value)
    return (array.shape, array.dtype.str, array.tobytes())
