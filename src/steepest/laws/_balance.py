"""The layer balance: squared Frobenius norms of the layers, compared in turn.

Gradient flow keeps the differences of the squared norms of layers in each of which the predictions
are positively homogeneous of degree one (Du, Hu, Lee 2018, Corollary 2.1).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from steepest.inputs import as_point


class Balance(NamedTuple):
    """Layer by layer, in the order of the pytree's leaves.

    Attributes:
        squared_norms: ‖W_i‖².
        differences: ‖W_i‖² − ‖W_{i+1}‖².
        ratios: ‖W_i‖² / ‖W_{i+1}‖² (NaN for 0/0).
    """

    squared_norms: Float[Array, " layers"]
    differences: Float[Array, " layers-1"]
    ratios: Float[Array, " layers-1"]


def balance(params: PyTree) -> Balance:
    """The balance of a network's layers, one leaf a layer; usable as a monitor and under jit.

    Args:
        params: a pytree of float arrays.

    Raises:
        ArgumentError: a leaf is not an array of real floats.

    Example:
        >>> import jax.numpy as jnp
        >>> balance([jnp.array([3.0, 4.0]), jnp.array([5.0])]).differences.tolist()
        [0.0]
    """
    leaves = as_point(params, name="params", finite=False).leaves
    norms = [_squared_norm(jnp.asarray(leaf)) for leaf in leaves]
    n = jnp.stack([norm.astype(jnp.result_type(*norms)) for norm in norms])
    return Balance(n, n[:-1] - n[1:], n[:-1] / n[1:])


def _squared_norm(leaf: Float[Array, "..."]) -> Float[Array, ""]:
    """Summed in float32 at least: a sum of many bfloat16 squares stalls."""
    wide = jnp.promote_types(leaf.dtype, jnp.float32)
    return jax.lax.square(leaf.astype(wide)).sum()
