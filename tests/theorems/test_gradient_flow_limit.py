import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_
from scipy.linalg import expm

import steepest as st
from random_problems import SEEDS, quadratic
from steepest.errors import ArgumentError
from unchecked import unchecked


@given(SEEDS, st_.floats(0, 3), st_.floats(0.05, 5))
def test_random_quadratics_hold(seed, log_condition, time):
    p, A, center = quadratic(seed, condition=10**log_condition, scale=10**-log_condition)
    c = st.theorems.gradient_flow_limit(p, time=time)
    assert c.holds, str(c)
    # against the flow by the matrix exponential, and gradient descent by hand
    exact = center + expm(-A * time) @ (p.x0 - center)
    x, eta = np.asarray(p.x0), c.steps[0]
    for _ in range(round(time / eta)):
        x = x - eta * A @ (x - center)
    assert c.measured[0] == pytest.approx(np.linalg.norm(x - exact), rel=1e-6, abs=1e-12)


@given(SEEDS)
def test_half_the_bound_fails_where_one_mode_dominates(seed):
    a = np.random.default_rng(seed).uniform(0.5, 2.0)
    p = st.Problem(lambda x: 0.5 * a * x**2, 1.0)
    c = st.theorems.gradient_flow_limit(p, time=1.0)
    assert c.holds
    assert c.with_bound(c.bound / 2).holds is False


def test_steps_too_large_for_the_stiffest_mode_violate():
    p = st.Problem(lambda x: 50.0 * x**2, 1.0)
    c = st.theorems.gradient_flow_limit(p, time=1.0, counts=[10, 20])
    assert c.holds is False


@pytest.mark.parametrize("f", [lambda x: x**4, lambda x: -(x**2), lambda x: 2.0 * x])
def test_without_a_closed_form_nothing_is_claimed(f):
    c = st.theorems.gradient_flow_limit(st.Problem(f, 1.0))
    assert not c.holds
    assert c.slack is None


def test_a_flat_quadratic_stays():
    assert st.theorems.gradient_flow_limit(st.Problem(lambda x: 0.0 * jnp.sum(x), np.ones(2))).holds


@pytest.mark.parametrize("counts", [[4], [8, 4], [0, 3], [1.5, 3.0]])
def test_bad_counts(counts):
    with pytest.raises(ArgumentError, match="counts"):
        unchecked(st.theorems.gradient_flow_limit)(st.Problem(lambda x: x**2, 1.0), counts=counts)
