"""Choices that one side wins whatever the input: units that are always on, or dead.

Interval arithmetic with the parameters in a small box and the input anywhere: a hidden unit behind
ReLUs whose weights are all negative never gets above 0. What is decided so is decided for all
parameters in the box; where a rule is missing nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend import core as jex_core

from steepest.pieces import called_jaxpr
from steepest.pieces._concrete import evaluate, widened
from steepest.pieces._double import IDENTITIES
from steepest.pieces._interpret import interpret

Range = tuple[Any, Any]  # the least and the most that each number can be
Path = tuple[int, ...]
_LARGEST = 2_000_000  # products in one sum


def decided(
    closed: jex_core.ClosedJaxpr, low: Sequence[np.ndarray], high: Sequence[np.ndarray], rest: Any
) -> dict[Path, np.ndarray]:
    """For each equation that chooses (by its path of calls): 1, 0, or NaN where it is open.

    For max and min 1 says that the first operand is the result, for abs that the argument is ≥ 0,
    for comparisons that they are true.

    Args:
        low, high: the box, leaf by leaf.
        rest: shapes of the program's further inputs, of which nothing is known.
    """
    found: dict[Path, np.ndarray] = {}
    args: list[Range] = list(zip(low, high, strict=True))
    args += [(np.full(shape, -np.inf), np.full(shape, np.inf)) for shape in rest]
    with np.errstate(all="ignore"):
        _run(closed, args, (), found)
    return found


def _run(
    closed: jex_core.ClosedJaxpr, args: Sequence[Range], path: Path, found: dict[Path, np.ndarray]
) -> list[Range]:
    def equation(eqn: Any, inputs: list[Range], _: Any) -> Sequence[Range]:
        here = (*path, id(eqn))
        inner = called_jaxpr(eqn)
        if inner is not None:
            return _run(inner, inputs, here, found)
        name = eqn.primitive.name
        if name in IDENTITIES:
            return inputs
        if _is_known(inputs):
            return [(out, out) for out in evaluate(eqn, [a for a, _ in inputs])]
        if name in _OPEN_CHOICES:
            out, which = _OPEN_CHOICES[name](*inputs)
            found[here] = np.asarray(which)
            return [out]
        if name in _MONOTONE:
            at = lambda place: [np.asarray(r[place], np.float64) for r in inputs]
            lows, highs = evaluate(eqn, at(0)), evaluate(eqn, at(1))
            return list(zip(lows, highs, strict=True))
        rule = _RULES.get(name)
        out = None if rule is None else rule(eqn, *inputs)
        return [_anything(var) for var in eqn.outvars] if out is None else [out]

    return interpret(closed, args, _known, equation)


def _known(value: Any, dtype: Any) -> Range:
    value = widened(value)
    return value, value


def _is_known(inputs: Sequence[Range]) -> bool:
    return all(low is high for low, high in inputs)


def _anything(var: Any) -> Range:
    shape = getattr(var.aval, "shape", ())
    return np.full(shape, -np.inf), np.full(shape, np.inf)


def _which(yes: Any, no: Any) -> np.ndarray:
    yes, no = np.broadcast_arrays(yes, no)
    return np.where(yes, 1.0, np.where(no, 0.0, np.nan))


def _extreme(function: Any, sign: float) -> Callable[..., tuple[Range, Any]]:
    def rule(a: Range, b: Range) -> tuple[Range, Any]:
        if sign > 0:
            which = _which(a[0] >= b[1], b[0] >= a[1])
        else:
            which = _which(a[1] <= b[0], b[1] <= a[0])
        return (function(a[0], b[0]), function(a[1], b[1])), which

    return rule


def _abs(a: Range) -> tuple[Range, Any]:
    least = np.where((a[0] <= 0) & (a[1] >= 0), 0.0, np.minimum(abs(a[0]), abs(a[1])))
    return (least, np.maximum(abs(a[0]), abs(a[1]))), _which(a[0] >= 0, a[1] <= 0)


def _comparison(yes: Any, no: Any) -> Callable[..., tuple[Range, Any]]:
    def rule(a: Range, b: Range) -> tuple[Range, Any]:
        which = _which(yes(a, b), no(a, b))
        return (np.where(which == 1, 1.0, 0.0), np.where(which == 0, 0.0, 1.0)), which

    return rule


_OPEN_CHOICES: dict[str, Callable[..., tuple[Range, Any]]] = {
    "max": _extreme(np.maximum, 1.0),
    "min": _extreme(np.minimum, -1.0),
    "abs": _abs,
    "gt": _comparison(lambda a, b: a[0] > b[1], lambda a, b: a[1] <= b[0]),
    "ge": _comparison(lambda a, b: a[0] >= b[1], lambda a, b: a[1] < b[0]),
    "lt": _comparison(lambda a, b: a[1] < b[0], lambda a, b: a[0] >= b[1]),
    "le": _comparison(lambda a, b: a[1] <= b[0], lambda a, b: a[0] > b[1]),
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each number of the result is a number of an input, or rises with it.
MOVES = _names("reshape broadcast_in_dim transpose squeeze expand_dims slice rev concatenate")
_RISING = "reduce_sum cumsum exp tanh logistic reduce_max reduce_min log1p expm1 sqrt"
_MONOTONE = MOVES | _names(_RISING)


def _product(a: Any, b: Any) -> np.ndarray:
    """0 · ∞ is 0: what is exactly 0 switches the other off."""
    return np.where((a == 0) | (b == 0), 0.0, a * b)


def _times(a: Range, b: Range) -> Range:
    ends = [_product(p, q) for p in a for q in b]
    return np.minimum.reduce(ends), np.maximum.reduce(ends)


def _mul(eqn: Any, a: Range, b: Range) -> Range:
    if eqn.invars[0] is eqn.invars[1]:
        return _square(eqn, a)
    return _times(a, b)


def _square(eqn: Any, a: Range) -> Range:
    (least, most), _ = _abs(a)
    return least**2, most**2


def _integer_pow(eqn: Any, a: Range) -> Range | None:
    y = eqn.params["y"]
    if y <= 0:
        return None
    if y % 2:
        return a[0] ** y, a[1] ** y
    (least, most), _ = _abs(a)
    return least**y, most**y


def _select(eqn: Any, which: Range, *cases: Range) -> Range | None:
    if len(cases) != 2:
        return None
    (no, yes) = cases
    off, on = which[1] == 0, which[0] == 1
    low = np.where(on, yes[0], np.where(off, no[0], np.minimum(yes[0], no[0])))
    high = np.where(on, yes[1], np.where(off, no[1], np.maximum(yes[1], no[1])))
    return low, high


def _convert(eqn: Any, a: Range) -> Range | None:
    if not np.issubdtype(eqn.params["new_dtype"], np.floating):
        return None
    return np.asarray(a[0], np.float64), np.asarray(a[1], np.float64)


def _dot(eqn: Any, a: Range, b: Range) -> Range | None:
    (left, right), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    shape, other = np.shape(a[0]), np.shape(b[0])
    free = [d for d in range(len(shape)) if d not in {*left, *left_batch}]
    rest = [d for d in range(len(other)) if d not in {*right, *right_batch}]
    size = int(np.prod(shape)) * int(np.prod([other[d] for d in rest]))
    if size > _LARGEST:
        return None
    # batch, free, 1 …, summed  ×  batch, 1 …, rest, summed

    def first(x: np.ndarray) -> np.ndarray:
        x = np.transpose(x, [*left_batch, *free, *left])
        return np.expand_dims(x, tuple(len(left_batch) + len(free) + k for k in range(len(rest))))

    def second(x: np.ndarray) -> np.ndarray:
        x = np.transpose(x, [*right_batch, *rest, *right])
        return np.expand_dims(x, tuple(len(right_batch) + k for k in range(len(free))))

    low, high = _times((first(a[0]), first(a[1])), (second(b[0]), second(b[1])))
    axes = tuple(range(low.ndim - len(left), low.ndim))
    return low.sum(axes), high.sum(axes)


_RULES: dict[str, Callable[..., Range | None]] = {
    "add": lambda eqn, a, b: (a[0] + b[0], a[1] + b[1]),
    "add_any": lambda eqn, a, b: (a[0] + b[0], a[1] + b[1]),
    "sub": lambda eqn, a, b: (a[0] - b[1], a[1] - b[0]),
    "neg": lambda eqn, a: (-a[1], -a[0]),
    "mul": _mul,
    "square": _square,
    "integer_pow": _integer_pow,
    "select_n": _select,
    "convert_element_type": _convert,
    "dot_general": _dot,
    "is_finite": lambda eqn, a: (np.ones(np.shape(a[0])), np.ones(np.shape(a[0]))),
}
