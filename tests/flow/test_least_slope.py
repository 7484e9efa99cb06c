"""The active set against the projection on the whole sum."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings, strategies as some
from scipy.optimize import nnls

from steepest.flow._least_slope import least_slope


def oracle(rows, place, fixed):
    """The least norm by least squares with heavily weighted sums."""
    sums = 1e3 * (np.arange(place[-1] + 1)[:, None] == place)
    right = np.append(-fixed, np.full(len(sums), 1e3))
    weights = nnls(np.vstack([rows.T, sums]), right, maxiter=10_000)[0]
    weights /= np.bincount(place, weights)[place]
    return np.linalg.norm(fixed + rows.T @ weights)


@settings(deadline=None, max_examples=60)
@given(some.integers(0, 2**32 - 1), some.booleans(), some.booleans())
def test_it_is_the_least(seed, whole, sparse):
    rng = np.random.default_rng(seed)
    draw = lambda *s: rng.integers(-2, 3, s) * 1.0 if whole else rng.standard_normal(s)
    sizes = rng.integers(2, 5, rng.integers(1, 8))
    d = int(rng.integers(1, 8))
    rows, fixed = draw(sizes.sum(), d), draw(d)
    starts = np.cumsum(sizes) - sizes
    place = np.repeat(np.arange(len(sizes)), sizes)
    weights = np.zeros(len(rows))
    weights[starts] = 1.0
    free = weights > 0 if seed % 2 else np.ones(len(rows), bool)
    room = np.full(len(rows), 1e-11)
    kind = sp.csr_array if sparse else np.asarray
    found = least_slope(kind(rows), starts, weights, fixed, free, room)
    assert found.weights.min() >= 0
    np.testing.assert_allclose(np.bincount(place, found.weights), 1.0, rtol=1e-12)
    np.testing.assert_allclose(fixed + rows.T @ found.weights, found.slope, atol=1e-9)
    assert np.linalg.norm(found.slope) <= oracle(rows, place, fixed) + 1e-7
    assert np.all(found.tied[found.weights > 1e-9])


@pytest.mark.parametrize("ring", [False, True])
def test_many_ties_are_held_by_a_sparse_factor(ring):
    """Differences of neighbours, 300 of them; in a ring they are dependent."""
    n = 300
    B = np.diff(np.eye(n), axis=0)
    if ring:
        B = np.vstack([B, np.eye(n)[0] - np.eye(n)[-1]])
    rows = sp.csr_array(np.stack([B, -B], axis=1).reshape(-1, n))
    starts = 2 * np.arange(len(B))
    fixed = 0.01 * np.random.default_rng(0).standard_normal(n)
    every = np.ones(len(B) * 2, bool)
    found = least_slope(rows, starts, np.full(len(every), 0.5), fixed, every, 1e-10 * every)
    np.testing.assert_allclose(found.slope, np.full(n, fixed.mean()), rtol=0, atol=1e-15)
    assert found.tied.all()
