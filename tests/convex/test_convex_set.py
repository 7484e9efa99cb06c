"""What holds for every kind of set."""

import numpy as np
import pytest
import scipy.sparse as sp

from steepest.convex import (
    BallImage,
    ConvexSet,
    Empty,
    Everything,
    Hull,
    MinkowskiSum,
    Zonotope,
)
from steepest.errors import ArgumentError, SolverError, TooManyPiecesError


def make_sets(scale: float, shift: float) -> list[ConvexSet]:
    rng = np.random.default_rng(7)
    center = scale * shift * rng.standard_normal(4)
    hull = Hull(center + scale * rng.standard_normal((7, 4)))
    flat = Hull(center + scale * rng.standard_normal((5, 2)) @ rng.standard_normal((2, 4)))
    zonotope = Zonotope(center, scale * rng.standard_normal((5, 4)))
    sparse = Zonotope(center, sp.diags_array(scale * np.array([1.0, 0.0, 2.0, 3.0])))
    ball = BallImage(center, scale * rng.standard_normal((4, 3)))
    point = Hull(center[None, :])
    return [
        hull,
        flat,
        zonotope,
        sparse,
        ball,
        point,
        MinkowskiSum([hull, zonotope]),
        MinkowskiSum([flat, ball, sparse]),
        MinkowskiSum([ball, BallImage(center, 2 * ball.A[:, :1]), point]),
    ]


CASES = [
    pytest.param(case, scale, id=f"{case!r}, scale {scale}, shift {shift}")
    for scale in (1e-8, 1.0, 1e8)
    for shift in (0.0, 3.0)
    for case in make_sets(scale, shift)
]
RNG = np.random.default_rng(11)
DIRECTIONS = [*RNG.standard_normal((20, 4)), *np.eye(4), *-np.eye(4)]
each_set = pytest.mark.parametrize(("shape", "scale"), CASES)


@each_set
def test_the_least_norm_element_is_in_the_set_and_optimal(shape, scale):
    p = shape.min_norm()
    size = scale * 30
    for direction in DIRECTIONS:
        assert direction @ p <= shape.support(direction) + 1e-12 * size
    # ‖p‖² − min ⟨p, s⟩, from the closed form of the support function.
    assert p @ p + shape.support(-p) <= 1e-10 * size * (np.linalg.norm(p) + 1e-4 * size)


@each_set
def test_projections_are_idempotent_and_nearest(shape, scale):
    for point in scale * 5 * RNG.standard_normal((4, 4)):
        p = shape.project(point)
        assert shape.contains(p, tol=1e-9 * min(scale, 1.0))
        np.testing.assert_allclose(shape.project(p), p, atol=1e-9 * scale)
        for direction in DIRECTIONS:
            other = shape.support_point(direction)
            assert np.linalg.norm(p - point) <= np.linalg.norm(other - point) * (1 + 1e-12)


@each_set
def test_support_points_attain_the_support(shape, scale):
    for direction in DIRECTIONS:
        point = shape.support_point(direction)
        assert direction @ point == pytest.approx(shape.support(direction), abs=1e-13 * scale * 50)
    for direction in DIRECTIONS[::6]:
        assert shape.contains(shape.support_point(direction))
    assert shape.support(np.zeros(4)) == 0.0


@each_set
def test_bounding_box_is_tight(shape, scale):
    lower, upper = shape.bounding_box()
    for i, unit in enumerate(np.eye(4)):
        assert upper[i] == pytest.approx(shape.support(unit), abs=1e-13 * scale * 50)
        assert lower[i] == pytest.approx(-shape.support(-unit), abs=1e-13 * scale * 50)


@each_set
def test_contains_tells_inside_from_outside(shape, scale):
    ends = [shape.support_point(direction) for direction in DIRECTIONS]
    inside = RNG.dirichlet(np.ones(len(ends))) @ ends
    assert shape.contains(inside)
    for direction in DIRECTIONS[::6]:
        unit = direction / np.linalg.norm(direction)
        outside = shape.support_point(unit) + 1e-4 * scale * unit
        assert not shape.contains(outside, tol=1e-5 * min(scale, 1.0) / (1 + np.abs(outside).sum()))


@each_set
def test_vertices_give_the_set_back(shape, scale):
    try:
        vertices = shape.vertices
    except TooManyPiecesError:
        assert "Ball" in repr(shape) or isinstance(shape, MinkowskiSum)
        return
    again = Hull(vertices)
    for direction in DIRECTIONS:
        expected = pytest.approx(shape.support(direction), abs=1e-9 * scale)
        assert again.support(direction) == expected
    assert len(again.vertices) == len(vertices)
    np.testing.assert_array_equal(vertices, vertices[np.lexsort(vertices.T[::-1])])


@each_set
def test_affine_images_pull_directions_back(shape, scale):
    A = RNG.standard_normal((3, 4))
    offset = scale * RNG.standard_normal(3)
    for matrix in (A, sp.csr_array(A)):
        image = shape.linear_image(matrix).translate(offset)
        assert image.dimension == 3
        for direction in RNG.standard_normal((5, 3)):
            expected = shape.support(A.T @ direction) + offset @ direction
            assert image.support(direction) == pytest.approx(expected, abs=1e-12 * scale * 50)


@each_set
def test_only_points_are_singletons(shape, scale):
    assert shape.is_singleton(tol=1e-9 * min(scale, 1.0)) == (
        repr(shape) == "Hull of 1 points in R^4"
    )


def test_a_cloud_of_rounding_is_a_singleton():
    cloud = Hull(3.0 + 1e-12 * np.random.default_rng(0).standard_normal((5, 6)))
    assert cloud.is_singleton()
    assert len(Hull(3.0 + 1e-16 * np.ones((5, 6))).vertices) == 1


def test_a_wrong_solver_is_found_out():
    class Wrong(Hull):
        def _nearest(self, point):
            return self.points[0]

    shape = Wrong(np.array([[1.0, 1.0], [1.0, -1.0]]))
    with pytest.raises(SolverError, match="certified only"):
        shape.min_norm()


def test_answers_cannot_spoil_the_set():
    shape = Hull(np.eye(2))
    shape.min_norm()[:] = 7.0
    np.testing.assert_allclose(shape.min_norm(), [0.5, 0.5])
    with pytest.raises(ValueError, match="read-only"):
        shape.vertices[0, 0] = 7.0
    with pytest.raises(ValueError, match="read-only"):
        shape.points[0, 0] = 7.0


def test_everything():
    space = Everything(3)
    assert space.contains(np.full(3, 1e300))
    assert space.support(np.array([0.0, 1.0, 0.0])) == np.inf
    assert space.support(np.zeros(3)) == 0.0
    assert space.distance(np.ones(3)) == 0.0
    np.testing.assert_array_equal(space.min_norm(), np.zeros(3))
    assert not space.is_singleton()
    assert isinstance(space.translate(np.ones(3)), Everything)
    assert space.linear_image(np.ones((1, 3))).dimension == 1
    with pytest.raises(ArgumentError, match="independent rows"):
        space.linear_image(np.ones((2, 3)))
    with pytest.raises(TooManyPiecesError):
        _ = space.vertices


def test_empty():
    nothing = Empty(3)
    assert not nothing.contains(np.zeros(3))
    assert nothing.support(np.ones(3)) == -np.inf
    assert nothing.distance(np.ones(3)) == np.inf
    assert nothing.vertices.shape == (0, 3)
    assert not nothing.is_singleton()
    assert nothing.linear_image(np.ones((2, 3))).dimension == 2
    with pytest.raises(ArgumentError, match="empty"):
        nothing.min_norm()
