"""The largest norm on a set, against its support function over directions: max ‖s‖ = max σ(u)."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from steepest.convex import (
    BallImage,
    Composite,
    Empty,
    Everything,
    Hull,
    HullOf,
    MinkowskiSum,
    NormOf,
    SumOf,
    Zonotope,
    largest_norm,
)

ANGLES = np.linspace(0.0, 2 * np.pi, 2_001)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SEEDS = st.integers(0, 2**32 - 1)


def by_directions(S):
    """max σ(u) over many unit vectors of the plane: at most (π/2000)²/2 too small, relatively."""
    return max(S.support(u) for u in CIRCLE)


def random_plane_set(rng, kind):
    center, size = rng.standard_normal(2), 10.0 ** rng.integers(-2, 3)
    if kind == "ball":
        return BallImage(size * center, rng.standard_normal((2, 3)))
    if kind == "zonotope":
        return Zonotope(center, size * rng.standard_normal((rng.integers(1, 30), 2)))
    if kind == "ball and hull":
        hull = Hull(size * rng.standard_normal((4, 2)))
        return MinkowskiSum([hull, BallImage(center, rng.standard_normal((2, 2)))])
    parts = [Hull(size * rng.standard_normal((3, 2))), Hull(rng.standard_normal((5, 2)))]
    return MinkowskiSum(parts)


@pytest.mark.parametrize("kind", ["ball", "zonotope", "ball and hull", "hulls"])
@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_it_is_the_largest_support(kind, seed):
    S = random_plane_set(np.random.default_rng(seed), kind)
    extent = largest_norm(S)
    assert extent.sharp
    assert extent.attained == pytest.approx(by_directions(S), rel=2e-6)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_ball_images_of_any_shape_are_sharp(seed):
    rng = np.random.default_rng(seed)
    d, m = rng.integers(1, 6, 2)
    A = rng.standard_normal((d, m)) * 10.0 ** rng.integers(-3, 4, m)
    center = rng.standard_normal(d) * 10.0 ** rng.integers(-6, 4)
    if seed % 3 == 0:  # the hard case: the centre has no part along the longest axis
        longest = np.linalg.svd(A)[0][:, 0]
        center = center - longest * (longest @ center)
    extent = largest_norm(BallImage(center, A))
    u = rng.standard_normal((200, m))
    u /= np.linalg.norm(u, axis=1)[:, None]
    assert extent.sharp
    assert np.all(np.linalg.norm(center + u @ A.T, axis=1) <= extent.attained * (1 + 1e-12))


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_zonotopes_against_all_signs(seed):
    rng = np.random.default_rng(seed)
    m, d = rng.integers(1, 9), rng.integers(1, 12)
    G = rng.standard_normal((m, d)) * (rng.uniform(size=(m, d)) < rng.choice([0.3, 1.0]))
    center = rng.standard_normal(d) * rng.choice([0.0, 1.0, 30.0])
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=m)))
    truth = np.linalg.norm(center + signs @ G, axis=1).max()
    extent = largest_norm(Zonotope(center, G))
    assert extent.sharp
    assert extent.attained == pytest.approx(truth, rel=1e-12)


def test_orthogonal_parts_and_agreeing_signs_need_no_list():
    cube = Zonotope(np.full(500, 2.0), -3 * np.eye(500))
    assert largest_norm(cube) == pytest.approx((5 * np.sqrt(500),) * 2)
    A = np.random.default_rng(0).uniform(size=(40, 10))
    assert largest_norm(Zonotope(np.zeros(10), A)) == pytest.approx((np.linalg.norm(A.sum(0)),) * 2)
    groups = MinkowskiSum(
        [
            BallImage(np.ones(5), np.eye(5)[:, :2]),
            BallImage(np.zeros(5), 2 * np.eye(5)[:, 2:]),
        ]
    )
    assert largest_norm(groups).sharp
    assert largest_norm(groups).attained == pytest.approx(np.hypot(np.sqrt(2) + 1, np.sqrt(3) + 2))


def test_where_it_is_not_found_it_is_bracketed_by_a_member():
    rng = np.random.default_rng(5)
    many = Zonotope(rng.standard_normal(12), rng.standard_normal((60, 12)))
    two = MinkowskiSum([BallImage(np.ones(2), np.diag([1.0, 3.0])), BallImage.unit(2)])
    relu = NormOf(np.zeros((0, 2)), [SumOf(np.array([1.0, 0.0])), SumOf(np.array([0.0, 1.0]))])
    for S in (many, two, Composite(SumOf(np.zeros(2), [(1.0, relu)]))):
        extent = largest_norm(S)
        assert not extent.sharp
        assert extent.attained < extent.above
        u = rng.standard_normal((2000, S.dimension))
        u /= np.linalg.norm(u, axis=1)[:, None]
        assert max(S.support(row) for row in u) <= extent.above
        members = [np.linalg.norm(S.support_point(row)) for row in u]
        assert max(members) <= extent.attained * (1 + 1e-6)  # the climb ends above the samples
    assert largest_norm(two).attained <= by_directions(two) * (1 + 2e-6)


def test_unions_and_trivial_sets():
    disc, point = SumOf(np.zeros(2), [(2.0, NormOf(np.eye(2)))]), SumOf(np.array([0.0, 3.0]))
    drop = Composite(SumOf(np.array([1.0, 0.0]), [(1.0, HullOf([disc, point]))]))
    assert largest_norm(drop) == pytest.approx((np.sqrt(10),) * 2)
    assert largest_norm(drop).attained == pytest.approx(by_directions(drop), rel=2e-6)
    assert largest_norm(Empty(2)) == (0.0, 0.0)
    assert largest_norm(Everything(2)).above == np.inf
    assert largest_norm(BallImage(np.array([3.0, 4.0]), np.zeros((2, 2)))) == (5.0, 5.0)
