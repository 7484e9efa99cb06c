"""A network of plain functions.

steepest audit examples/audit/plain.py:setup
"""

import jax
import jax.numpy as jnp
import numpy as np


def network(layers, x):
    for W, b in layers[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = layers[-1]
    return x @ W + b


def cross_entropy(logits, label):
    return -jax.nn.log_softmax(logits)[label]


def setup():
    """A 64–32–10 classifier at initialization, on 48 random images."""
    rng = np.random.default_rng(0)
    layers = [
        (jnp.asarray(rng.standard_normal((m, n)) / np.sqrt(m), jnp.float32), jnp.zeros(n))
        for m, n in ((64, 32), (32, 10))
    ]
    images = jnp.asarray(rng.standard_normal((48, 64)), jnp.float32)
    return network, layers, (images, jnp.asarray(rng.integers(0, 10, 48))), cross_entropy
