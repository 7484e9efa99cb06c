"""An Equinox module is a point of its own: its arrays are the parameters.

steepest audit examples/audit/equinox_mlp.py:setup
"""

import equinox as eqx
import jax
import jax.numpy as jnp


def squared_error(prediction, target):
    return jnp.sum((prediction - target) ** 2)


def setup():
    """A bias-free ReLU network, homogeneous of degree 3, on random data."""
    key = jax.random.key(0)
    model = eqx.nn.MLP(8, 2, 16, 2, use_bias=False, use_final_bias=False, key=key)
    inputs = jax.random.normal(jax.random.key(1), (32, 8))
    targets = jax.random.normal(jax.random.key(2), (32, 2))
    return lambda mlp, x: mlp(x), model, (inputs, targets), squared_error
