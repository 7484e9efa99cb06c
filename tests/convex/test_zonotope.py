"""Zonotopes against closed forms, enumeration and the box least squares of SciPy."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings, strategies as st
from scipy.optimize import lsq_linear

from steepest.convex import Hull, Zonotope
from steepest.errors import TooManyPiecesError

from .oracles import exact_nearest, exact_vertices, zonotope_vertices_by_programs

SETTINGS = settings(max_examples=60, deadline=None)


@st.composite
def integer_zonotopes(draw, max_generators=4, max_dimension=3):
    d = draw(st.integers(1, max_dimension))
    row = st.lists(st.integers(-2, 2), min_size=d, max_size=d)
    generators = draw(st.lists(row, min_size=0, max_size=max_generators))
    center = draw(st.lists(st.integers(-4, 4), min_size=d, max_size=d))
    return np.array(center, dtype=float), np.array(generators, dtype=float).reshape(-1, d)


def corners(center, generators):
    m = len(generators)
    signs = 2.0 * ((np.arange(2**m)[:, None] >> np.arange(m)) & 1) - 1.0
    return center + signs @ generators


def as_rows(points):
    return points[np.lexsort(points.T[::-1])]


def test_box_min_norm_cuts_coordinates():
    center, widths = np.array([3.0, -0.5, -7.0]), np.array([1.0, 2.0, 3.0])
    box = Zonotope(center, np.diag(widths))
    np.testing.assert_array_equal(box.min_norm(), [2.0, 0.0, -4.0])
    direction = np.array([1.0, -2.0, 3.0])
    assert box.support(direction) == center @ direction + widths @ np.abs(direction)


def test_corner_form_is_the_sum_of_segments_from_zero():
    # relu(x) − relu(−x) at 0: the segment [0, 1] and its mirror image.
    zonotope = Zonotope.from_corner(np.array([0.0]), np.array([[1.0], [-1.0]]))
    np.testing.assert_array_equal(zonotope.vertices, [[-1.0], [1.0]])


def test_no_generators_are_a_point():
    point = Zonotope(np.array([1.0, 2.0]), np.empty((0, 2)))
    np.testing.assert_array_equal(point.vertices, [[1.0, 2.0]])
    np.testing.assert_array_equal(point.min_norm(), [1.0, 2.0])
    assert point.is_singleton()
    assert point.contains(np.array([1.0, 2.0]))
    assert not point.contains(np.array([1.0, 2.1]))


@SETTINGS
@given(integer_zonotopes(max_dimension=2))
def test_vertices_match_exact_arithmetic(zonotope):
    expected = exact_vertices(corners(*zonotope))
    np.testing.assert_allclose(Zonotope(*zonotope).vertices, expected, atol=1e-12)


@SETTINGS
@given(integer_zonotopes())
def test_projection_of_zero_matches_exact_arithmetic(zonotope):
    points = np.unique(corners(*zonotope), axis=0)
    if len(points) > 9:
        points = exact_vertices(points) if points.shape[1] == 1 else Hull(points).vertices
    if len(points) > 12:
        return
    squared, nearest = exact_nearest(points, [0] * points.shape[1])
    found = Zonotope(*zonotope)
    np.testing.assert_allclose(found.min_norm(), [float(x) for x in nearest], atol=1e-10)
    assert found.contains(np.zeros(points.shape[1])) == (squared == 0)


@pytest.mark.parametrize(("m", "d"), [(6, 2), (5, 3), (7, 4), (5, 5)])
def test_vertices_match_linear_programs(m, d):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        generators = rng.integers(-2, 3, (m, d)) + 0.0
        generators[~generators.any(axis=1), 0] = 1.0
        center = rng.standard_normal(d)
        expected = as_rows(zonotope_vertices_by_programs(center, generators))
        found = Zonotope(center, generators).vertices
        assert found.shape == expected.shape
        # Rounding may exchange rows that agree in their first coordinates.
        np.testing.assert_allclose(found, as_rows(found))
        np.testing.assert_allclose(_rounded(found), _rounded(expected), atol=1e-9)


def _rounded(points):
    return as_rows(np.round(points, 8) + 0.0)


def test_permutohedron_has_a_vertex_for_each_permutation():
    e = np.eye(5)
    edges = np.array([e[i] - e[j] for i in range(5) for j in range(i)]) / 2
    vertices = Zonotope(np.full(5, 2.0), edges).vertices
    assert {tuple(row) for row in np.round(vertices).astype(int)} == {
        tuple(np.random.default_rng(i).permutation(5)) for i in range(3000)
    }


def test_nearly_parallel_and_tiny_generators_count_once():
    generators = np.array([[1.0, 0.0], [1.0, 1e-13], [0.0, 1.0], [1e-14, 1e-14]])
    np.testing.assert_allclose(
        Zonotope(np.zeros(2), generators).vertices,
        [[-2, -1], [-2, 1], [2, -1], [2, 1]],
        atol=1e-12,
    )


def test_too_many_vertices_are_not_listed():
    with pytest.raises(TooManyPiecesError, match="30 generators"):
        _ = Zonotope(np.zeros(30), np.eye(30)).vertices
    with pytest.raises(TooManyPiecesError):
        _ = Zonotope(np.zeros(20), np.random.default_rng(0).standard_normal((40, 20))).vertices
    # Many parallel ones are one.
    assert len(Zonotope(np.zeros(3), np.ones((1000, 3))).vertices) == 2


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize(("m", "d", "reach"), [(30, 10, 3.0), (10, 30, 1.0), (60, 60, 5.0)])
def test_min_norm_matches_box_least_squares(scale, m, d, reach):
    rng = np.random.default_rng(m)
    center, generators = reach * rng.standard_normal(d), rng.standard_normal((m, d))
    oracle = lsq_linear(generators.T, -center, (-1, 1), method="bvls", tol=1e-14)
    expected = center + generators.T @ oracle.x
    for kind in (np.asarray, sp.csr_array, sp.coo_array):
        zonotope = Zonotope(scale * center, kind(scale * generators))
        np.testing.assert_allclose(
            zonotope.min_norm() / scale, expected, atol=1e-9 * np.linalg.norm(center)
        )


@pytest.mark.parametrize("decades", [3, 8, 12])
def test_badly_conditioned_generators_are_certified(decades):
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((60, 60)))[0] for _ in range(2))
    generators = left @ np.diag(np.logspace(0, -decades, 60)) @ right
    zonotope = Zonotope(0.05 * rng.standard_normal(60), generators)
    p = zonotope.min_norm()
    assert p @ p + zonotope.support(-p) <= 1e-10 * zonotope.support(p)


def test_ten_thousand_sparse_generators():
    n = 10_000
    rng = np.random.default_rng(0)
    center, widths = rng.standard_normal(n), rng.uniform(0, 1, n)
    zonotope = Zonotope(center, sp.diags_array(widths))
    expected = np.sign(center) * np.maximum(np.abs(center) - widths, 0)
    np.testing.assert_allclose(zonotope.min_norm(), expected, atol=1e-12)
    assert zonotope.contains(center + widths)
    assert not zonotope.contains(center + 1.001 * widths)


def test_total_variation_of_a_step():
    # The subdifferential of |x_1 − x_0| + … at a constant, moved by a gradient of one sign.
    n = 2000
    differences = sp.diags_array([np.ones(n), -np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n))
    zonotope = Zonotope(np.full(n, 0.5), differences)
    np.testing.assert_allclose(zonotope.min_norm(), np.full(n, 0.5), atol=1e-9)
