"""When ∂f(x) is one point: up to rounding, and no further."""

import jax.numpy as jnp
import numpy as np
import pytest

from steepest.clarke import clarke


@pytest.mark.parametrize(
    ("f", "low", "high"),
    [
        (lambda x: x + 1e-9 * jnp.abs(x), 1 - 1e-9, 1 + 1e-9),
        (lambda x: 1e-11 * jnp.abs(x), -1e-11, 1e-11),
        (lambda x: 1e9 * x + jnp.abs(x), 1e9 - 1, 1e9 + 1),
    ],
)
def test_a_small_kink_is_one(f, low, high):
    D = clarke(f)(np.float64(0.0))
    assert D.exact
    assert D.is_singleton is False
    np.testing.assert_allclose(D.vertices.ravel(), [low, high], rtol=1e-15)
    assert "{" not in repr(D)
    assert f"{high:.15g}" in repr(D)
