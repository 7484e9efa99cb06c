"""Sorted numbers along a flow: sorted l1 norms, the largest few, medians."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from scipy.optimize import isotonic_regression

import steepest as st
from steepest.pieces._sorting import layers


def sorted_l1_step(y, weights):
    """argmin over x of ½ ‖x − y‖² + Σ weights_i |x|_(i), weights falling (Bogdan et al. 2015)."""
    order = np.argsort(-np.abs(y))
    fitted = isotonic_regression(np.abs(y)[order] - weights, increasing=False).x
    x = np.empty_like(y)
    x[order] = np.maximum(fitted, 0) * np.sign(y)[order]
    return x


def small_steps(y, weights, t, steps=2000):
    for _ in range(steps):
        y = sorted_l1_step(y, t / steps * weights)
    return y


@pytest.mark.parametrize("n", [2, 5, 8, 13])
def test_the_network_sorts(n):
    """One that sorts all zeros and ones sorts all (Knuth, volume 3, 5.3.4)."""
    rows = np.array(list(itertools.product((0, 1), repeat=n))).T
    for low, high in [np.array(layer).T for layer in layers(n)]:
        assert len({*low, *high}) == 2 * len(low)
        a, b = rows[low], rows[high]
        rows[low], rows[high] = np.minimum(a, b), np.maximum(a, b)
    assert np.all(np.diff(rows, axis=0) >= 0)


def test_a_sorted_l1_norm_is_followed_through_its_mergers():
    rng = np.random.default_rng(3)
    x, weights = rng.standard_normal(5), np.sort(rng.uniform(0, 1, 5))[::-1]
    f = lambda z: jnp.sum(weights * jnp.sort(jnp.abs(z))[::-1])
    run = st.gradient_inclusion(f, x, 1.2, saveat=[0.4, 1.2])
    for t, z in zip((0.4, 1.2), run.xs, strict=True):
        np.testing.assert_allclose(z, small_steps(x, weights, t), atol=1e-9)


def test_from_where_all_tie():
    rng = np.random.default_rng(4)
    y, weights = 2 * rng.standard_normal(3), np.sort(rng.uniform(0, 1, 3))[::-1]
    f = lambda z: jnp.sum(weights * jnp.sort(jnp.abs(z))[::-1]) + 0.5 * jnp.sum((z - y) ** 2)
    run = st.gradient_inclusion(f, np.zeros(3), 30.0, 1e-9, 1e-9)
    np.testing.assert_allclose(run.final, sorted_l1_step(y, weights), atol=1e-8)


def test_the_largest_few():
    x = np.random.default_rng(5).standard_normal(4)
    f = lambda z: jnp.sum(lax.top_k(jnp.abs(z), 2)[0])
    run = st.gradient_inclusion(f, x, 1.5)
    two = np.array([1.0, 1, 0, 0])
    np.testing.assert_allclose(run.final, small_steps(x, two, 1.5), atol=1e-9)


def test_a_median_of_residuals_against_small_steps():
    rng = np.random.default_rng(6)
    A = rng.standard_normal((5, 2))
    b = A @ [1.0, -2.0] + 0.1 * rng.standard_normal(5)
    run = st.gradient_inclusion(lambda w: jnp.median(jnp.abs(A @ w - b)), np.array([0.3, 0.2]), 1.5)
    w, step = np.array([0.3, 0.2]), 1e-4
    for _ in range(15000):
        residuals = A @ w - b
        k = np.argsort(np.abs(residuals))[2]
        w = w - step * np.sign(residuals[k]) * A[k]
    assert len(run.events) > 0
    np.testing.assert_allclose(run.final, w, atol=20 * step)


def test_places_in_a_sorted_order_are_refused():
    for f in (lambda x: x[jnp.argsort(x)][0], lambda x: jnp.sum(x[lax.top_k(x, 2)[1]])):
        with pytest.raises(st.UnsupportedPrimitiveError, match="test_sorting"):
            st.gradient_inclusion(f, np.array([1.0, 2.0, 0.5]), 1.0)
