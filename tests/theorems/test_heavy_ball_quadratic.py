import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence
from unchecked import unchecked

certify = st.theorems.heavy_ball_quadratic
CONDITION = "(1 − √m)² ≤ ηλ ≤ (1 + √m)² for every λ"


@few(3)
@given(SEEDS, st_.floats(0, 6), st_.floats(-3, 3))
def test_random_quadratics_hold_with_the_optimal_pair(seed, log_condition, log_scale):
    p, _, _ = quadratic(seed, condition=10**log_condition, scale=10**log_scale)
    c = certify(p, steps=400)
    assert c.holds, str(c)
    assert {h.evidence for h in c.hypotheses} == {Evidence.PROVED}


@few(3)
@given(SEEDS, st_.floats(1, 50), st_.floats(0.02, 1))
def test_constants_that_are_looser_than_the_eigenvalues_hold_too(seed, more, less):
    p, A, _ = quadratic(seed)
    least, *_, largest = np.linalg.eigvalsh(A)
    stated = st.Problem(p.f, p.x0, smoothness=more * largest, strong_convexity=less * least)
    c = certify(stated, steps=300)
    assert c.holds, str(c)


@few(3)
@given(SEEDS, st_.floats(0.05, 0.95), st_.floats(0, 1))
def test_any_pair_whose_modes_all_oscillate_holds(seed, momentum, where):
    """The eigenvalues are laid over the whole of [(1 − √m)²/η, (1 + √m)²/η]."""
    rng = np.random.default_rng(seed)
    root = np.sqrt(momentum)
    low, high = (1 - root) ** 2, (1 + root) ** 2
    a = np.concatenate([[low, high], rng.uniform(low, high, 3)]) * 10 ** (4 * where - 2)
    p = st.Problem(lambda x: 0.5 * jnp.sum(a * x**2), rng.standard_normal(5))
    c = certify(p, steps=300, learning_rate=low / a[0], momentum=momentum)
    assert c.holds, str(c)


def test_the_bound_is_attained_on_the_steepest_mode_and_a_better_one_fails():
    a = np.array([1.0, 25.0])
    c = certify(st.Problem(lambda x: 0.5 * jnp.sum(a * x**2), np.array([0.0, 1.0])), steps=60)
    assert c.holds
    assert c.slack == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(c.measured, c.bound, rtol=1e-9)
    assert c.with_bound(c.bound * (1 - 1e-6)).holds is False
    assert c.with_bound((4 / 9) ** (c.steps / 2)).holds is False  # no transient: it grows first


def test_the_transient_grows_to_what_the_lecture_says():
    """At κ = 100 the distance grows up to 3.7-fold before it falls."""
    a = np.array([1.0, 100.0])
    c = certify(st.Problem(lambda x: 0.5 * jnp.sum(a * x**2), np.array([0.0, 1.0])), steps=60)
    assert np.max(c.measured) == pytest.approx(3.7, abs=0.05)


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": 0.01}, {"learning_rate": 1}, {"momentum": 0}],
)
def test_a_pair_with_a_mode_that_does_not_oscillate_is_violated(wrong):
    p, _, _ = quadratic(0)
    if "learning_rate" in wrong:
        wrong = wrong | {"momentum": 0.4}
    c = certify(p, steps=30, **wrong)
    assert c.holds is False
    assert [h.name for h in c.violated] == [CONDITION]


def test_a_momentum_for_a_given_step_is_found():
    p, _, _ = quadratic(0)  # λ from 1 to 30
    c = certify(p, steps=300, learning_rate=0.05)
    assert c.holds
    assert c.hypotheses[-1].value == pytest.approx((1 - np.sqrt(0.05)) ** 2)
    assert certify(p, steps=30, learning_rate=4.1 / 30).holds is False


@pytest.mark.parametrize(
    ("stated", "violated"),
    [({"smoothness": 20.0}, "smoothness"), ({"strong_convexity": 2.0}, "strong_convexity")],
)
def test_constants_that_the_eigenvalues_refute(stated, violated):
    p, _, _ = quadratic(0)
    c = certify(st.Problem(p.f, p.x0, **stated), steps=30)
    assert c.holds is False
    assert violated in c.violated[0].name


def test_convex_says_nothing_of_mu():
    p, _, _ = quadratic(0)
    c = certify(st.Problem(p.f, p.x0, strong_convexity=0.0), steps=50)
    assert c.holds
    assert c.hypotheses[-1].value == pytest.approx(((30**0.5 - 1) / (30**0.5 + 1)) ** 2)


def test_one_step_to_the_minimiser_when_the_condition_number_is_one():
    p = st.Problem(lambda x: 3.7 * jnp.sum((x - 0.1) ** 2), np.array([1.0, -2.0]))
    c = certify(p, steps=10)
    assert c.holds, str(c)
    assert c.hypotheses[-1].value == 0.0
    assert c.measured[0] <= 1e-15


def test_singular_indefinite_and_no_quadratics_are_refused():
    for f in (
        lambda x: x[0] ** 2,
        lambda x: x[0] ** 2 - x[1] ** 2,
        lambda x: -jnp.sum(x**2),
        lambda x: 3.0 * x[0],
        lambda x: jnp.sum(jnp.cosh(x)),
    ):
        c = certify(st.Problem(f, np.ones(2)), steps=20)
        assert c.holds is False
        assert c.violated


def test_a_quadratic_in_disguise_is_measured():
    p = st.Problem(lambda x: jnp.linalg.norm(jnp.array([1.0, 2.0]) * x - 1.0) ** 2, np.ones(2) * 3)
    c = certify(p, steps=100)
    assert c.holds, str(c)
    assert c.hypotheses[0].evidence is Evidence.MEASURED


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e120])
def test_runs_to_the_rounding_floor_and_below_the_normal_numbers(scale):
    for center in (0.0, 1e6):
        a, b = scale * np.array([1.0, 20.0]), np.full(2, center)
        p = st.Problem(lambda x, a=a, b=b: jnp.sum(a * (x - b) ** 2), np.array([1.0, -3.0]))
        c = certify(p, steps=3000)
        assert c.holds, str(c)


def test_a_residual_that_dwarfs_the_solution_sets_the_rounding_of_the_gradient():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 4)), 1e6 * rng.standard_normal(50)
    c = certify(st.Problem(lambda w: jnp.sum((X @ w - y) ** 2), np.zeros(4)), steps=500)
    assert c.holds, str(c)


def test_float32_and_pytree_starts():
    f = lambda x: x["a"] ** 2 + 10.0 * jnp.sum((x["b"] - 1.0) ** 2)
    c = certify(st.Problem(f, {"a": 1.0, "b": jnp.zeros(2, jnp.float32)}), steps=200)
    assert c.holds
    assert set(c.trajectory.final) == {"a", "b"}
    assert c.measured[-1] < 1e-14


def test_bad_arguments_are_named():
    p, _, _ = quadratic(0)
    for name, value in (("learning_rate", -1.0), ("learning_rate", np.nan), ("momentum", 1)):
        with pytest.raises(ArgumentError, match=name):
            certify(p, **{name: value})
    with pytest.raises(ArgumentError, match="momentum"):
        certify(p, momentum=-0.1)
    with pytest.raises(ArgumentError, match="momentum"):
        unchecked(certify)(p, momentum=np.ones(2))
    with pytest.raises(ArgumentError, match="steps"):
        certify(p, steps=0)
