"""Accumulators in float32 for parameters in 16 bits.

An average that is kept in bfloat16 stops moving: 0.999 ν + 0.001 g² rounds to ν well before ν is
near the mean of g².
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree


def widened(tree: PyTree) -> PyTree:
    """Leaves of fewer than 32 bits in float32, the others as they are."""

    def one(leaf: Any) -> Any:
        dtype = jnp.result_type(leaf)
        narrow = jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits < 32
        return jnp.asarray(leaf, jnp.float32) if narrow else leaf

    return jax.tree.map(one, tree)


def with_dtypes_of(tree: PyTree, like: PyTree) -> PyTree:
    """The tree in the other's dtypes."""
    return jax.tree.map(lambda leaf, other: jnp.asarray(leaf, jnp.result_type(other)), tree, like)


def in_float32(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The transformation computed in float32 where the gradients have fewer bits.

    Updates have the gradients' dtypes, and no accumulator changes its own.
    """
    inner = optax.with_extra_args_support(inner)

    def init(params: PyTree) -> PyTree:
        return inner.init(widened(params))

    def update(
        updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        moved, after = inner.update(widened(updates), state, params, **extra)
        return with_dtypes_of(moved, updates), with_dtypes_of(after, state)

    return optax.GradientTransformationExtraArgs(init, update)
