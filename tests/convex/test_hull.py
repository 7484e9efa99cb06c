"""Hulls against closed forms, exact rational arithmetic and Qhull."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.spatial import ConvexHull

from steepest.convex import Hull
from steepest.errors import ArgumentError

from .oracles import exact_nearest, exact_vertices

SETTINGS = settings(max_examples=80, deadline=None)


@st.composite
def integer_points(draw, largest=4):
    """Few points with small coordinates: often repeated, collinear, flat."""
    d = draw(st.integers(1, 3))
    row = st.lists(st.integers(-largest, largest), min_size=d, max_size=d)
    return np.array(draw(st.lists(row, min_size=1, max_size=7)), dtype=float)


def test_simplex_min_norm_is_the_barycentre():
    for d in (1, 2, 7, 60):
        np.testing.assert_allclose(Hull(np.eye(d)).min_norm(), np.full(d, 1 / d), rtol=1e-13)


def test_cube_of_corners_cuts_coordinates():
    corners = np.array(np.meshgrid([1.0, 2.0], [-1.0, 1.0], [-3.0, -2.0])).reshape(3, -1).T
    hull = Hull(np.vstack([corners, corners.mean(axis=0, keepdims=True)]))
    np.testing.assert_allclose(hull.min_norm(), [1.0, 0.0, -2.0], atol=1e-14)
    assert len(hull.vertices) == 8
    assert hull.support(np.array([1.0, 1.0, 1.0])) == 1.0


def test_cross_polytope_contains_the_l1_ball():
    hull = Hull(np.vstack([np.eye(5), -np.eye(5)]))
    inside = np.array([0.2, -0.2, 0.2, -0.2, 0.2])
    assert hull.contains(inside)
    assert not hull.contains(1.0001 * inside)
    assert hull.support(np.array([1.0, -7.0, 2.0, 0.0, 3.0])) == 7.0
    assert hull.distance(np.ones(5)) == pytest.approx(4 / np.sqrt(5), rel=1e-13)


def test_segment_in_many_dimensions():
    a, b = np.zeros(4000), np.zeros(4000)
    a[0], a[1], b[0], b[1] = -1.0, 2.0, 3.0, 2.0
    hull = Hull(np.stack([a, b, (a + b) / 2, 0.3 * a + 0.7 * b]))
    expected = np.zeros(4000)
    expected[1] = 2.0
    np.testing.assert_allclose(hull.min_norm(), expected, atol=1e-14)
    np.testing.assert_array_equal(hull.vertices, np.stack([a, b]))


@SETTINGS
@given(integer_points())
def test_vertices_match_exact_arithmetic(points):
    np.testing.assert_array_equal(Hull(points).vertices, exact_vertices(points))


@SETTINGS
@given(integer_points(), st.lists(st.integers(-5, 5), min_size=3, max_size=3))
def test_projection_matches_exact_arithmetic(points, target):
    point = np.array(target[: points.shape[1]], dtype=float)
    squared, nearest = exact_nearest(points, point)
    hull = Hull(points)
    np.testing.assert_allclose(hull.project(point), [float(x) for x in nearest], atol=1e-12)
    assert hull.distance(point) == pytest.approx(float(squared) ** 0.5, abs=1e-12)
    assert hull.contains(point) == (squared == 0)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@settings(max_examples=30, deadline=None)
@given(points=integer_points())
def test_scale_and_noise_change_nothing(scale, points):
    noise = 1e-12 * np.random.default_rng(0).uniform(-1, 1, points.shape)
    noisy, plain = Hull(scale * np.vstack([points, points + noise])), Hull(points)
    np.testing.assert_allclose(noisy.min_norm() / scale, plain.min_norm(), atol=1e-10)
    if plain.is_singleton():
        assert noisy.is_singleton(tol=1e-10 * scale)
        return
    # Noise may exchange points that agree in their first coordinates.
    found, expected = np.round(noisy.vertices / scale) + 0.0, plain.vertices
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)


@pytest.mark.parametrize(("k", "d"), [(12, 2), (40, 3), (30, 5)])
def test_vertices_match_qhull(k, d):
    for seed in range(5):
        points = np.random.default_rng(seed).standard_normal((k, d))
        points[::3] *= 0.1
        expected = points[ConvexHull(points).vertices]
        expected = expected[np.lexsort(expected.T[::-1])]
        np.testing.assert_array_equal(Hull(points).vertices, expected)


def test_far_away_hull_keeps_the_digits_of_its_projection():
    corner = np.array([1e8, 0.0])
    hull = Hull(corner + np.array([[0.0, -1.0], [0.0, 2.0], [1.0, 0.0]]))
    np.testing.assert_allclose(hull.min_norm(), [1e8, 0.0], atol=1e-7)


def test_a_point_just_off_an_edge_is_a_vertex_beyond_rounding():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for off, expected in ((1e-6, 5), (1e-8, 5), (1e-12, 4), (0.0, 4), (-1e-6, 4)):
        assert len(Hull(np.vstack([square, [[0.4, -off]]])).vertices) == expected


def test_needle_thin_triangle():
    for thin in (1e-3, 1e-6, 1e-9):
        hull = Hull(np.array([[-1.0, thin], [1.0, thin], [0.0, 2 * thin]]))
        assert len(hull.vertices) == 3
        np.testing.assert_allclose(hull.min_norm(), [0.0, thin], rtol=1e-9, atol=1e-15)


def test_vertices_do_not_depend_on_the_order_of_the_points():
    rng = np.random.default_rng(3)
    points = np.vstack([rng.standard_normal((15, 3)), np.zeros((2, 3))])
    shuffled = points[rng.permutation(len(points))]
    np.testing.assert_array_equal(Hull(points).vertices, Hull(shuffled).vertices)


def test_points_of_a_mixture_in_many_dimensions():
    rng = np.random.default_rng(0)
    corners = rng.standard_normal((12, 300))
    inner = rng.dirichlet(np.ones(12), 40) @ corners
    hull = Hull(np.vstack([inner, corners, corners[:3]]))
    np.testing.assert_array_equal(hull.vertices, Hull(corners).vertices)
    assert len(hull.vertices) == 12
    assert all(hull.contains(point) for point in inner)
    assert not hull.contains(inner[0] + 1e-5 * rng.standard_normal(300))


def test_refuses_no_points_and_infinite_ones():
    with pytest.raises(ArgumentError, match="at least one point"):
        Hull(np.empty((0, 2)))
    with pytest.raises(ArgumentError, match="points must be finite"):
        Hull(np.array([[np.nan, 0.0]]))
    with pytest.raises(ArgumentError, match="direction has 3 entries"):
        Hull(np.eye(2)).support(np.ones(3))
