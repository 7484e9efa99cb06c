"""A classification problem: what a network scores, against labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from steepest.study.problems.networks import Network

Batch = tuple[Any, Any]
"""Inputs with a leading axis of examples, and their labels 0, 1, …."""


@dataclass(frozen=True, eq=False)
class Classification:
    """A JAX problem: a network, the mean cross-entropy of its scores, and data.

    Attributes:
        network: its parameters at the start, and its scores, a column a class.
        data: → train, dev and test sets, each of inputs and labels.
    """

    network: Network
    data: Callable[..., tuple[Batch, Batch, Batch]]

    def init(self, key: Array) -> PyTree:
        """The parameters at the start."""
        return self.network.init(key)

    def loss(self, params: PyTree, batch: Batch, key: Array) -> Float[Array, ""]:
        """The mean cross-entropy; nothing in it is random."""
        return _cross_entropy(self.network.scores(params, batch[0]), batch[1])

    def metrics(self, params: PyTree, batch: Batch) -> dict[str, Float[Array, ""]]:
        """The mean cross-entropy, and the share of examples whose highest score is another's."""
        inputs, labels = batch
        scores = self.network.scores(params, inputs)
        return {
            "loss": _cross_entropy(scores, labels),
            "error": jnp.mean(jnp.argmax(scores, axis=-1) != labels, dtype=scores.dtype),
        }


def _cross_entropy(scores: Any, labels: Any) -> Any:
    logs = jax.nn.log_softmax(scores)
    return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], axis=-1))
