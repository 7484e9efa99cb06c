"""The least-squares problem on which adaptive methods go astray, for minibatches and tuned steps.

See `steepest.theorems.wilson_construction`: 200 training points, 1,000 for development, 4,000 for
the test, where the label 1 has the probability 0.7. The blocks of fresh points, which no method
touches, are left out of their rows. On the full batch and with ε = 0 the theorem
`adaptive_overfitting` says what comes out; with minibatches nobody does.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from steepest.study.problems.classification import Batch
from steepest.theorems.wilson_construction import (
    BLOCK,
    COMMON,
    construct,
    draw_labels,
    shared_features,
)

_POINTS, _DEV, _TEST, _SHARE, _SEED = 200, 1000, 4000, 0.7, 0


class WilsonConstruction:
    """The problem: half the mean of squares, the labels 1 and −1."""

    def init(self, key: Array) -> Float[Array, " d"]:
        """All weights start at 0, whatever the key."""
        return jnp.zeros(COMMON + BLOCK * _POINTS)

    def loss(self, params: Any, batch: Batch, key: Array) -> Float[Array, ""]:
        """½ the mean of (xᵀw − y)² over the batch."""
        X, y = batch
        return 0.5 * jnp.mean((X @ params - y) ** 2)

    def metrics(self, params: Any, batch: Batch) -> dict[str, Float[Array, ""]]:
        """The same, and the share of the points whose score has not the sign of the label."""
        X, y = batch
        wrong = jnp.mean((X @ params) * y <= 0, dtype=params.dtype)
        return {"loss": self.loss(params, batch, jax.random.key(0)), "error": wrong}

    def data(self) -> tuple[Batch, Batch, Batch]:
        """Train, dev and test sets, from a fixed seed."""
        rng = np.random.default_rng(_SEED)
        train = construct(_POINTS, _SHARE, rng)

        def fresh(count: int) -> Batch:
            labels = draw_labels(count, _SHARE, rng)
            rows = np.zeros((count, COMMON + BLOCK * _POINTS), np.float32)
            rows[:, :COMMON] = shared_features(labels)
            return rows, labels.astype(np.float32)

        known = train.matrix.astype(np.float32), train.labels.astype(np.float32)
        return known, fresh(_DEV), fresh(_TEST)


wilson_construction = WilsonConstruction()
