"""The table of choosing primitives: what makes every kink of a JAX program.

A row turns a primitive into a *choice*. Each place of the output has m candidates with scalar
*keys* κ_0 … κ_{m−1}; candidate k wins where its key exceeds the others, and the differences
κ_k − κ_j are the margins. A pattern p holds the index of a candidate for each place, and `output`
gives the primitive's value with the pattern frozen: a smooth program that extends past the kink.

To add a primitive that chooses is to add a row here; whatever breaks ties (a direction, a sample, a
tree over patterns) needs to know no more than this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.pieces._host import namespace

Params = dict[str, Any]


# (values, params, data) → keys, and (values, params, data, pattern) → output.
Keys = Callable[[list[Any], Params, Any], Any]
Output = Callable[[list[Any], Params, Any, Any], Any]


@dataclass(frozen=True)
class Choice:
    """A row of the table.

    Attributes:
        keys: (values, params, data) → the keys, shape (m, *out).
        output: (values, params, data, pattern) → the output under a pattern, shape out.
        continuous: candidates that tie in their keys have equal values; the output is then
            sign·key.
        sign: +1 where the largest key is the output (max, abs), −1 where minus it is (min).
        freeze: values at the point → what a frozen piece must remember of them (the integer that a
            floor rounds to).
        at_equality: (data, flat place) → the outcome where the keys are equal all over a
            neighbourhood.
    """

    keys: Keys
    output: Output
    continuous: bool = False
    sign: float = 1.0
    freeze: Callable[[list[Any], Params], Any] = lambda values, params: None
    at_equality: Callable[[Any, int], int] = lambda data, place: 0


def _pick(keys: Any, pattern: Any) -> Any:
    xp = namespace(keys, pattern)
    if len(keys) == 2:  # a select compiles faster than a gather
        return xp.where(pattern == 0, keys[0], keys[1])
    return xp.take_along_axis(keys, xp.asarray(pattern)[None], axis=0)[0]


def _largest(keys: Keys, sign: float = 1.0) -> Choice:
    """A choice whose output is its winning key (or minus it)."""
    return Choice(
        keys,
        lambda v, params, data, p: sign * _pick(keys(v, params, data), p),
        continuous=True,
        sign=sign,
    )


def _pair(sign: float) -> Keys:
    def keys(v: list[Any], params: Params, data: Any) -> Any:
        xp = namespace(*v)
        return sign * xp.stack(xp.broadcast_arrays(v[0], v[1]))

    return keys


def _with_negative(v: list[Any], params: Params, data: Any) -> Any:
    return namespace(*v).stack([v[0], -v[0]])


def _zero_and_both(v: list[Any], params: Params, data: Any) -> Any:
    return namespace(*v).stack([0 * v[0], v[0], -v[0]])


def _along_axes(sign: float) -> Keys:
    def keys(v: list[Any], params: Params, data: Any) -> Any:
        axes = tuple(params["axes"])
        moved = namespace(*v).moveaxis(v[0], axes, range(len(axes)))
        return sign * moved.reshape(-1, *moved.shape[len(axes) :])

    return keys


def _comparison(winner: int, at_equality: int) -> Choice:
    """True where the first operand is larger (winner 0) or the second (winner 1)."""
    return Choice(
        _pair(1.0),
        lambda v, params, data, p: namespace(p).asarray(p) == winner,
        at_equality=lambda data, place: at_equality,
    )


def _index(v: list[Any], params: Params, data: Any, p: Any) -> Any:
    return namespace(p).asarray(p).astype(params["index_dtype"])


def _step(
    name: str,
    threshold: Callable[[Any], Any],
    above: Callable[[Any], Any],
    below: Callable[[Any], Any],
) -> Choice:
    """A step function: near the point one threshold matters, and the values on its two sides."""

    def freeze(v: list[Any], params: Params) -> Any:
        t = threshold(v[0])
        return t, above(t), below(t)

    def at_equality(data: Any, place: int) -> int:
        t, over, _ = (np.asarray(part, np.float64).reshape(-1)[place] for part in data)
        return int(getattr(np, name)(t) != over)

    return Choice(
        lambda v, params, data: namespace(*v).stack(namespace(*v).broadcast_arrays(v[0], data[0])),
        lambda v, params, data, p: _where(p, data[1], data[2]),
        freeze=freeze,
        at_equality=at_equality,
    )


def _half(x: Any) -> Any:
    return namespace(x).floor(x) + 0.5


def _where(pattern: Any, first: Any, second: Any) -> Any:
    return namespace(pattern, first, second).where(pattern == 0, first, second)


def _nearest(x: Any) -> Any:
    return namespace(x).round(x)


CHOICES: dict[str, Choice] = {
    # The winner is the output.
    "max": _largest(_pair(1.0)),
    "min": _largest(_pair(-1.0), -1.0),
    "abs": _largest(_with_negative),
    "reduce_max": _largest(_along_axes(1.0)),
    "reduce_min": _largest(_along_axes(-1.0), -1.0),
    # The winner is told by a truth value, an index, a sign.
    "gt": _comparison(0, at_equality=1),
    "ge": _comparison(0, at_equality=0),
    "lt": _comparison(1, at_equality=0),
    "le": _comparison(1, at_equality=1),
    # The total order differs from the usual one for NaN and the two zeros alone.
    "lt_to": _comparison(1, at_equality=0),
    "le_to": _comparison(1, at_equality=1),
    "argmax": Choice(_along_axes(1.0), _index),
    "argmin": Choice(_along_axes(-1.0), _index),
    "sign": Choice(_with_negative, lambda v, params, data, p: _where(p, 1.0, -1.0)),
    # Steps.
    "floor": _step("floor", _nearest, lambda t: t, lambda t: t - 1),
    "ceil": _step("ceil", _nearest, lambda t: t + 1, lambda t: t),
    "round": _step("round", _half, lambda t: t + 0.5, lambda t: t - 0.5),
    "trunc": _step("trunc", _nearest, lambda t: t + (t < 0), lambda t: t - (t > 0)),
}
# A sign whose operand may be zero all over a piece: then, and only then, the first of three wins.
SIGN = Choice(
    _zero_and_both,
    lambda v, params, data, p: _where(p, 0.0, _where(namespace(p).asarray(p) - 1, 1.0, -1.0)),
)
COMPARISONS = frozenset({"gt", "ge", "lt", "le", "lt_to", "le_to"})
# A step's two sides are equal in value where trunc passes zero, so this is not a tie of it.
NO_TIE_AT_ZERO = frozenset({"trunc"})
# Equal only on a set of measure zero, unless identically.
EQUALITIES = {"eq": True, "ne": False}
