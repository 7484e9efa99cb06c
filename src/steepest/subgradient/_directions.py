"""Random directions: one that no algebraic relation among its numbers was made for.

Of a hash of each number's place: drawing normal numbers with `jax.random` would take longer to
compile than a small gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
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


@dataclass(eq=False)
class RankOne:
    """A product of one vector for each axis; a number for a scalar."""

    vectors: list[Any]
    shape: tuple[int, ...]
    dtype: Any

    @property
    def array(self) -> Any:
        if not self.shape:
            return jnp.asarray(self.vectors[0], self.dtype).reshape(())
        return self.part(range(len(self.shape)))

    def part(self, axes: Sequence[int]) -> Any:
        """The product over some of the axes, in their order."""
        shape = [self.shape[i] for i in axes]
        product = jnp.ones((), self.dtype)
        for place, i in enumerate(axes):
            vector = lax.broadcast_in_dim(jnp.asarray(self.vectors[i], self.dtype), shape, (place,))
            product = vector if place == 0 else product * vector
        return product


def rank_one_directions(key: jax.Array, leaves: list[Any]) -> list[RankOne]:
    """A direction that is a product of one random vector for each axis of each leaf.

    Enough for first coefficients: a linear form that vanishes on all such products is zero. The
    vectors are short, and known while tracing where the key is; a matrix product with one is a
    product with a vector.
    """
    seed = _seed(key)
    used = 0

    def vector(n: int) -> Any:
        nonlocal used
        if n > _LONG:
            rows = int(np.ceil(np.sqrt(n)))
            columns = -(-n // rows)
            return (jnp.asarray(vector(rows))[:, None] * vector(columns)).reshape(-1)[:n]
        place = np.arange(used, used + n, dtype=np.uint32)
        used += n
        return _numbers(place, seed)

    return [
        RankOne([vector(n) for n in jnp.shape(leaf) or (1,)], jnp.shape(leaf), leaf.dtype)
        for leaf in leaves
    ]


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
