"""Sorting by comparing and exchanging pairs: a choice for each pair of a network.

The network is Batcher's odd-even merge sort (1968): n log² n / 4 pairs in log² n / 2 layers, the
same whatever the numbers.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np


@runtime_checkable
class Pairing(Protocol):
    """An interpretation of a program."""

    def site(self, name: str, eqn: Any, keys: Any) -> Any:
        """The weights of the next choice among the keys on the leading axis."""
        ...


def layers(n: int) -> list[list[tuple[int, int]]]:
    """The pairs (i, j), i < j, that are compared at once, layer by layer."""
    found = []
    p = 1
    while p < n:
        k = p
        while k >= 1:
            layer = []
            for j in range(k % p, n - k, 2 * k):
                for i in range(min(k, n - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        layer.append((i + j, i + j + k))
            found.append(layer)
            k //= 2
        p *= 2
    return found


def ascending(run: Pairing, eqn: Any, x: Any, axis: int) -> Any:
    """x sorted along an axis."""
    rows = jnp.moveaxis(x, axis, 0)
    for layer in layers(rows.shape[0]):
        low, high = np.array(layer).T
        keys = jnp.stack([rows[low], rows[high]])
        larger, smaller = run.site(eqn.primitive.name, eqn, keys)
        rows = rows.at[high].set(larger * keys[0] + smaller * keys[1])
        rows = rows.at[low].set(larger * keys[1] + smaller * keys[0])
    return jnp.moveaxis(rows, 0, axis)
