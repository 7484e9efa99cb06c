"""The arrays that a traced program closes over, as the user's own or as copies."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.extend import core as jex_core


def detached(closed: jex_core.ClosedJaxpr) -> jex_core.ClosedJaxpr:
    """The program with none of the arrays that JAX makes of NumPy's as it traces.

    JAX keeps one such for each of the user's arrays, of the precision in which it was first met and
    for as long as anyone holds it: held here, from a trace in double, the user's own calls in
    single precision would be given it, and fail.
    """
    return jex_core.ClosedJaxpr(closed.jaxpr, [_detached(const) for const in closed.consts])


def _detached(const: Any) -> Any:
    if not isinstance(const, np.ndarray) or type(const) is np.ndarray:
        return const
    base = const.base
    if type(base) is np.ndarray and _layout(base) == _layout(const):
        return base
    return np.array(const)


def _layout(array: np.ndarray) -> Any:
    return array.dtype, array.shape, array.strides, array.__array_interface__["data"]
