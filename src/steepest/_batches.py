"""What each step of a run differentiates on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import PyTree

from steepest.errors import ArgumentError


class Batches:
    """Batch t of a run; false where the run has none (f takes the state alone)."""

    def __init__(self, draw: Callable[..., PyTree] | None = None, data: PyTree = None):
        self._draw = draw
        self.data = data

    def __bool__(self) -> bool:
        return self._draw is not None or self.data is not None

    def at(self, t: Any, data: PyTree, key: jax.Array) -> PyTree:
        """The batch of step t, from `self.data` handed in as `data` (it is an argument of jit)."""
        if self._draw is not None:
            return self._draw(jax.random.fold_in(key, t), t)
        count = jax.tree.leaves(data)[0].shape[0]
        index = jnp.asarray(t) % count
        return jax.tree.map(
            lambda a: lax.dynamic_index_in_dim(a, index, axis=0, keepdims=False), data
        )


def as_batches(batches: Any) -> Batches:
    """From what `descend` accepts: None, a function (key, t) → batch, stacked arrays, or a list."""
    if batches is None:
        return Batches()
    if callable(batches):
        return Batches(draw=batches)
    if isinstance(batches, list):
        if not batches:
            raise ArgumentError("batches is an empty list; give at least one batch.")
        shapes = {str(jax.tree.map(np.shape, batch)) for batch in batches}
        if len(shapes) > 1:
            raise ArgumentError(
                "the batches have different shapes, and one compiled step takes one shape: "
                f"{', '.join(sorted(shapes))}; drop or pad the odd one."
            )
        return Batches(data=jax.tree.map(lambda *leaves: jnp.stack(leaves), *batches))
    leaves = jax.tree.leaves(batches)
    if not leaves or not all(hasattr(leaf, "shape") for leaf in leaves):
        raise ArgumentError(
            f"batches is {batches!r:.40}; it must be a function (key, t), a list of batches, or "
            "arrays with a leading axis of batches (turn a generator into a list)."
        )
    data = jax.tree.map(jnp.asarray, batches)
    counts = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(data)}
    if len(counts) != 1 or counts == {0}:
        raise ArgumentError(
            "batches must be arrays with one common leading axis of batches, "
            f"at least one (found lengths {sorted(counts)})."
        )
    return Batches(data=data)
