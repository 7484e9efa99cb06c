"""Certificates on data with NaN in it, which f leaves out."""

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

A = np.array([[3.0, 1.0], [1.0, 2.0], [0.5, -1.0], [2.0, 0.0]])
D = np.array([1.0, np.nan, 2.0, -1.0])
GOT = np.isfinite(D)
FUNCTIONS = {
    "nansum": (
        lambda w: 0.5 * jnp.nansum((A @ w - D) ** 2),
        lambda w: 0.5 * jnp.sum((A[GOT] @ w - D[GOT]) ** 2),
    ),
    "nanmean": (
        lambda w: jnp.nanmean((A @ w - D) ** 2),
        lambda w: jnp.mean((A[GOT] @ w - D[GOT]) ** 2),
    ),
}


@pytest.mark.parametrize("theorem", ["D1", "D3", "D7"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_f_leaves_out_has_no_part_in_a_verdict(theorem, name):
    holed, whole = (
        st.certify(theorem, st.Problem(f, np.array([0.3, -0.2])), steps=5) for f in FUNCTIONS[name]
    )
    assert holed.holds is whole.holds is True
    np.testing.assert_allclose(holed.measured, whole.measured, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(holed.bound, whole.bound, rtol=1e-9, atol=1e-13)
