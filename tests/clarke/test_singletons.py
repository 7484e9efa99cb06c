"""When ∂f(x) is one point: up to rounding, and no further."""

import jax
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


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16])
def test_a_gradient_in_single_precision_is_a_subgradient(dtype):
    g, x = lambda x: jnp.sum(jnp.sin(x)), jnp.array([0.3, 0.7], dtype)
    s = jax.grad(g)(x)
    assert clarke(g)(x).contains(s)
    eps = float(jnp.finfo(dtype).eps)
    assert not clarke(g)(x).contains(s + 40 * jnp.asarray(eps, dtype))
    assert not clarke(g)(x).contains(np.cos([0.3, 0.7]) + 1e-5)
    assert clarke(jnp.linalg.norm)(jnp.zeros(3)).contains(jnp.array([1, 1, 1], dtype) / 3**0.5)
