"""Which results of an equation were not rounded at all.

A count, or the place of a median, is computed without rounding, and what is decided by it stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.pieces._host import namespace

_LAST = np.uint64(2**27 - 1)  # bits of a number whose product with such another is exact without
_WHOLE = 2.0**53


def exact(name: str, values: list[Any], out: Any) -> Any:
    """A mask of the entries that are the exact result for these inputs, as far as is seen.

    Args:
        name: of the equation, one of `EXACTNESS`.
        values: its inputs, real numbers in float64.
        out: its result.
    """
    return EXACTNESS[name](*values, out)


def _sum(a: Any, b: Any, total: Any) -> Any:
    """What a sum is off by is a number that can be computed (Knuth, Seminumerical Algorithms)."""
    other = total - a
    return (a - (total - other)) + (b - other) == 0


def _product(a: Any, b: Any, out: Any) -> Any:
    return (a == 0) | (b == 0) | _short(a) & _short(b) & _in_range(out)


def _quotient(a: Any, b: Any, out: Any) -> Any:
    exactly = _short(b) & _short(out) & _in_range(out) & (b * out == a)
    return exactly | (a == 0)


def _total(x: Any, out: Any) -> Any:
    """Of whole numbers."""
    np_or_jnp = namespace(x)
    return np_or_jnp.all(x == np_or_jnp.round(x)) & (np_or_jnp.sum(abs(x)) < _WHOLE)


def _short(x: Any) -> Any:
    return (namespace(x).asarray(x).view(np.uint64) & _LAST) == 0


def _in_range(x: Any) -> Any:
    return (abs(x) > 1e-290) & (abs(x) < 1e290)


EXACTNESS = {
    "add": _sum,
    "add_any": _sum,
    "sub": lambda a, b, out: _sum(a, -b, out),
    "mul": _product,
    "square": lambda x, out: _product(x, x, out),
    "div": _quotient,
    "reduce_sum": _total,
    "cumsum": _total,
}
