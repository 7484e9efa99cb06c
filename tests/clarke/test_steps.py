"""Steps of what other choices make: floors of signs, tables read at whole numbers."""

import jax.numpy as jnp
import pytest

from steepest.clarke import clarke

TABLE = jnp.array([3.0, 1.0, 0.0, 1.0, 3.0, 7.0, 2.0])


def interpolated(x):
    i = jnp.floor(x).astype(int)
    return TABLE[i + 3] + (x - i) * (TABLE[i + 4] - TABLE[i + 3])


# A step at whole numbers that a choice before it makes: it is not tied there, wherever it turns.
STEPS_OF_STEPS = {
    "whole sign": (lambda x: x * jnp.sign(x).astype(int), 0.0, -1, 1),
    "whole select": (lambda x: x * jnp.where(x > 0, 2.0, -2.0).astype(int), 0.0, -2, 2),
    "whole floor": (lambda x: x * jnp.floor(x).astype(int), 0.0, -1, 0),
    "trunc of sign": (lambda x: x * jnp.trunc(jnp.sign(x)), 0.0, -1, 1),
    "ceil of sign": (lambda x: x * jnp.ceil(jnp.sign(x)), 0.0, -1, 1),
    "floor of sign": (lambda x: x * jnp.floor(jnp.sign(x)), 0.0, -1, 1),
    "round to even": (lambda x: x * jnp.round(2.5 * jnp.sign(x)), 0.0, -2, 2),
    "round to even, above": (lambda x: x * jnp.round(1.5 * jnp.sign(x)), 0.0, -2, 2),
    "sign of floor": (lambda x: x * jnp.sign(jnp.floor(x)), 0.0, -1, 0),
    "sign of select": (lambda x: x * jnp.sign(jnp.where(x > 0, 0.0, 1.0)), 0.0, 0, 1),
    "sign of nothing": (lambda x: x * jnp.sign(jnp.maximum(x, -x) - jnp.abs(x)), 0.0, 0, 0),
    "interpolated at 0": (interpolated, 0.0, 1, 2),
    "interpolated at −1": (interpolated, -1.0, -1, 1),
    "interpolated at −2": (interpolated, -2.0, -2, -1),
    "triangles at −1": (lambda x: jnp.abs(x - 2 * jnp.round(x / 2).astype(int)), -1.0, -1, 1),
    "triangles at −3": (lambda x: jnp.abs(x - 2 * jnp.round(x / 2).astype(int)), -3.0, -1, 1),
}


@pytest.mark.parametrize("name", STEPS_OF_STEPS)
def test_steps_of_steps(name):
    f, x, low, high = STEPS_OF_STEPS[name]
    found = clarke(f)(x)
    assert found.exact
    assert [-found.support(-1.0), found.support(1.0)] == [low, high]
