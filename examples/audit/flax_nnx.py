"""A Flax (NNX) network: its parameters are split from the rest, and put back in the model.

steepest audit examples/audit/flax_nnx.py:setup
"""

import jax
import jax.numpy as jnp
from flax import nnx


class Network(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(8, 16, rngs=rngs)
        self.norm = nnx.LayerNorm(16, rngs=rngs)
        self.last = nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.norm(self.first(x))))


def setup():
    """A network with a layer norm, whose ε breaks the homogeneity."""
    graph, params, rest = nnx.split(Network(nnx.Rngs(0)), nnx.Param, ...)
    inputs = jax.random.normal(jax.random.key(1), (32, 8))
    targets = jax.random.normal(jax.random.key(2), (32, 3))
    model = lambda params, x: nnx.merge(graph, params, rest)(x)
    loss = lambda prediction, target: jnp.sum((prediction - target) ** 2)
    return model, params, (inputs, targets), loss
