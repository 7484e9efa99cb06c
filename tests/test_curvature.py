import jax.numpy as jnp
import numpy as np
import pytest

from steepest.curvature import curvature_of
from steepest.pieces import trace


@pytest.mark.parametrize("d", [3, 60, 400])
def test_extreme_eigenvalues_of_a_random_hessian(d):
    rng = np.random.default_rng(d)
    M = rng.standard_normal((d, d))
    H = M + M.T
    found = curvature_of(trace(lambda x: 0.5 * x @ H @ x + jnp.sum(x), np.zeros(d)))([np.zeros(d)])
    eigenvalues = np.linalg.eigvalsh(H)
    assert found.least == pytest.approx(eigenvalues[0], rel=1e-8)
    assert found.largest == pytest.approx(eigenvalues[-1], rel=1e-8)
    assert found.norm == pytest.approx(np.max(np.abs(eigenvalues)), rel=1e-8)


def test_it_is_the_curvature_at_the_point():
    at = curvature_of(trace(lambda x: jnp.sum(x**4), np.ones(2)))
    assert at([np.array([1.0, 2.0])])[:2] == (12.0, 48.0)
