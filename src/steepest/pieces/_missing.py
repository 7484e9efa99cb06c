"""NaN among a program's data, computed with and then left out: `nansum((w − d)²)`.

Differentiated as it stands such a program gives NaN: what is left out has the slope 0, and 0 times
NaN is NaN (JAX's FAQ, "gradients contain NaN where using where"). Where the value of f is a number
no NaN has a part in it, so that a step on NaN may be differentiated as a step on any other number,
as long as its result is NaN again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core as jex_core

from steepest.pieces import _smooth as smooth

# Whose result is NaN wherever a NaN has a part in it. Others only move numbers, and their
# derivatives multiply by none.
_SPREADING = smooth.BILINEAR | smooth.ELEMENTWISE | smooth.ELEMENTWISE_CHOICES - {"select_n"}
_SPREADING |= {"reduce_prod", "reduce_max", "reduce_min", "cumprod", "logsumexp"}
# Inside the domain of every function of JAX's but acosh.
_ANY = 0.5


def holds_nan(closed: jex_core.ClosedJaxpr) -> bool:
    """Whether a NaN stands among the arrays or the numbers that a program was written with.

    Example:
        >>> import jax
        >>> holds_nan(jax.make_jaxpr(lambda x: jnp.nansum(x - np.array([1, np.nan])))(1.0))
        True
        >>> holds_nan(jax.make_jaxpr(lambda x: jnp.nansum(x - np.array([1.0, 2.0])))(1.0))
        False
    """
    return any(map(_is_nan, closed.consts)) or _written_in(closed.jaxpr)


def _written_in(jaxpr: jex_core.Jaxpr) -> bool:
    for eqn in jaxpr.eqns:
        if any(isinstance(atom, jex_core.Literal) and _is_nan(atom.val) for atom in eqn.invars):
            return True
        for param in eqn.params.values():
            if isinstance(param, jex_core.ClosedJaxpr) and any(map(_is_nan, param.consts)):
                return True
        if any(map(_written_in, jex_core.jaxprs_in_params(eqn.params))):
            return True
    return False


def _is_nan(value: Any) -> bool:
    dtype = getattr(value, "dtype", np.dtype(type(value)) if isinstance(value, float) else None)
    if dtype is None or not jnp.issubdtype(dtype, np.inexact):
        return False
    return bool(np.any(np.isnan(np.asarray(value).astype(np.complex128))))


def beside_nan(
    eqn: jex_core.JaxprEqn, values: list[Any], apply: Callable[[list[Any]], list[Any]]
) -> list[Any]:
    """The results of an equation, NaN where they are, with the derivatives of the others alone."""
    if eqn.primitive.name not in _SPREADING or not any(map(_is_inexact, values)):
        return apply(values)
    plain = apply([lax.stop_gradient(value) for value in values])
    mended = apply([_mended(value) for value in values])
    return [
        jnp.where(jnp.isnan(as_it_is), as_it_is, out) if _is_inexact(out) else as_it_is
        for as_it_is, out in zip(plain, mended, strict=True)
    ]


def _is_inexact(value: Any) -> bool:
    return jnp.issubdtype(value.dtype, np.inexact)


def _mended(value: Any) -> Any:
    if not _is_inexact(value):
        return value
    return jnp.where(jnp.isnan(value), jnp.asarray(_ANY, value.dtype), value)
