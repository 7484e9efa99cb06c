"""A Flax (linen) convolutional network: `module.apply` is the model.

steepest audit examples/audit/flax_linen.py:setup
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), use_bias=False)(x))
        x = nn.max_pool(x, (2, 2), strides=(2, 2))
        return nn.Dense(10, use_bias=False)(x.reshape(x.shape[0], -1))


def setup():
    """Three layers without biases, on 16 random 8×8 images."""
    module = Convolutional()
    images = jax.random.normal(jax.random.key(1), (16, 8, 8, 1))
    labels = jnp.arange(16) % 10
    params = module.init(jax.random.key(0), images)
    loss = optax.softmax_cross_entropy_with_integer_labels
    return module.apply, params, (images, labels), loss
