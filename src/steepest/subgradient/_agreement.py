"""Where marks end: factors that vanish, cases that agree, picks among the very numbers compared."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient import _taylor as taylor
from steepest.subgradient._value import Value, eps_of


def stacked(a: Value, b: Value, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Coefficients and their sizes of a pair, each (n, 2, *shape)."""
    n = max(0 if v.series is None else v.series.shape[0] for v in (a, b))
    both = []
    for of in ("series", "spans"):
        rows = []
        for v in (a, b):
            stack = taylor.padded(getattr(v, of), v.shape, n, a.array.dtype)
            lead = stack.reshape(n, *[1] * (len(shape) - len(v.shape)), *v.shape)
            rows.append(jnp.broadcast_to(lead, (n, *shape)))
        both.append(jnp.stack(rows, axis=1))
    return both[0], both[1]


def either_and(mask: Any, other: Any) -> Any:
    return None if mask is None else mask & other()


def vanishes(v: Value) -> Any:
    """Whether a factor is zero to the last coefficient."""
    if not v.is_float:
        return jnp.zeros(v.shape, bool)
    eps = TIE_FACTOR * eps_of([v])
    zero = jnp.abs(v.array) <= eps * v.size
    if v.series is None:
        return zero
    return zero & jnp.all(jnp.abs(v.series) <= eps * v.spans, axis=0)


def cases_agree(cases: list[Value]) -> Any:
    first, *others = cases
    if not first.is_float:
        joint = [first.array == other.array for other in others]
    else:
        eps = TIE_FACTOR * eps_of(cases)
        joint = []
        for other in others:
            same = jnp.abs(first.array - other.array) <= eps * (first.size + other.size)
            series, spans = stacked(first, other, jnp.shape(first.array))
            gap = jnp.abs(series[:, 0] - series[:, 1]) <= eps * (spans[:, 0] + spans[:, 1])
            joint.append(same & jnp.all(gap, axis=0))
    result = joint[0]
    for j in joint[1:]:
        result = result & j
    return result


def picks_what_it_compared(name: str, inputs: list[Value]) -> set[int]:
    """Inputs whose marks end: a select between the compared, an index into the compared."""
    operand = inputs[0]
    if name == "select_n" and len(inputs) == 3 and operand.source is not None:
        names = frozenset(v.name for v in inputs[1:])
        return {0} if operand.source == names else set()
    if name in ("gather", "dynamic_slice"):
        return {i for i, v in enumerate(inputs) if i and v.varies and v.source == operand.name}
    return set()
