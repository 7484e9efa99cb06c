import jax.numpy as jnp
import numpy as np
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


A = np.random.default_rng(1).standard_normal((20, 2))
# f, x, the largest norm in its differential there, in closed form.
SUMS = [
    (lambda x: jnp.max(x) - jnp.min(x), 3, np.sqrt(2)),
    (lambda x: jnp.median(x) - jnp.max(x), 3, np.sqrt(2)),
    # (1 + u_0, 3 u_1) for a unit u: 1 + 2 u_0 + 9 − 8 u_0² is largest at u_0 = 1/8.
    (lambda x: x[0] + jnp.linalg.norm(jnp.array([1.0, 3.0]) * x), 2, np.sqrt(10.125)),
    (lambda x: jnp.linalg.norm(x[:2]) + 2 * jnp.linalg.norm(x[2:]), 5, np.sqrt(5)),
    # Σ ± a_i over the cells that the lines a_i·x = 0 cut the plane into.
    (lambda x: jnp.sum(jnp.abs(A @ x)), 2, None),
    (lambda x: jnp.sum(jnp.abs(x)) + x[0], 200, np.sqrt(199 + 4)),
]


def over_cells():
    angles = np.linspace(0, 2 * np.pi, 100_001)
    signs = np.sign(np.stack([np.cos(angles), np.sin(angles)], axis=1) @ A.T)
    return np.linalg.norm(signs @ A, axis=1).max()


@pytest.mark.parametrize(("f", "d", "truth"), SUMS)
@pytest.mark.parametrize("radius", [0.0, 0.1])
def test_sums_are_neither_added_up_nor_boxed(f, d, truth, radius):
    truth = over_cells() if truth is None else truth
    bound, proved = local_lipschitz(f, radius=radius)(jnp.zeros(d))
    assert bound == pytest.approx(truth, rel=1e-6)
    assert proved == (radius == 0.0)


def test_what_is_not_found_is_bounded_from_the_side_that_is_said():
    f = lambda x: jnp.linalg.norm(jnp.maximum(x, 0.0)) + jnp.linalg.norm(x)  # at most 2, along x
    above, proved = local_lipschitz(f)(jnp.zeros(3))
    below, _ = local_lipschitz(f, radius=0.1)(jnp.zeros(3))
    assert not proved
    assert below <= 2.0 + 1e-6
    assert above >= 2.0 - 1e-6
    assert below == pytest.approx(2.0, rel=1e-2)
