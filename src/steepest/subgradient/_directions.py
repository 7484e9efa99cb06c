"""Random directions: one that no algebraic relation among its numbers was made for.

Of a hash of each number's place: drawing normal numbers with `jax.random` would take longer to
compile than a small gradient.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

_LONG = 4096  # a longer axis is a product of two


def random_directions(key: jax.Array, leaves: list[Any]) -> list[Any]:
    """A direction with a density: ± a number in (½, 1) for each place."""
    counts = [int(np.prod(jnp.shape(leaf))) for leaf in leaves]
    numbers = _numbers(jnp.arange(sum(counts), dtype=jnp.uint32), _seed(key))
    starts = np.cumsum([0, *counts[:-1]])
    return [
        numbers[start : start + count].reshape(jnp.shape(leaf)).astype(leaf.dtype)
        for start, count, leaf in zip(starts, counts, leaves, strict=True)
    ]


def rank_one_directions(key: jax.Array, leaves: list[Any]) -> list[Any]:
    """A direction that is a product of one random vector for each axis of each leaf.

    Enough for first coefficients: a linear form that vanishes on all such products is zero. The
    vectors are short, and known while tracing where the key is.
    """
    seed = _seed(key)
    used = 0

    def vector(n: int) -> Any:
        nonlocal used
        if n > _LONG:
            rows = int(np.ceil(np.sqrt(n)))
            columns = -(-n // rows)
            return (vector(rows)[:, None] * jnp.asarray(vector(columns))).reshape(-1)[:n]
        place = np.arange(used, used + n, dtype=np.uint32)
        used += n
        return _numbers(place, seed)

    directions = []
    for leaf in leaves:
        shape = jnp.shape(leaf)
        axes = [
            jnp.asarray(vector(n)).reshape([-1 if j == i else 1 for j in range(len(shape))])
            for i, n in enumerate(shape)
        ]
        product = axes[0] if axes else jnp.asarray(vector(1)).reshape(())
        for axis in axes[1:]:
            product = product * axis
        directions.append(product.astype(leaf.dtype))
    return directions


def _seed(key: jax.Array) -> Any:
    """One word, shape (1,); a NumPy array where the key is known."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    with jax.ensure_compile_time_eval():
        words = (jax.random.key_data(key) if typed else key).astype(jnp.uint32).reshape(-1)
    if not isinstance(words, Tracer):
        words = np.asarray(words)
    return _mixed(words[:1] + _mixed(words[-1:] + np.uint32(0x9E3779B9)))


def _numbers(place: Any, seed: Any) -> Any:
    """± a number in (½, 1): away from zero, so that no product of some is lost."""
    bits = _mixed(_mixed(place * np.uint32(0x9E3779B9) + seed) ^ seed)
    # 23 odd bits of size, one of sign.
    size = ((bits >> 10) * 2 + 1).astype(np.float32) * np.float32(2.0**-24) + np.float32(0.5)
    sign = 1 - 2 * (bits & 1).astype(np.float32)
    return size * sign


def _mixed(bits: Any) -> Any:
    """A finalizer of MurmurHash3 (Appleby 2011): every input bit moves every output bit."""
    bits = (bits ^ (bits >> 16)) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> 13)) * np.uint32(0xC2B2AE35)
    return bits ^ (bits >> 16)
