"""Minkowski sums against closed forms and the hull of all sums."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from steepest.convex import (
    BallImage,
    ConvexSet,
    Empty,
    Everything,
    Hull,
    MinkowskiSum,
    Zonotope,
    minkowski_sum,
)
from steepest.errors import ArgumentError, TooManyPiecesError

from .oracles import exact_nearest, exact_vertices

SETTINGS = settings(max_examples=40, deadline=None)


@st.composite
def integer_hulls(draw, d, largest=4):
    row = st.lists(st.integers(-3, 3), min_size=d, max_size=d)
    return np.array(draw(st.lists(row, min_size=1, max_size=largest)), dtype=float)


def all_sums(first, second):
    return np.unique((first[:, None, :] + second[None, :, :]).reshape(-1, first.shape[1]), axis=0)


@SETTINGS
@given(integer_hulls(2), integer_hulls(2))
def test_sum_of_polygons_matches_exact_arithmetic(first, second):
    expected = exact_vertices(all_sums(first, second))
    found = MinkowskiSum([Hull(first), Hull(second)])
    np.testing.assert_array_equal(found.vertices, expected)
    squared, nearest = exact_nearest(expected, [0, 0])
    np.testing.assert_allclose(found.min_norm(), [float(x) for x in nearest], atol=1e-10)
    assert found.contains(np.zeros(2)) == (squared == 0)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("seed", range(4))
def test_sum_of_hulls_and_a_zonotope_matches_the_hull_of_sums(seed, scale):
    rng = np.random.default_rng(seed)
    d = 4
    summands = [
        Hull(scale * (rng.standard_normal((5, d)) + 1.5)),
        Hull(scale * rng.standard_normal((3, d))),
        Zonotope(scale * rng.standard_normal(d), scale * 0.5 * rng.standard_normal((3, d))),
    ]
    total = MinkowskiSum(summands)
    points = summands[0].points
    for other in (summands[1].points, summands[2].vertices):
        points = all_sums(points, other)
    hull = Hull(points)
    np.testing.assert_allclose(total.min_norm(), hull.min_norm(), atol=1e-9 * scale)
    assert len(total.vertices) == len(hull.vertices)
    direction = rng.standard_normal(d)
    assert total.support(direction) == pytest.approx(hull.support(direction), rel=1e-13)
    for point in scale * rng.standard_normal((5, d)):
        assert total.distance(point) == pytest.approx(hull.distance(point), abs=1e-9 * scale)


def test_square_and_disc_make_a_rounded_square():
    rounded = MinkowskiSum([Zonotope(np.array([4.0, 5.0]), np.eye(2)), BallImage.unit(2)])
    # The corner (3, 4) is the nearest of the square; the disc moves it one further.
    np.testing.assert_allclose(rounded.min_norm(), [2.4, 3.2], atol=1e-10)
    assert rounded.contains(np.array([6.0, 5.5]))
    assert not rounded.contains(np.array([6.0, 7.0]))
    assert rounded.contains(np.array([5.0, 6.0]) + np.array([0.6, 0.8]))
    with pytest.raises(TooManyPiecesError, match="round"):
        _ = rounded.vertices


def test_discs_of_independent_groups_are_thresholded_group_by_group():
    rng = np.random.default_rng(0)
    gradient = rng.standard_normal((40, 3))
    groups = []
    for i in range(40):
        A = np.zeros((120, 3))
        A[3 * i : 3 * i + 3] = np.eye(3)
        groups.append(BallImage(np.zeros(120), A))
    total = minkowski_sum([Hull(gradient.reshape(1, -1)), *groups])
    norms = np.linalg.norm(gradient, axis=1, keepdims=True)
    expected = gradient * np.maximum(1 - 1 / norms, 0)
    np.testing.assert_allclose(total.min_norm(), expected.ravel(), atol=1e-9)


def test_independent_summands_multiply_their_vertices():
    square = Hull(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]))
    rod = Hull(np.array([[0.0, 0, 2], [0, 0, 3]]))
    assert len(MinkowskiSum([square, rod]).vertices) == 8


def test_simplified_sums():
    segments = [Hull(np.array([[0.0, 0.0], [1.0, 1.0]])), Hull(np.array([[1.0, 0.0], [3.0, 0.0]]))]
    total = minkowski_sum([minkowski_sum(segments), Zonotope(np.zeros(2), np.eye(2))])
    assert isinstance(total, Zonotope)
    assert total.support(np.array([1.0, 0.0])) == 5.0
    assert isinstance(minkowski_sum([Everything(2), Empty(2), segments[0]]), Empty)
    assert isinstance(minkowski_sum([segments[0], Everything(2)]), Everything)
    assert minkowski_sum([segments[0]]) is segments[0]


def test_refuses_what_has_no_sum():
    sets: list[list[ConvexSet]] = [[], [Empty(2), Empty(3)], [BallImage.unit(2), Hull(np.eye(3))]]
    for summands in sets:
        with pytest.raises(ArgumentError, match="summands of one space"):
            minkowski_sum(summands)
    with pytest.raises(ArgumentError, match="minkowski_sum"):
        MinkowskiSum([Everything(2)])
