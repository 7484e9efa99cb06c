import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence
from unchecked import unchecked


def evidence(c, name):
    return next(h.evidence for h in c.hypotheses if h.name.startswith(name))


@given(SEEDS, st_.floats(0, 5), st_.floats(-3, 3))
@few(2)
def test_one_step_solves_a_quadratic(seed, log_condition, log_scale):
    p, _, center = quadratic(seed, condition=10**log_condition, scale=10**log_scale)
    c = st.theorems.newton_convergence(p, steps=2)
    assert c.holds, str(c)
    squared = c.parts[0]
    assert not np.any(squared.bound)
    assert np.all(squared.measured <= 1e-13 * 10**log_condition * (1 + np.linalg.norm(center)))
    assert evidence(c, "∇²f ⪰ μ") is evidence(c, "∇²f is M-Lipschitz") is Evidence.PROVED


@given(SEEDS)
@few(1)
def test_random_smooth_functions_hold(seed):
    rng = np.random.default_rng(seed)
    B, b = rng.standard_normal((6, 3)), rng.standard_normal(3)
    f = lambda x: jnp.sum(jnp.sqrt(1 + (B @ x) ** 2)) + 0.5 * x @ x - b @ x
    c = st.theorems.newton_convergence(st.Problem(f, 0.3 * rng.standard_normal(3)))
    assert c.holds or evidence(c, "x* is") is Evidence.UNKNOWN, str(c)
    assert c.holds is not False


def test_the_constant_is_attained_by_a_cubic():
    """f‴ is constant and the error after a step M/(2f″(x)) e², which tends to the bound."""
    p = st.Problem(lambda x: 0.5 * x**2 + 0.1 * x**3, 0.5)
    c = st.theorems.newton_convergence(p)
    assert c.holds
    assert c.slack == pytest.approx(1.0, abs=1e-5)
    squared = c.parts[0]
    assert squared.with_bound(0.99 * squared.bound).holds is False
    assert any("order of convergence 2.0" in note for note in c.notes)


def test_against_newtons_method_by_hand():
    c = st.theorems.newton_convergence(st.Problem(lambda x: jnp.exp(x) - 2 * x, 1.5), steps=4)
    x, star = 1.5, np.log(2.0)
    for distance in c.parts[0].measured[:3]:
        x = x - (np.exp(x) - 2) / np.exp(x)
        assert distance == pytest.approx(abs(x - star), rel=1e-6)


def test_what_the_user_states_is_given_or_refuted():
    f = lambda x: jnp.sum(jnp.cosh(x) - x)
    good = st.theorems.newton_convergence(
        st.Problem(f, jnp.ones(2), strong_convexity=1.0, hessian_lipschitz=1.2)
    )
    assert good.holds
    assert evidence(good, "∇²f ⪰ μ") is evidence(good, "∇²f is M") is Evidence.GIVEN
    wrong = st.Problem(f, jnp.ones(2), hessian_lipschitz=0.5, strong_convexity=1.5)
    c = st.theorems.newton_convergence(wrong, steps=3)
    assert c.holds is False
    assert evidence(c, "∇²f ⪰ μ") is evidence(c, "∇²f is M") is Evidence.VIOLATED
    assert all("x = (" in h.detail for h in c.violated)
    p, _, _ = quadratic(0)  # λ from 1 to 30
    too_much = st.Problem(p.f, p.x0, strong_convexity=2.0)
    assert st.theorems.newton_convergence(too_much).holds is False


def test_a_minimizer_given_is_checked():
    f = lambda x: jnp.sum(jnp.cosh(x - 0.5))
    good = st.Problem(f, jnp.ones(2), minimizer=np.full(2, 0.5, np.float32))
    assert st.theorems.newton_convergence(good).holds
    bad = st.Problem(f, jnp.ones(2), minimizer=np.full(2, 0.51))
    assert st.theorems.newton_convergence(bad).holds is False


@pytest.mark.parametrize(
    ("f", "x0"),
    [
        (jnp.cos, 0.1),  # concave there
        (lambda x: x[0] ** 2 - x[1] ** 2 + x[0] ** 3, np.array([1.0, 2.0])),
        (lambda x: 1.0 * x, 1.0),
    ],
)
def test_a_hessian_that_is_not_positive_definite_violates_with_the_point(f, x0):
    c = st.theorems.newton_convergence(st.Problem(f, x0))
    assert c.holds is False
    assert "not positive definite" in c.violated[0].detail
    assert "x = (" in c.violated[0].detail


def test_a_run_that_diverges_is_no_crash():
    f = lambda x: jnp.sqrt(1 + x**2)
    assert not st.theorems.newton_convergence(st.Problem(f, 2.0)).holds
    assert st.theorems.newton_convergence(st.Problem(f, 2.0, minimizer=0.0)).holds is False
    assert st.theorems.newton_convergence(st.Problem(f, 0.5)).holds


def test_a_singular_minimum_is_not_claimed():
    assert st.theorems.newton_convergence(st.Problem(lambda x: x**4, 1.0)).holds is None
    given_it = st.Problem(lambda x: x**4, 1.0, minimizer=0.0)
    assert st.theorems.newton_convergence(given_it).holds is False


def test_a_tied_choice_at_the_start_is_stepped_beside():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 3)), np.sign(rng.standard_normal(12))
    f = lambda w: jnp.mean(jnp.logaddexp(0.0, -y * (X @ w))) + 0.05 * w @ w
    c = st.theorems.newton_convergence(st.Problem(f, np.zeros(3)))
    assert c.holds, str(c)
    assert any("tied at x0" in note for note in c.notes)


def test_other_coordinates_make_the_same_points_and_a_wrong_step_does_not():
    c = st.theorems.newton_convergence(st.Problem(lambda x: jnp.sum(jnp.cosh(x) + x), jnp.ones(3)))
    invariant = c.parts[1]
    assert invariant.holds
    assert np.max(invariant.allowance) < 1e-10
    # Gradient descent's step misses by about its own length: far from passing.
    assert any("gradient descent is not affinely invariant" in note for note in c.notes)
    assert float(c.notes[-1].split(" by ")[1].split(" ")[0]) > 0.1


def test_a_damped_step_is_seen_in_both_parts(monkeypatch):
    from steepest.theorems import newton_run

    damped = lambda: st.methods.newton(damping=0.3)
    monkeypatch.setattr(newton_run, "newton", damped)
    p = st.Problem(
        lambda x: jnp.sum(jnp.cosh(x) + 0.5 * x), jnp.ones(2), minimizer=jnp.full(2, -0.48121184)
    )
    c = st.theorems.newton_convergence(p)
    assert [part.holds for part in c.parts] == [False, False]


def test_pytrees_float32_and_bad_steps():
    f = lambda x: jnp.sum(jnp.cosh(x["a"]) - x["a"]) + jnp.exp(x["b"]) - 2 * x["b"]
    p = st.Problem(f, {"a": jnp.ones(2), "b": np.float32(2.0)})
    with jax.enable_x64(True):
        assert st.certify("D7", p, steps=3).holds
    for steps in (0, 1.5, True):
        with pytest.raises(ArgumentError, match="steps"):
            unchecked(st.theorems.newton_convergence)(p, steps=steps)


JUMPS = {
    "at the minimizer": (lambda x: jnp.where(x > 0, x**2, 2 * x**2), 1.0),
    "on the way": (lambda x: jnp.maximum(x - 0.5, 0) ** 2 + x**2, 1.0),
    "from a side": (lambda x: jnp.maximum(x, 0) ** 2 + x**2, -1.0),
}


@pytest.mark.parametrize("stated", [{}, {"strong_convexity": 2.0, "hessian_lipschitz": 10.0}])
@pytest.mark.parametrize("name", JUMPS)
def test_a_hessian_that_jumps_has_no_lipschitz_constant(name, stated):
    f, x0 = JUMPS[name]
    certificate = st.certify("D7", st.Problem(f, x0, **stated), steps=6)
    assert certificate.holds is False
    assert any("∇²f jumps" in h.detail for h in certificate.hypotheses)


def test_choices_with_a_continuous_hessian_are_no_jumps():
    A, y = jnp.array([[1.0, 2.0], [-1.0, 1.0], [2.0, -0.5]]), jnp.array([1.0, -1.0, 1.0])
    logistic = lambda w: jnp.sum(jnp.logaddexp(0, -y * (A @ w))) + 0.5 * jnp.sum(w**2)
    cubes = lambda w: jnp.sum(jnp.abs(w) ** 3 + w**2)
    for f in (logistic, cubes):
        assert st.certify("D7", st.Problem(f, jnp.array([1.0, -0.5])), steps=8).holds


def test_a_minimum_where_f_is_not_defined():
    c = st.certify("D7", st.Problem(lambda x: x**2 + 0 * jnp.log(x - 0.2), 1.0))
    assert c.holds is None
    assert "f is nan at x = (" in str(c)


def test_the_convexity_that_is_measured_is_that_at_the_minimiser_too():
    """Ten steps do not come near it, where the Hessian is 1e8 times less."""
    f = lambda x: jnp.sum(jnp.cosh(30 * x))
    c = st.theorems.newton_convergence(st.Problem(f, np.ones(2)))
    (mu,) = (h.value for h in c.hypotheses if h.name.startswith("∇²f ⪰ μ"))
    assert mu == pytest.approx(900)
    assert c.holds


HILBERT = 1 / (1 + np.add.outer(np.arange(12.0), np.arange(12.0)))


@pytest.mark.parametrize(
    ("f", "d"),
    [
        (lambda x: jnp.dot(jnp.array([1.0, 1 / 3, 0.7]), x) ** 2 + (x[0] - x[2]) ** 2, 3),
        (lambda x: x[0] ** 2 + 1e-17 * x[1] ** 2, 2),
        (lambda x: x[0] ** 2 + 1e-15 * x[1] ** 2, 2),
        (lambda x: x @ HILBERT @ x, 12),
    ],
)
def test_a_hessian_that_is_singular_but_for_rounding_is_not_said_to_be_positive(f, d):
    c = st.theorems.newton_convergence(st.Problem(f, np.arange(1.0, d + 1)))
    assert c.holds is not True
    assert not len(c.measured)
