"""a == b and a ≠ b: true or false around the point, except on a set of measure zero."""

from __future__ import annotations

import numpy as np

from steepest.pieces._identity import differ
from steepest.pieces._number import Number
from steepest.pieces._state import NeedsBranch, State
from steepest.pieces._undefined import choice_bad


def equality(walk: State, when_equal: bool, inputs: list[Number], line: str) -> Number:
    """a == b, a ≠ b: decided by whether the two agree identically around the point."""
    walk.step += 1
    a, b = inputs
    eps = max(a.eps, b.eps)
    shape = np.broadcast_shapes(np.shape(a.value), np.shape(b.value))
    labelled = [n for n in inputs if n.labels is not None]
    equal_worlds = []
    for k in range(max(len(n.worlds) for n in inputs)):
        gap = np.abs(np.asarray(a.world(k)) - np.asarray(b.world(k)))
        with np.errstate(invalid="ignore"):
            # Nothing is near infinity but itwalk.
            near = (gap <= np.asarray(walk.tolerance(a.size + b.size, eps))) & np.isfinite(gap)
        equal_worlds.append(near | (np.asarray(a.world(k)) == np.asarray(b.world(k))))
    if a.ref is not None and a.ref == b.ref:
        equal = ~np.isnan(np.broadcast_to(a.value, shape))  # NaN alone is not equal to itself
    elif labelled:
        if any(w.any() for w in equal_worlds):
            walk.branch_on(labelled[0])
        equal = np.zeros(shape, bool)
    else:
        equal = np.array(np.broadcast_to(equal_worlds[0], shape))
        if equal.any():
            upstream = sorted(a.upstream | b.upstream)
            _settle_upstream(walk, upstream)
            isolated = equal & differ(walk, a, b)
            if isolated.any():
                walk.tape.equalities.append((a.operand, b.operand, isolated, line))
            equal &= ~isolated
    value = np.asarray(equal if when_equal else ~equal)
    bad = choice_bad(walk, inputs, shape)
    return Number([value], None, np.zeros(shape), eps, bad=bad)


def _settle_upstream(walk: State, nodes: list[int]) -> None:
    for i in nodes:
        for t in walk.tape.nodes[i].ties:
            switch = walk.tape.switches[t]
            if switch.forced is None:
                raise NeedsBranch(switch.address, len(switch.outcomes), switch.line)
