"""Errors of ours from inside compiled programs, where Python's `raise` cannot reach."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import PyTree

from steepest.errors import SteepestError
from steepest.inputs import is_traced

# The callback's thread leaves the error here, since XLA hands on its text alone.
_last: list[SteepestError] = []


def raise_if(bad: Any, error: Callable[..., SteepestError], values: Any, result: PyTree) -> PyTree:
    """`result`, unless `bad` holds when it is computed: then error(*values) is raised.

    Called eagerly, that is the error itself. In a compiled program it is XLA's error with ours at
    the end of its text, or ours again within `reraised`. Under vmap one bad member fails all.

    Args:
        bad: a boolean.
        error: makes the error from the values.
        values: a tuple of numbers.
        result: a pytree of float arrays.
    """
    if not is_traced((bad, values)):
        if bad:
            raise error(*values)
        return result

    def look(bad: Any, *values: Any) -> Any:
        bad = np.asarray(bad)
        if bad.any():
            first = np.unravel_index(np.argmax(bad), bad.shape)
            _last[:] = [error(*(np.asarray(v)[first] for v in values))]
            raise _last[0]
        return np.zeros(bad.shape, bool)

    def ask() -> Any:
        answer = jax.ShapeDtypeStruct((), np.bool_)
        return jax.pure_callback(
            look, answer, bad, *lax.stop_gradient(values), vmap_method="broadcast_all"
        )

    failed = lax.cond(bad, ask, lambda: jnp.asarray(False))
    # It never is true; what depends on it is not left out by the compiler.
    return jax.tree.map(lambda leaf: jnp.where(failed, jnp.nan, leaf), result)


@contextmanager
def reraised() -> Iterator[None]:
    """What `raise_if` raised while a compiled program ran comes out as it was.

    As in Equinox's `filter_jit` JAX's log of the callback's traceback is kept quiet meanwhile.
    """
    quiet = lambda record: not record.getMessage().endswith("pure_callback failed")
    log = logging.getLogger("jax._src.callback")  # tried with JAX 0.10
    log.addFilter(quiet)
    _last.clear()
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if _last and str(_last[0]) in str(error):
            raise _last.pop() from None
        raise
    finally:
        log.removeFilter(quiet)
