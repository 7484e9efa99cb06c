import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, quadratic
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence
from unchecked import unchecked

certify = st.theorems.gradient_descent_quadratic


@given(SEEDS, st_.floats(0, 6), st_.floats(-3, 3), st_.floats(0.05, 1.0))
def test_random_quadratics_hold(seed, log_condition, log_scale, fraction):
    p, A, _ = quadratic(seed, condition=10**log_condition, scale=10**log_scale)
    eta = fraction / np.linalg.eigvalsh(A)[-1]
    c = st.theorems.gradient_descent_quadratic(p, steps=400, learning_rate=eta)
    assert c.holds, str(c)
    assert {h.evidence for h in c.hypotheses} == {Evidence.PROVED}


@given(SEEDS)
def test_a_rate_that_is_too_good_fails_on_the_slowest_mode(seed):
    _, A, center = quadratic(seed)
    eigenvalues, vectors = np.linalg.eigh(A)
    p = st.Problem(lambda x: 0.5 * (x - center) @ A @ (x - center), center + vectors[:, 0])
    c = st.theorems.gradient_descent_quadratic(p, steps=50)
    assert c.slack == pytest.approx(1.0, abs=1e-9)
    faster = (1 - 1.01 * eigenvalues[0] / eigenvalues[-1]) ** c.steps
    assert c.with_bound(faster).holds is False


@given(SEEDS, st_.floats(1.001, 1.9))
def test_too_large_a_step_violates(seed, factor):
    p, A, _ = quadratic(seed)
    eta = factor / np.linalg.eigvalsh(A)[-1]
    c = st.theorems.gradient_descent_quadratic(p, steps=20, learning_rate=eta)
    assert c.holds is False
    assert [h.name for h in c.violated] == ["η ≤ 1/λₘₐₓ"]


@pytest.mark.parametrize(
    ("stated", "value", "holds"),
    [
        ("smoothness", 40.0, True),
        ("smoothness", 20.0, False),
        ("strong_convexity", 0.5, True),
        ("strong_convexity", 2.0, False),
    ],
)
def test_what_the_user_states_is_held_against_the_eigenvalues(stated, value, holds):
    p, _, _ = quadratic(0)  # λ from 1 to 30
    c = st.theorems.gradient_descent_quadratic(st.Problem(p.f, p.x0, **{stated: value}), steps=30)
    assert c.holds is holds, str(c)


def test_singular_and_indefinite_quadratics_are_refused():
    for f in (lambda x: x[0] ** 2, lambda x: x[0] ** 2 - x[1] ** 2):
        c = st.theorems.gradient_descent_quadratic(st.Problem(f, np.ones(2)), steps=10)
        assert c.holds is False
        assert "A ≻ 0" in [h.name for h in c.violated]


def test_a_function_that_is_no_quadratic_is_refused_with_a_point():
    p = st.Problem(lambda x: jnp.sum(jnp.cosh(x)), np.ones(2), smoothness=4.0, strong_convexity=1.0)
    c = st.theorems.gradient_descent_quadratic(p, steps=10)
    assert c.holds is False
    assert "x = (" in c.violated[0].detail


def test_what_is_a_quadratic_but_for_a_little_is_none():
    for f in (lambda x: x**2 + 1e-12 * x**4, lambda x: x**2 + 1e-11 * jnp.cosh(x)):
        c = certify(st.Problem(f, 1.0), steps=3)
        assert c.hypotheses[0].evidence is Evidence.VIOLATED
        assert "departs from its linearisation" in c.hypotheses[0].detail
        assert c.holds is False


def test_rounding_of_terms_that_cancel_is_no_departure():
    f = lambda x: x**2 + 1e6 * (jnp.sin(x) ** 2 + jnp.cos(x) ** 2)
    hypothesis = certify(st.Problem(f, np.float64(1.0)), steps=3).hypotheses[0]
    assert hypothesis.evidence is Evidence.MEASURED
    assert "to rounding" in hypothesis.detail


def test_a_quadratic_in_disguise_is_measured():
    p = st.Problem(lambda x: jnp.linalg.norm(jnp.array([1.0, 2.0]) * x - 1.0) ** 2, np.ones(2) * 3)
    c = st.theorems.gradient_descent_quadratic(p, steps=100)
    assert c.holds
    assert c.hypotheses[0].evidence is Evidence.MEASURED


def test_a_minimizer_given_is_checked():
    p, _, center = quadratic(1)
    good = st.Problem(p.f, p.x0, minimizer=center.astype(np.float32))
    assert st.theorems.gradient_descent_quadratic(good, steps=50).holds
    bad = st.Problem(p.f, p.x0, minimizer=center + 1e-3)
    assert st.theorems.gradient_descent_quadratic(bad, steps=50).holds is False
    with pytest.raises(ArgumentError, match="minimizer has leaves"):
        st.Problem(p.f, p.x0, minimizer=np.zeros(2))
    with pytest.raises(ArgumentError, match="minimizer is none"):
        st.Problem(p.f, p.x0, minimizer=np.asarray(center) + 100.0)


def test_a_step_beyond_the_range_of_float64_warns_of_nothing():
    p, _, _ = quadratic(0)
    assert certify(p, learning_rate=1e3).holds is False
    with pytest.raises(ArgumentError, match="learning_rate"):
        unchecked(certify)(p, learning_rate=np.ones(2))


def test_one_step_to_the_minimiser_when_the_condition_number_is_one():
    c = st.theorems.gradient_descent_quadratic(
        st.Problem(lambda x: 3.7 * jnp.sum((x - 0.1) ** 2), np.array([1.0, -2.0])), steps=10
    )
    assert c.holds, str(c)
