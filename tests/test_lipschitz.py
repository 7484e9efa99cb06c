import jax.numpy as jnp
import pytest

from steepest.errors import NotLocallyLipschitzError
from steepest.lipschitz import local_lipschitz


def test_at_the_point_it_is_the_largest_subgradient():
    bound, proved = local_lipschitz(lambda x: 3 * jnp.abs(x) + x)(0.0)
    assert bound == pytest.approx(4.0)
    assert proved


def test_norm():
    bound, proved = local_lipschitz(lambda x: 2 * jnp.linalg.norm(x))(jnp.zeros(3))
    assert bound == pytest.approx(2.0)
    assert proved


def test_in_a_ball_it_is_sampled_and_says_so():
    bound, proved = local_lipschitz(lambda x: x**2, radius=1.0)(0.0)
    assert 1.8 < bound <= 2.0
    assert not proved


def test_unbounded_slope():
    with pytest.raises(NotLocallyLipschitzError):
        local_lipschitz(lambda x: jnp.sqrt(jnp.abs(x)))(0.0)
