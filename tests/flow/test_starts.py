"""A start on many kinks at once, a search among many held ones, and starts that are one number."""

import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

rng = np.random.default_rng(0)
X = rng.standard_normal((12, 3))
Y = (X[:, 0] > 0) * 1.0


def test_a_dead_start_of_a_network_is_at_rest_and_not_the_only_solution():
    f = lambda W: jnp.mean((jax.nn.relu(X @ W[0]) @ W[1] - Y) ** 2)
    run = st.gradient_inclusion(f, [np.zeros((3, 4)), np.ones(4)], 1.0)
    assert not any(event.unique for event in run.events)
    assert run.events[-1].kind == "stop"
    assert not np.any(run.final[0])


def test_a_start_on_convex_kinks_alone_has_one_way_on():
    f = lambda w: 0.5 * jnp.mean((X @ w - Y) ** 2) + 0.02 * jnp.sum(jnp.abs(w))
    run = st.gradient_inclusion(f, np.zeros(3), 1.0)
    assert run.events
    assert all(event.unique for event in run.events)


def test_a_mode_among_many_held_kinks_is_found():
    """The absolute loss holds up to seven residuals at 0; depth first the search went astray."""
    draw = np.random.default_rng(0)
    draw.standard_normal((12, 3)), draw.integers(0, 3, 12), draw.standard_normal((3, 4))
    W = [draw.standard_normal((3, 4)), draw.standard_normal(4)]  # on which it was seen to
    f = lambda W: jnp.mean(jnp.abs(jax.nn.relu(X @ W[0]) @ W[1] - Y))
    run = st.gradient_inclusion(f, W, 3.0, 1e-7, 1e-7, dense=True)
    assert len(run.dense.held(2.99)) >= 6


def test_a_scalar_start_beside_data():
    """q' = −1 − 2 (q − 0.1) − 2 (q − 1.2) − 1 + 1, the difference written at two places."""
    y = jnp.array([0.1, 1.2, 4.3])
    f = lambda q: jnp.sum(jnp.abs(q - y)) + jnp.sum(jnp.where(q - y > 0, q - y, 0.0) ** 2)
    run = st.gradient_inclusion(f, 3.0, 0.1)
    assert float(run.final) == pytest.approx(0.4 + 2.6 * np.exp(-0.4), abs=1e-6)


def test_a_scalar_start_to_several_powers():
    """x' = −2x − 3x²."""
    powers = jnp.array([2.0, 3.0])
    run = st.gradient_flow(lambda x: jnp.sum(x**powers), 1.0, 0.1)
    assert float(run.final) == pytest.approx(2 / (5 * np.exp(0.2) - 3), abs=1e-7)


@pytest.mark.parametrize("wider", [operator.mul, operator.truediv])
def test_a_scalar_squared_beside_data(wider):
    """Its square times or over an array is a square of as many numbers."""
    data = np.array([0.5, 4.0, 2.0, 0.25])
    weights = wider(1.0, data)
    run = st.gradient_flow(lambda x: jnp.mean(wider(x**2, data)), 1.7, 0.1)
    assert float(run.final) == pytest.approx(1.7 * np.exp(-0.2 * weights.mean()), abs=1e-7)
    roots = lambda x: jnp.sum(jnp.sqrt(wider(x**2, data)))
    run = st.gradient_inclusion(roots, 1.7, 1.0, saveat=[0.1, 1.0])
    speed = np.sqrt(weights).sum()
    np.testing.assert_allclose(run.xs, [1.7 - 0.1 * speed, 0.0], atol=1e-7)
    assert [len(event.kinks) for event in run.events] == [4, 4]
