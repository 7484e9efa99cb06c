"""Ball images against closed forms and a scalar root."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings, strategies as st
from scipy.optimize import brentq

from steepest.convex import BallImage
from steepest.errors import TooManyPiecesError

SETTINGS = settings(max_examples=60, deadline=None)


def test_unit_ball():
    ball = BallImage.unit(3)
    assert ball.support(np.array([3.0, 0.0, 4.0])) == 5.0
    np.testing.assert_array_equal(ball.min_norm(), np.zeros(3))
    np.testing.assert_allclose(ball.project(np.array([0.0, 3.0, 4.0])), [0.0, 0.6, 0.8])
    assert ball.contains(np.array([0.6, 0.0, 0.8]))
    assert not ball.contains(np.array([0.6, 0.0, 0.8001]))
    assert ball.distance(np.array([0.0, 0.0, 3.0])) == pytest.approx(2.0, rel=1e-14)


@SETTINGS
@given(
    st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=4),
    st.integers(0, 1000),
    st.sampled_from([1e-8, 1.0, 1e8]),
)
def test_ellipsoid_projection_matches_a_scalar_root(axes, seed, scale):
    rng = np.random.default_rng(seed)
    axes = np.array(axes)
    point = axes * rng.standard_normal(axes.size) * 3
    rotation = np.linalg.qr(rng.standard_normal((axes.size, axes.size)))[0]

    # The nearest point of Σ (y_i/a_i)² ≤ 1 is a²x/(a² + λ): one root in λ.
    def excess(root):
        return np.sum((axes * point / (axes**2 + root)) ** 2) - 1

    nearest = point
    if excess(0.0) > 0:
        top = np.sqrt(axes.size) * np.max(axes * np.abs(point)) + 1.0
        root = brentq(excess, 0.0, top, xtol=1e-300, rtol=1e-15, maxiter=1000)
        nearest = axes**2 * point / (axes**2 + root)
    ball = BallImage(np.zeros(axes.size), scale * rotation @ np.diag(axes))
    found = rotation.T @ ball.project(scale * rotation @ point) / scale
    np.testing.assert_allclose(found, nearest, atol=1e-9 * np.linalg.norm(axes))


def test_flat_ellipsoid_in_space():
    A = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    ball = BallImage(np.array([0.0, 0.0, 5.0]), A)
    np.testing.assert_allclose(ball.min_norm(), [0.0, 0.0, 5.0])
    np.testing.assert_allclose(ball.project(np.array([7.0, 0.0, 0.0])), [2.0, 0.0, 5.0])


def test_a_ball_of_a_line_is_a_segment():
    ball = BallImage(np.array([1.0, 1.0]), np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(ball.vertices, [[-4.0, 1.0], [6.0, 1.0]])
    np.testing.assert_array_equal(BallImage(np.ones(2), np.zeros((2, 4))).vertices, [[1.0, 1.0]])


def test_round_sets_have_no_list_of_vertices():
    with pytest.raises(TooManyPiecesError, match="round"):
        _ = BallImage.unit(2).vertices


def test_sparse_group_in_many_dimensions():
    d = 20_000
    A = sp.csr_array((np.ones(3), ([5, 70, 9000], [0, 1, 2])), shape=(d, 3))
    center = np.zeros(d)
    center[[5, 70, 9000, 10]] = [0.0, 3.0, 4.0, 1.0]
    p = BallImage(center, A).min_norm()
    np.testing.assert_allclose(p[[5, 70, 9000, 10]], [0.0, 2.4, 3.2, 1.0], atol=1e-14)
    assert np.count_nonzero(p) == 3
