"""Certificates on data with NaN in it, which f leaves out."""

import re

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


HOLE = np.array([1.0, 0.0])


def computed(w):
    """|w|²/2, its second term in the place of w/0, whose slope is 0 · ∞."""
    return 0.5 * jnp.sum(jnp.where(HOLE > 0, (w / HOLE) ** 2, w**2))


# D8 and the Clarke differential take subgradients of their own.
THEOREMS = ["A1", "C2", *(f"D{i}" for i in range(1, 12))]


@pytest.mark.parametrize("theorem", THEOREMS)
def test_a_derivative_that_is_nan_refutes_nothing(theorem):
    p = st.Problem(computed, np.array([0.3, -0.2]))
    assert np.isnan(p.derivatives.jax_gradient(p.program.start[0])).any()
    c = st.certify(theorem, p)
    assert c.holds is None
    reason = {"D8": "f is convex"}.get(theorem, "automatic differentiation gives NaN|not finite")
    assert any(re.search(reason, str(h)) for h in c.hypotheses if h.evidence == "unknown")


def test_a_kink_at_x0_is_still_told_apart_from_that():
    start = np.zeros(2)
    kinked, smooth = jnp.linalg.norm, lambda x: jnp.linalg.norm(x) ** 3
    p = st.Problem(smooth, start)
    assert np.isnan(p.derivatives.jax_gradient(start)).all()
    assert np.allclose(p.gradient([start]), 0.0, atol=1e-20)  # ∇‖x‖³ = 3‖x‖x
    assert st.certify("D5", st.Problem(kinked, start), steps=3).holds is False
    assert st.certify("D5", st.Problem(smooth, start), steps=3).holds is None


def test_what_automatic_differentiation_returns_is_no_subgradient_if_it_is_nan():
    c = st.certify("autodiff_subgradient", st.Problem(computed, np.array([0.3, -0.2])))
    assert c.holds is False


def test_values_refute_whatever_the_derivative_is():
    p = st.Problem(lambda w: computed(w) + jnp.exp(w[0]), np.array([0.3, -0.2]))
    assert st.certify("B1", p).holds is False
