import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import steepest as st
from random_problems import SEEDS, quadratic
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence


@given(SEEDS)
def test_random_quadratics_hold_with_the_minimum_proved(seed):
    p, _, c = quadratic(seed)
    certificate = st.theorems.stationary_point(p, steps=100)
    assert certificate.holds, str(certificate)
    minimum = certificate.hypotheses[1]
    assert minimum.evidence is Evidence.PROVED
    assert minimum.value == pytest.approx(float(p.f(c)), rel=1e-9, abs=1e-12)


@given(SEEDS)
def test_against_an_independent_run(seed):
    p, A, c = quadratic(seed)
    beta = np.linalg.norm(A, 2)
    x, least, norms = np.asarray(p.x0), [], []
    for _ in range(30):
        norms.append(np.linalg.norm(A @ (x - c)))
        least.append(min(norms))
        x = x - A @ (x - c) / beta
    certificate = st.theorems.stationary_point(p, steps=30)
    np.testing.assert_allclose(certificate.measured, least, rtol=1e-8)
    gap = 0.5 * (p.x0 - c) @ A @ (p.x0 - c)
    T = np.arange(1, 31)
    np.testing.assert_allclose(certificate.bound, np.sqrt(2 * beta * gap / T), rtol=1e-8)


def test_without_a_minimum_the_last_value_takes_its_place():
    p = st.Problem(lambda x: jnp.sum(jnp.cos(x)), np.array([0.3, 1.0]), smoothness=1.0)
    c = st.theorems.stationary_point(p, steps=50)
    assert c.holds
    stated = st.Problem(p.f, p.x0, smoothness=1.0, minimum=-2.0)
    assert np.all(c.bound <= st.theorems.stationary_point(stated, steps=50).bound + 1e-12)


def test_a_minimum_that_the_run_undercuts_is_violated():
    p = st.Problem(lambda x: jnp.sum(jnp.cos(x)), np.array([0.3, 1.0]), smoothness=1.0, minimum=0.0)
    c = st.theorems.stationary_point(p, steps=50)
    assert c.holds is False
    assert "given, but f(x_" in c.hypotheses[1].detail


def test_a_minimum_above_the_start_is_refused():
    with pytest.raises(ArgumentError, match="minimum is 5"):
        st.Problem(lambda x: x**2, 1.0, minimum=5.0)


def test_the_constant_four_thirds_tighter_than_the_lecture_still_holds_and_half_fails():
    """The true worst case of min ‖∇f‖² is 4βΔ/(3T − 1); at T = 1 the lecture's 2βΔ is tight."""
    p = st.Problem(lambda x: x**2, 1.0)
    c = st.theorems.stationary_point(p, steps=1)
    assert c.slack == pytest.approx(1.0)
    assert c.with_bound(0.99 * c.bound).holds is False
