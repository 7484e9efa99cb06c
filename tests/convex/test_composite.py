"""Sets built by sums, hulls and norms, against closed forms."""

import numpy as np
import pytest

from steepest.convex import Composite, HullOf, NormOf, SumOf
from steepest.errors import TooManyPiecesError

DISC = NormOf(np.eye(3))


def drop(tip: np.ndarray) -> Composite:
    """The hull of the unit ball and a point."""
    parts = [SumOf(np.zeros(3), [(1.0, DISC)]), SumOf(tip)]
    return Composite(SumOf(np.zeros(3), [(1.0, HullOf(parts))]))


def test_support_and_box():
    S = drop(np.array([2.0, 0.0, 0.0]))
    assert S.support(np.array([1.0, 0.0, 0.0])) == 2.0
    assert S.support(np.array([0.0, -3.0, 4.0])) == pytest.approx(5.0)
    lower, upper = S.bounding_box()
    np.testing.assert_allclose([lower, upper], [[-1, -1, -1], [2, 1, 1]])


def test_projection_on_the_cone_of_a_drop():
    # The tangent from (2, 0, 0) touches the ball at 60°.
    S = drop(np.array([2.0, 0.0, 0.0]))
    normal = np.array([0.5, np.sqrt(0.75), 0.0])
    foot = normal + 0.5 * (np.array([2.0, 0.0, 0.0]) - normal)
    np.testing.assert_allclose(S.project(foot + 0.7 * normal), foot, atol=1e-8)
    assert S.contains(np.zeros(3))
    assert not S.contains(foot + 1e-4 * normal)


def test_least_norm_of_what_does_not_hold_zero():
    S = drop(np.array([2.0, 0.0, 0.0])).translate(np.array([5.0, 0.0, 0.0]))
    np.testing.assert_allclose(S.min_norm(), [4.0, 0.0, 0.0], atol=1e-8)
    turned = S.linear_image(-np.eye(3))
    np.testing.assert_allclose(turned.min_norm(), [-4.0, 0.0, 0.0], atol=1e-8)


def test_parts_that_are_not_negative():
    # ‖relu(x)‖ at 0: the part of the ball with entries ≥ 0.
    segment = lambda e: SumOf(np.zeros(3), [(1.0, HullOf([SumOf(np.zeros(3)), SumOf(e)]))])
    S = Composite(
        SumOf(np.zeros(3), [(1.0, NormOf(np.zeros((0, 3)), list(map(segment, np.eye(3)))))])
    )
    assert S.support(np.array([3.0, -1.0, 4.0])) == pytest.approx(5.0)
    assert S.contains(np.full(3, 0.57))
    assert not S.contains(np.array([0.1, -1e-3, 0.1]))
    np.testing.assert_allclose(S.project(np.array([3.0, -1.0, 4.0])), [0.6, 0, 0.8], atol=1e-8)
    with pytest.raises(TooManyPiecesError):
        _ = S.vertices
