"""Steps that do not choose: a smooth function, or discrete numbers moved about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.pieces import _smooth as smooth
from steepest.pieces._host import to_host
from steepest.pieces._labels import close_labels, spread_labels
from steepest.pieces._linear_algebra import require
from steepest.pieces._norms import is_nonnegative, sum_of_squares
from steepest.pieces._number import Number
from steepest.pieces._state import State
from steepest.pieces._tape import Node, Switch
from steepest.pieces._undefined import mended_apply, singular_places, spread_bad


def step(
    walk: State,
    name: str,
    params: dict[str, Any],
    inputs: list[Number],
    line: str,
    apply: Callable[[list[Any]], list[Any]],
) -> list[Number]:
    """A step that is smooth, or that moves discrete numbers about."""
    singular = singular_places(walk, name, params, inputs)
    balls: list[tuple[int, Any]] = []
    if singular is not None:
        mended = mended_apply(name, apply, inputs, singular)
        if name == "sqrt":
            balls = _norms(walk, inputs[0], singular)
            for _, parts in balls:
                singular.reshape(-1)[parts[0]] = False
        apply = mended
    count = max(len(n.worlds) for n in inputs)
    worlds = [[to_host(o) for o in apply([n.world(k) for n in inputs])] for k in range(count)]
    first = worlds[0]
    require(name, [n.value for n in inputs], first, params, line)
    sizes = smooth.size(
        name, [n.value for n in inputs], [n.size for n in inputs], first, params, apply
    )
    bad = spread_bad(walk, name, inputs, first, apply)
    if singular is not None and singular.any():
        walk.bad_line = line
        bad = [np.asarray(singular | b) if b is not None else singular for b in bad or [None]]
    labels = spread_labels(walk, name, inputs, first, apply)
    variable = [n for n in inputs if n.ref is not None]
    node = Node(
        name,
        [n.operand for n in inputs],
        [],
        line,
        linear=_is_linear(name, inputs) or not any(smooth.is_float(o) for o in first),
        apply=apply,
        params=params,
        shapes=[np.shape(o) for o in first],
        numbers=inputs,
    )
    flat = all(n.flat or not smooth.is_float(n.value) for n in variable)
    upstream = frozenset().union(*(n.upstream for n in variable))
    eps = max((n.eps for n in inputs if smooth.is_float(n.value)), default=0.0)
    walk.add(node)
    outs = []
    for place, _value in enumerate(first):
        out = Number(
            [w[place] for w in worlds],
            walk.fresh(node),
            sizes[place],
            eps or np.finfo(np.float64).eps,
            labels=labels[place] if labels is not None else None,
            bad=bad[place] if bad is not None else None,
            upstream=upstream,
            flat=flat,
        )
        outs.append(out)
        if out.labels is not None:
            close_labels(walk, out, node, place)
    if balls:
        _add_balls(walk, node, outs[0], balls, line)
    return outs


def _norms(walk: State, number: Number, singular: np.ndarray) -> list[tuple[int, Any]]:
    """For each zero under a root that is a sum of squares: the vector whose norm it is."""
    if number.ref is None or number.labels is not None:
        return []
    found = []
    zero = np.abs(np.asarray(number.value)) <= np.asarray(walk.tolerance(number.size, number.eps))
    for e in np.flatnonzero(singular & zero):
        parts = sum_of_squares(number.ref, int(e), walk.makers)
        if parts is not None:
            found.append((len(found), (int(e), parts)))
    return found


def _add_balls(walk: State, node: Node, out: Number, balls: list[Any], line: str) -> None:
    number = walk.step
    walk.step += 1
    for _, (e, parts) in balls:
        width = sum(len(places) for _, places, _ in parts)
        index = len(walk.tape.switches)
        nonnegative = [is_nonnegative(ref, walk.makers) for ref, _, _ in parts]
        switch = Switch(
            index,
            tuple(range(width)),
            e,
            False,
            0,
            (number, e),
            "norm",
            line,
            ball=True,
            nonnegative=tuple(np.repeat(nonnegative, [len(p) for _, p, _ in parts]).tolist()),
        )
        walk.tape.switches.append(switch)
        node.balls.append((index, parts))
        walk.add_exit(node, 0, e, index, 0.0, None)
    out.worlds = [_with_zeros(w, [e for _, (e, _) in balls]) for w in out.worlds]
    out.upstream = out.upstream | {len(walk.tape.nodes) - 1}
    node.linear = False


def _with_zeros(array: np.ndarray, places: list[int]) -> np.ndarray:
    flat = np.array(array).reshape(-1)
    flat[places] = 0.0
    return flat.reshape(array.shape)


def _is_linear(name: str, inputs: list[Number]) -> bool:
    variable = [n for n in inputs if n.ref is not None and not n.flat and smooth.is_float(n.value)]
    if name in smooth.LINEAR:
        return True
    if name in smooth.BILINEAR or name in ("select_n", "scatter-add", "scatter"):
        return len(variable) <= 1 or name == "select_n"
    return name == "div" and (inputs[1].ref is None or inputs[1].flat)
