"""A Keras network on JAX: `stateless_call` is the model, the trainable arrays are the parameters.

steepest audit examples/audit/keras_jax.py:setup
"""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before Keras is imported

import jax
import keras


def setup():
    """Two dense layers, on random data."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(3, use_bias=False),
        ]
    )
    params = [variable.value for variable in model.trainable_variables]
    rest = [variable.value for variable in model.non_trainable_variables]
    inputs = jax.random.normal(jax.random.key(1), (32, 8))
    targets = jax.random.normal(jax.random.key(2), (32, 3))

    def predict(params, x):
        prediction, _ = model.stateless_call(params, rest, x)
        return prediction

    return predict, params, (inputs, targets), lambda p, y: ((p - y) ** 2).sum()
