import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, quadratic
from steepest.theorems.certificate import Evidence


def evidence(c):
    return [h.evidence for h in c.hypotheses]


@given(SEEDS, st_.floats(-3, 3), st_.floats(-2, 4))
def test_random_quadratics_hold_and_are_proved(seed, log_scale, log_shift):
    p, A, _ = quadratic(seed, scale=10**log_scale, shift=10**log_shift)
    c = st.theorems.descent_lemma(p, steps=60)
    assert c.holds, str(c)
    assert evidence(c) == [Evidence.PROVED]
    assert c.hypotheses[0].value == pytest.approx(np.linalg.norm(A, 2), rel=1e-10)


@given(SEEDS, st_.floats(0.2, 0.99))
def test_a_smoothness_below_the_truth_is_violated(seed, fraction):
    p, A, _ = quadratic(seed)
    wrong = st.Problem(p.f, p.x0, smoothness=fraction * np.linalg.norm(A, 2))
    c = st.theorems.descent_lemma(wrong, steps=20)
    assert c.holds is False
    assert evidence(c) == [Evidence.VIOLATED]


@given(SEEDS)
def test_a_wrong_constant_in_the_bound_is_seen(seed):
    """The lemma with 1/β in place of 1/(2β) is false, and fails on the steepest mode."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.1, 10, 3)
    p = st.Problem(lambda x: 0.5 * jnp.sum(a * x**2), np.eye(3)[np.argmax(a)])
    c = st.theorems.descent_lemma(p, steps=1)
    assert c.holds
    assert c.slack == pytest.approx(1.0)  # the constant is tight there
    assert c.with_bound(c.bound / 1.001).holds is False


def logistic(seed, n=40, d=4):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, d)), rng.choice([-1.0, 1.0], n)
    beta = np.linalg.norm(X, 2) ** 2 / (4 * n)
    return (lambda w: jnp.mean(jax.nn.softplus(-y * (X @ w)))), rng.standard_normal(d), beta


@given(SEEDS)
def test_logistic_regression_with_its_constant_given_and_measured(seed):
    f, w0, beta = logistic(seed)
    given_ = st.theorems.descent_lemma(st.Problem(f, w0, smoothness=beta), steps=300)
    assert given_.holds, str(given_)
    assert evidence(given_) == [Evidence.GIVEN]
    measured = st.theorems.descent_lemma(st.Problem(f, w0), steps=300)
    assert measured.holds, str(measured)
    assert evidence(measured) == [Evidence.MEASURED]
    # Doubling stops within a factor two of a constant that is enough.
    assert measured.hypotheses[0].value <= 2 * beta


@given(SEEDS)
def test_a_given_constant_that_the_run_refutes_names_the_point(seed):
    f, w0, beta = logistic(seed)
    c = st.theorems.descent_lemma(st.Problem(f, w0, smoothness=beta / 100), steps=50)
    assert c.holds is False
    (hypothesis,) = c.hypotheses
    assert hypothesis.evidence is Evidence.VIOLATED
    assert "x = (" in hypothesis.detail or "x0" in hypothesis.detail


def test_a_curvature_that_grows_along_the_run_is_found_by_doubling():
    c = st.theorems.descent_lemma(st.Problem(lambda x: -jnp.exp(x), 0.0), steps=10)
    assert c.holds
    assert "doubled" in c.hypotheses[0].detail


def test_flat_to_second_order_at_the_start():
    c = st.theorems.descent_lemma(st.Problem(lambda x: jnp.sin(x), 0.0), steps=50)
    assert c.holds, str(c)


@pytest.mark.parametrize(
    "f", [lambda x: 3.0 * x, lambda x: 0.0 * x, lambda x: -(x**2), lambda x: (x - 1e6) ** 2]
)
def test_affine_constant_concave_and_far_away(f):
    c = st.theorems.descent_lemma(st.Problem(f, 1.0), steps=600)
    assert c.holds, str(c)
    assert evidence(c) == [Evidence.PROVED]


def test_a_kink_is_never_called_smooth_where_the_run_crosses_it():
    """|x| with β given: the step over the kink changes ∇f by more than β times its length."""
    c = st.theorems.descent_lemma(
        st.Problem(lambda x: jnp.sum(jnp.abs(x)), np.array([0.35, 0.7]), smoothness=10.0), steps=50
    )
    assert c.holds is False


@pytest.mark.parametrize(
    ("f", "x0"),
    [(jnp.abs, 0.3), (lambda x: jnp.maximum(x**2, (x - 1) ** 2), 0.9), (jnp.linalg.norm, [1.0, 2])],
)
def test_a_kink_that_short_steps_would_miss_is_no_case_of_a_larger_constant(f, x0):
    c = st.theorems.descent_lemma(st.Problem(f, np.array(x0)), steps=30)
    assert c.holds is False
    assert "jumps" in c.violated[0].detail


def test_a_curvature_that_only_looks_like_a_jump_is_found_by_doubling():
    p = st.Problem(lambda x: jnp.sqrt(x**2 + 1e-12), 0.3)
    assert st.theorems.descent_lemma(p, steps=30).holds


def test_float32_problems_run_in_double():
    a = jnp.array([1.0, 100.0])
    p = st.Problem(lambda x: 0.5 * jnp.sum(a * x**2), jnp.ones(2))
    c = st.theorems.descent_lemma(p, steps=3000)
    assert c.holds
    assert c.measured.dtype == np.float64
    assert c.measured[-1] < 1e-20


def test_pytrees_come_back_as_pytrees():
    p = st.Problem(lambda x: x["a"] ** 2 + jnp.sum(x["b"] ** 2), {"a": 1.0, "b": jnp.ones(2)})
    c = st.theorems.descent_lemma(p, steps=5)
    assert set(c.trajectory.final) == {"a", "b"}
    assert c.trajectory.values.shape == (6,)


def test_a_smooth_function_written_with_ties_at_the_start():
    """softplus at 0 is max + log1p(exp(−|·|)): a tie and a kink that cancel."""
    f, _, beta = logistic(1)
    c = st.theorems.descent_lemma(st.Problem(f, np.zeros(4), smoothness=beta), steps=20)
    assert c.holds
    assert c.measured[0] > 1e-4


def test_a_derivative_that_is_not_the_functions_is_found_out():
    """where(x > 0, x, 0) − where(x ≤ 0, −x, 0) is x, but its branches give 0 at 0… or 1 and 0."""
    f = lambda x: (jnp.where(x > 0, x, 0.0) - jnp.where(x < 0, -x, 0.0)) - 0.5 * x**2
    assert jax.grad(f)(0.0) == 0.0
    c = st.theorems.descent_lemma(st.Problem(f, 0.0, smoothness=1.0), steps=5)
    assert c.holds is False
    assert "differentiation" in c.violated[0].name


UNITS = {
    "a quartic": (lambda x: x**4, 0.01, 12e-4),
    "a well": (lambda x: ((x / 1e-3) ** 2 - 1) ** 2, 2e-3, 44e6),
}


@pytest.mark.parametrize("name", UNITS)
def test_the_smallest_constant_in_small_units(name):
    f, x0, beta = UNITS[name]
    assert st.certify("D1", st.Problem(f, x0, smoothness=beta), steps=20).holds
    assert not st.certify("D1", st.Problem(f, x0, smoothness=0.99 * beta), steps=20).holds


def test_gradients_whose_squares_leave_the_range():
    f = lambda x: jnp.sum(jnp.exp(x))
    assert st.certify("D1", st.Problem(f, np.array([400.0, 1.0])), steps=5).holds


@pytest.mark.parametrize("theorem", ["D1", "D2", "D5", "D6"])
def test_a_hessian_that_is_not_finite(theorem):
    p = st.Problem(lambda x: jnp.sum(jnp.sqrt(x)), jnp.zeros(3))
    assert not st.certify(theorem, p).holds
    assert np.isnan(p.curvature(p.program.start).norm)


@pytest.mark.parametrize("theorem", ["D1", "D2"])
@pytest.mark.parametrize(
    "f",
    [lambda x: jnp.where(x > 0.5, x**2, jnp.nan), lambda x: x**2 + 0 * jnp.log(x - 0.2)],
)
def test_a_step_to_where_f_is_not_defined(f, theorem):
    c = st.certify(theorem, st.Problem(f, 1.0))
    assert c.holds is None
    assert "f is nan at x = (" in str(c)
