"""Sums of squares, followed as a program runs: which entries are squared and added.

`steepest.pieces._norms` reads the same from a tape, number by number; here whole arrays are
followed, so that a norm of many can be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from steepest.pieces import _smooth as smooth
from steepest.pieces._double import evaluate_equation

# id of a sum of squares → (the sum, what is squared: the entries of each sum on a leading axis).
Known = Mapping[int, tuple[Any, Any]]


def squared_entries(eqn: Any, values: list[Any], known: Known) -> Any | None:
    """Entries u on a leading axis with Σ u² the result of the equation, or None."""
    rule = _RULES.get(eqn.primitive.name)
    if rule is not None:
        return rule(eqn, values, known)
    if eqn.primitive.name in smooth.STRUCTURAL and len(values) == 1:
        under = _under(values[0], known)
        if under is not None:
            return jax.vmap(lambda u: evaluate_equation(eqn, [u])[0])(under)
    return None


def _under(value: Any, known: Known) -> Any | None:
    found = known.get(id(value))
    return None if found is None else found[1]


def _square(eqn: Any, values: list[Any], known: Known) -> Any | None:
    return values[0][None] if eqn.params.get("y", 2) == 2 else None


def _product(eqn: Any, values: list[Any], known: Known) -> Any | None:
    a, b = values
    if a is b:
        return a[None]
    for total, factor in ((a, b), (b, a)):
        under = _under(total, known)
        if under is not None and _is_positive(factor):
            return _scaled(under, jnp.sqrt(factor))
    return None


def _quotient(eqn: Any, values: list[Any], known: Known) -> Any | None:
    under = _under(values[0], known)
    if under is None or not _is_positive(values[1]):
        return None
    return _scaled(under, 1 / jnp.sqrt(values[1]))


def _scaled(under: Any, factor: Any) -> Any:
    """The entries times a factor, which one number may have many of."""
    wider = (1,) * max(jnp.ndim(factor) - under[0].ndim, 0)
    return jnp.reshape(under, (len(under), *wider, *under.shape[1:])) * factor


def _is_positive(factor: Any) -> bool:
    return not isinstance(factor, Tracer) and bool(np.all(np.asarray(factor) > 0))


def _sum(eqn: Any, values: list[Any], known: Known) -> Any | None:
    under = _under(values[0], known)
    if under is None:
        return None
    axes = eqn.params["axes"]
    first = jnp.moveaxis(under, [1 + axis for axis in axes], range(1, 1 + len(axes)))
    kept = [n for i, n in enumerate(jnp.shape(values[0])) if i not in axes]
    return jnp.reshape(first, (-1, *kept))


def _added(eqn: Any, values: list[Any], known: Known) -> Any | None:
    a, b = (_under(value, known) for value in values)
    if a is None or b is None or a.shape[1:] != b.shape[1:]:
        return None
    return jnp.concatenate([a, b])


def _contraction(eqn: Any, values: list[Any], known: Known) -> Any | None:
    a, b = values
    (left, right), (batch, _) = eqn.params["dimension_numbers"]
    if a is not b or left != right or batch or len(left) != jnp.ndim(a):
        return None
    return jnp.reshape(a, -1)


_RULES: dict[str, Callable[[Any, list[Any], Known], Any | None]] = {
    "square": _square,
    "integer_pow": _square,
    "mul": _product,
    "div": _quotient,
    "reduce_sum": _sum,
    "add": _added,
    "dot_general": _contraction,
}
