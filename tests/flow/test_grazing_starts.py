"""Rates that are equal at the instant: what is followed is told by how they turn."""

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.methods import gradient_descent


@pytest.mark.parametrize("largest", [jnp.max, lambda x: jnp.maximum(x[0], x[1])])
def test_a_slide_that_begins_with_a_weight_of_zero(largest):
    """(x − 1)²/2 + (y − 1)² + max(x, y) from 0: on x = y = u, u' = 1 − 3u/2, x's weight is u/2."""
    f = lambda x: 0.5 * ((x[0] - 1) ** 2 + 2 * (x[1] - 1) ** 2) + largest(x)
    run = st.gradient_inclusion(f, np.zeros(2), 1.0)
    np.testing.assert_allclose(run.final, 2 / 3 * (1 - np.exp(-1.5)), atol=1e-7)
    assert [(event.kind, event.unique) for event in run.events] == [("slide", True)]


@pytest.mark.parametrize("n", [4, 8])
def test_many_that_join_the_largest(n):
    curvatures = np.arange(1.0, n + 1)
    f = lambda x: jnp.sum((x - 1) ** 2 * curvatures) / 2 + jnp.max(x)
    run = st.gradient_inclusion(f, np.zeros(n), 1.0)
    steps = 200_000
    near = st.descend(f, jnp.zeros(n), gradient_descent(1 / steps), steps).final
    np.testing.assert_allclose(run.final, near, atol=1e-3)
    assert all(event.unique for event in run.events)
