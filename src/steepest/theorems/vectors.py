"""A point as one vector in float64, leaf by leaf, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float


def flat(leaves: Sequence[Any]) -> Float[np.ndarray, " d"]:
    """The variables as one vector in float64, leaf by leaf."""
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in leaves])


def split(vector: Float[np.ndarray, " d"], like: Sequence[Any]) -> list[np.ndarray]:
    """A flat vector as leaves of the shapes of `like`."""
    sizes = np.cumsum([np.size(leaf) for leaf in like])[:-1]
    return [
        part.reshape(np.shape(leaf))
        for part, leaf in zip(np.split(vector, sizes), like, strict=True)
    ]


def of_flat(f: Callable[[list[Any]], Any], like: Sequence[Any]) -> Callable[[Any], Any]:
    """f, a function of leaves of the shapes of `like`, as one of a flat vector; JAX can trace it.

    Example:
        >>> like = [np.zeros((2, 1)), np.zeros(())]
        >>> f = of_flat(lambda leaves: leaves[0].sum() - leaves[1], like)
        >>> float(f(jnp.array([1.0, 2.0, 5.0])))
        -2.0
    """
    ends = np.cumsum([np.size(leaf) for leaf in like])[:-1]

    def flat_f(z: Any) -> Any:
        parts = jnp.split(z, ends)
        return f([jnp.reshape(a, np.shape(leaf)) for a, leaf in zip(parts, like, strict=True)])

    return flat_f


def norm(leaves: Sequence[Any]) -> Any:
    """The Euclidean norm over all leaves, scaled so that it neither overflows nor underflows."""
    z = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
    largest = jnp.abs(z).max()
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0)
    return scale * jnp.sqrt(jnp.sum((z / scale) ** 2))


def lengths(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """The Euclidean norm of each row, scaled likewise.

    Example:
        >>> lengths(np.array([[3e300, 4e300], [0.0, 0.0]])).tolist()
        [5e+300, 0.0]
    """
    largest = np.max(np.abs(rows), axis=1, keepdims=True, initial=0.0)
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    return scale[:, 0] * np.sqrt(np.sum((rows / scale) ** 2, axis=1))


def length(vector: Float[np.ndarray, " d"]) -> float:
    """The Euclidean norm, scaled likewise."""
    return float(lengths(vector[None])[0])


def in_words(vector: Float[np.ndarray, " d"]) -> str:
    """The first few coordinates, for a message."""
    head = ", ".join(f"{value:.6g}" for value in vector[:4])
    return f"x = ({head}{', …' if len(vector) > 4 else ''})"
