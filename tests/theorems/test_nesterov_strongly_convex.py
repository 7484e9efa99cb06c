import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence

certify = st.theorems.nesterov_strongly_convex
LIPSCHITZ = "∇f is β-Lipschitz where the run goes"
CONVEX = "f is μ-strongly convex where the run goes"


def evidence(c):
    return {h.name: h.evidence for h in c.hypotheses}


def logistic(seed, ridge, n=40, d=4):
    """(f, start, β, μ = ridge): ridge-regularised logistic regression."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, d)), rng.choice([-1.0, 1.0], n)
    f = lambda w: jnp.mean(jax.nn.softplus(-y * (X @ w))) + ridge / 2 * jnp.sum(w**2)
    return f, 3 * rng.standard_normal(d), np.linalg.norm(X, 2) ** 2 / (4 * n) + ridge


@few(3)
@given(SEEDS, st_.floats(0, 6), st_.floats(-3, 3))
def test_random_quadratics_hold_and_are_proved(seed, log_condition, log_scale):
    p, _, _ = quadratic(seed, condition=10**log_condition, scale=10**log_scale)
    c = certify(p, steps=400)
    assert c.holds, str(c)
    assert set(evidence(c).values()) == {Evidence.PROVED}


@few(3)
@given(SEEDS, st_.floats(-4, 0))
def test_logistic_regression_measured(seed, log_ridge):
    ridge = 10**log_ridge
    f, start, beta = logistic(seed, ridge)
    measured = certify(st.Problem(f, start, strong_convexity=0.0), steps=200)
    assert measured.holds, str(measured)
    assert evidence(measured)[LIPSCHITZ] is evidence(measured)[CONVEX] is Evidence.MEASURED
    values = {h.name: h.value for h in measured.hypotheses}
    assert values[LIPSCHITZ] <= 2 * beta
    assert values[CONVEX] >= ridge / 2


def test_logistic_regression_given():
    ridge = 1e-4
    f, start, beta = logistic(5, ridge)
    c = certify(st.Problem(f, start, smoothness=beta, strong_convexity=ridge), steps=200)
    assert c.holds, str(c)
    assert evidence(c)[LIPSCHITZ] is evidence(c)[CONVEX] is Evidence.GIVEN


@pytest.mark.parametrize(
    ("wrong", "name"), [("strong_convexity", CONVEX), ("smoothness", LIPSCHITZ)]
)
def test_a_constant_that_is_wrong_is_violated_with_a_point(wrong, name):
    f, start, beta = logistic(0, 0.01)
    stated = {"smoothness": beta, "strong_convexity": 0.01}
    stated |= {"strong_convexity": 0.9 * beta} if wrong == "strong_convexity" else {wrong: 0.02}
    c = certify(st.Problem(f, start, **stated), steps=100)
    assert c.holds is False
    (violated,) = (h for h in c.violated if h.name == name)
    assert "x = (" in violated.detail


def test_a_constant_slightly_wrong_is_seen_in_the_curvature():
    f, start, beta = logistic(0, 1.0)
    least = min(np.linalg.eigvalsh(jax.hessian(f)(start)))
    c = certify(st.Problem(f, start, smoothness=beta, strong_convexity=1.01 * least), steps=50)
    assert [h.name for h in c.violated] == [CONVEX]


def test_a_rate_that_is_too_good_fails():
    """On the slowest mode f falls as n²(1 − 1/√κ)²ⁿ, no faster."""
    p, A, center = quadratic(0, condition=1e4)
    _, vectors = np.linalg.eigh(A)
    c = certify(st.Problem(p.f, center + vectors[:, 0]), steps=400)
    assert c.holds
    assert c.with_bound(c.bound[0] * 0.99 ** (2 * c.steps)).holds is False
    assert c.with_bound(c.bound[0] * (1 - 1e-4) ** c.steps).holds is True  # gradient descent's


def test_without_the_term_of_the_distance_it_fails():
    """f(x₀) − f* alone is too little: on the flattest direction f lingers."""
    a = jnp.array([1.0, 1e4])
    c = certify(st.Problem(lambda x: 0.5 * jnp.sum(a * x**2), np.array([1.0, 0.0])), steps=50)
    assert c.holds
    assert c.with_bound(c.bound / 2.01).holds is False


@pytest.mark.parametrize(
    ("f", "x0"),
    [
        (lambda x: jnp.sum(jnp.cos(x)), np.array([1.0, 2.0])),
        (lambda x: jnp.sum(x**4), np.array([1.0, 2.0])),
        (lambda x: jnp.exp(x), 1.0),
        (lambda x: x[0] ** 2, np.ones(2)),
        (lambda x: x[0] ** 2 - x[1] ** 2, np.ones(2)),
        (lambda x: jnp.sum(jnp.sqrt(1 + x**2)), np.full(2, 1e8)),
    ],
)
def test_what_is_not_strongly_convex_is_refused(f, x0):
    c = certify(st.Problem(f, x0), steps=30)
    assert c.holds is False
    assert c.violated


def test_a_kink_is_not_smooth():
    f = lambda x: jnp.sum(jnp.abs(x) + x**2)
    p = st.Problem(f, np.array([1.0, 2.0]), smoothness=10.0, strong_convexity=1.0)
    assert certify(p, steps=60).holds is False
    c = certify(st.Problem(f, 0 * np.ones(2), smoothness=10.0, strong_convexity=1.0), steps=3)
    assert c.holds is False


def test_a_curvature_that_grows_away_from_the_start_raises_beta():
    f = lambda x: jnp.sum(jnp.cosh(x - 3.0))
    c = certify(st.Problem(f, np.array([3.0, 7.0])), steps=100)
    assert c.holds, str(c)


def test_the_minimizer_and_the_minimum_as_stated():
    f, start = lambda x: jnp.sum(jnp.cosh(x - 1.0)), np.array([0.3, 2.0])
    solved, least = np.ones(2), 2.0
    good = st.Problem(f, start, minimizer=solved.astype(np.float32), minimum=least)
    assert certify(good, steps=60).holds
    assert certify(st.Problem(f, start, minimum=least - 1.0), steps=60).holds  # a lower bound
    assert certify(st.Problem(f, start, minimizer=solved + 1e-3), steps=60).holds is False
    higher = (least + float(f(start))) / 2
    assert certify(st.Problem(f, start, minimum=higher), steps=60).holds is False


def test_condition_number_one_takes_one_step():
    c = certify(st.Problem(lambda x: 3.7 * jnp.sum((x - 0.1) ** 2), np.array([1.0, -2.0])), steps=9)
    assert c.holds, str(c)
    assert c.measured[1] <= 1e-14


def test_a_start_at_the_minimiser_and_far_from_the_origin():
    f = lambda x: jnp.sum(jnp.cosh(jnp.array([1.0, 3.0]) * (x - 1e6)))
    for start in (np.full(2, 1e6), 1e6 + np.array([1.0, 2.0])):
        c = certify(st.Problem(f, start), steps=300)
        assert c.holds, str(c)


def test_float32_pytrees_and_whole_constants():
    f = lambda x: jnp.cosh(x["a"]) + jnp.sum(jnp.cosh(x["b"] - 1.0))
    p = st.Problem(f, {"a": 1.0, "b": jnp.zeros(2, jnp.float32)}, strong_convexity=1)
    c = certify(p, steps=100)
    assert c.holds, str(c)
    assert set(c.trajectory.final) == {"a", "b"}
    assert c.measured.dtype == np.float64
    with pytest.raises(ArgumentError, match="steps"):
        certify(p, steps=0)


def test_many_variables_use_products_with_the_hessian():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 260))
    f = lambda w: jnp.mean(jax.nn.softplus(X @ w)) + 0.05 * jnp.sum(w**2)
    c = certify(st.Problem(f, rng.standard_normal(260), strong_convexity=0.1), steps=20)
    assert c.holds, str(c)


def test_a_first_beta_that_is_too_small_by_far_leaves_no_trace():
    """It throws the run to where the cubic falls without end; what is seen there is no β of it."""
    f = lambda x: 0.5 * (x - 2.03) ** 2 + 0.3 * (x**3 / 3 + x**2)
    c = st.certify("D5", st.Problem(f, -1.83))
    assert c.holds, str(c)
    assert c.constants["smoothness"] < 100


def huber(x):
    return jnp.sum(jnp.where(jnp.abs(x) <= 1, 0.5 * x**2, jnp.abs(x) - 0.5))


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(
    ("ridge", "smoothness", "strong_convexity", "right"),
    [
        (0.1, 1.1, 0.1, (True, True)),  # 0.1 in single precision is more
        (0.01, 1.01, 0.01, (True, True)),  # and this is less
        (1 / 3, 1.333333, 1 / 3, (True, True)),
        (1 / 3, 4 / 3, 0.3333334, (True, True)),
        (1 / 3, 1.33333, 1 / 3, (False, False)),
        (1 / 3, 4 / 3, 0.3334, (True, False)),
    ],
)
@pytest.mark.parametrize("start", [[3.0, -0.5], [3.0]])
def test_constants_that_are_true_to_six_digits(
    ridge, smoothness, strong_convexity, right, start, double
):
    with jax.enable_x64(double):
        p = st.Problem(
            lambda x: huber(x) + ridge / 2 * jnp.sum(x**2),
            jnp.array(start),
            smoothness=smoothness,
            strong_convexity=strong_convexity,
        )
        assert (st.theorems.descent_lemma(p).holds, certify(p).holds) == right
        assert st.theorems.stationary_point(p).holds is right[0]
