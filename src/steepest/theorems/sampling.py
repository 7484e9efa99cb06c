"""Random points around a problem's start."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Float


def generator(key: Array | None) -> np.random.Generator:
    """NumPy's generator from a JAX key; without one from `jax.random.key(0)`."""
    seed = jax.random.key(0) if key is None else key
    return np.random.default_rng(int(jax.random.randint(seed, (), 0, 2**31 - 1)))


def points_around(
    x: Float[np.ndarray, " d"], rng: np.random.Generator, count: int = 3
) -> Float[np.ndarray, "n d"]:
    """x; `count` points with its signs and zeros, each coordinate resized; `count` anywhere near.

    A power or a logarithm may have no value but where the signs are those of x.
    """
    size = max(float(np.linalg.norm(x)) / np.sqrt(len(x)), 0.1)
    resized = x * np.exp(rng.standard_normal((count, len(x))) / 2)
    anywhere = x + size * rng.standard_normal((count, len(x)))
    return np.concatenate([x[None], resized, anywhere])
