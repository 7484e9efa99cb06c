import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_
from scipy.linalg import expm

import steepest as st
from random_problems import SEEDS, quadratic
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence
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


# (f, its flow at time 1 from 1)
FLOWS = {
    "x⁴": (lambda x: x**4, 1 / 3.0),
    "−x²": (lambda x: -(x**2), np.exp(2.0)),
    "2x": (lambda x: 2.0 * x, -1.0),
    "cosh": (jnp.cosh, 2 * np.arctanh(np.tanh(0.5) * np.exp(-1.0))),
    "eˣ": (jnp.exp, -np.log(np.exp(-1.0) + 1.0)),
}


@pytest.mark.parametrize("name", FLOWS)
def test_other_functions_are_held_against_their_integrated_flow(name):
    f, end = FLOWS[name]
    c = st.theorems.gradient_flow_limit(st.Problem(f, 1.0))
    assert c.holds, str(c)
    assert c.hypotheses[0].evidence is Evidence.MEASURED
    x, eta, slope = 1.0, c.steps[0], jax.grad(f)
    with jax.enable_x64(True):
        for _ in range(round(1 / eta)):
            x = x - eta * float(slope(x))
    assert c.measured[0] == pytest.approx(abs(x - end), rel=1e-6, abs=1e-10)


def test_the_integrated_bound_is_tight_to_first_order():
    """Where ẍ and the growth are constant: f = x² in two ways, of which one is not recognised."""
    c = st.theorems.gradient_flow_limit(st.Problem(lambda x: jnp.log(jnp.exp(x)) * -3.0, 1.0))
    assert c.holds
    p = st.Problem(lambda x: -(x**2), 1.0)
    c = st.theorems.gradient_flow_limit(p, time=0.01, counts=[1, 2, 4])
    assert c.holds
    assert c.slack == pytest.approx(1.0, abs=0.05)
    assert c.with_bound(0.9 * c.bound).holds is False


@pytest.mark.parametrize("f", [lambda x: jnp.abs(x), lambda x: -(x**4)])
def test_a_flow_that_meets_a_kink_or_blows_up_violates(f):
    c = st.theorems.gradient_flow_limit(st.Problem(f, 1.0), time=2.0)
    assert c.holds is False
    assert c.slack is None
    assert "t = " in c.violated[0].detail


def test_a_flat_quadratic_stays():
    assert st.theorems.gradient_flow_limit(st.Problem(lambda x: 0.0 * jnp.sum(x), np.ones(2))).holds


@pytest.mark.parametrize("counts", [[4], [8, 4], [0, 3], [1.5, 3.0]])
def test_bad_counts(counts):
    with pytest.raises(ArgumentError, match="counts"):
        unchecked(st.theorems.gradient_flow_limit)(st.Problem(lambda x: x**2, 1.0), counts=counts)


@pytest.mark.parametrize("counts", [[3, 6], [4, 8]])
def test_steps_too_long_for_an_order_still_keep_the_bound(counts):
    p = st.Problem(lambda x: jnp.sum(jnp.array([0.5, 1.5]) * x**2), np.ones(2))
    c = st.theorems.gradient_flow_limit(p, counts=counts)
    assert c.holds, str(c)
    assert c.with_bound(0.4 * c.bound).holds is False


def test_a_double_well_that_has_settled():
    """Its default steps are too long for an order at T = 4; the inequality is what holds."""
    c = st.theorems.gradient_flow_limit(st.Problem(lambda x: x**4 - x**2, 0.6), time=4.0)
    assert c.holds, str(c)
    assert "too long" in c.notes[0]


@pytest.mark.parametrize("scale", [1e6, 1e160, 1e200])
def test_a_flow_too_fast_for_any_count_of_steps_is_an_error(scale):
    # Squares of such numbers overflow, here and there.
    with np.errstate(all="ignore"), pytest.raises(ArgumentError, match="shorter time"):
        st.theorems.gradient_flow_limit(st.Problem(lambda x: scale * x @ x, np.ones(2)))
