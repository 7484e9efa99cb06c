import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from unchecked import unchecked


def test_a_largest_component_by_hand():
    """max|xᵢ| from (1, ½): the flow is at (¼, ¼) at time 1, subgradient steps near it."""
    f = lambda x: jnp.max(jnp.abs(x))
    p = st.Problem(f, np.array([1.0, 0.5]), strong_convexity=0.0)
    c = st.theorems.gradient_inclusion_limit(p, 1.0, [10, 100])
    assert c.holds
    np.testing.assert_allclose(c.trajectory.final, [0.25, 0.25], atol=1e-9)
    x = np.array([1.0, 0.5])
    for _ in range(100):
        g = np.zeros(2)
        g[np.argmax(np.abs(x))] = np.sign(x[np.argmax(np.abs(x))])
        x = x - 0.01 * g
    assert c.measured[1] == pytest.approx(np.linalg.norm(x - 0.25), abs=0.011)
    assert c.bound[1] == pytest.approx(np.sqrt(0.02))
    assert c.with_bound(c.measured / 2).holds is False


def test_nobody_says_that_it_is_convex():
    f = lambda x: jnp.sum(jnp.abs(x)) + 0.1 * x[0] ** 2
    c = st.theorems.gradient_inclusion_limit(st.Problem(f, np.ones(2)), 1.0, [10, 20])
    assert c.holds is None


def test_a_false_convexity_is_contradicted():
    f = lambda x: jnp.abs(x[0]) + jnp.cos(x[1])
    p = st.Problem(f, np.array([1.0, 0.5]), strong_convexity=0.0)
    c = st.theorems.gradient_inclusion_limit(p, 1.0, [10, 20])
    assert c.holds is False


def test_a_quadratic_needs_nobody():
    p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 3.0]) * x**2), np.ones(2))
    c = st.theorems.gradient_inclusion_limit(p, 1.0, [100, 200])
    assert c.holds
    # Gradient descent is within O(η) of a smooth flow, far under the bound.
    assert c.measured[0] / c.measured[1] == pytest.approx(2, rel=0.05)


def test_steps_that_leave_float64_speak_neither_for_nor_against():
    """η = 1/400 for λ = 2,000: each step multiplies by −4 and f is beyond 1e308 in 256."""
    p = st.Problem(lambda x: 1e3 * jnp.sum(x**2), np.ones(2))
    c = st.theorems.gradient_inclusion_limit(p, 1.0, [200, 400])
    assert c.holds is None
    assert np.isnan(c.measured).all()
    assert np.isfinite(c.bound).all()


@pytest.mark.parametrize("counts", [[20, 10], [0], [1.5]])
def test_bad_counts(counts):
    p = st.Problem(lambda x: jnp.abs(x), 1.0)
    with pytest.raises(st.ArgumentError, match="counts"):
        unchecked(st.theorems.gradient_inclusion_limit)(p, counts=counts)
