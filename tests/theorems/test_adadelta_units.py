import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.theorems.adadelta_units import _STATEMENT, in_units, is_exact
from steepest.theorems.certificate import Evidence
from steepest.theorems.rescaled_run import each_coordinate, rescaled_run, steps_scale
from unchecked import unchecked

BENT = lambda x: jnp.sum(jnp.array([1.0, 9.0, 0.3]) * x**2) + 0.1 * jnp.exp(x[0] * x[1])


@few(2)
@given(SEEDS, st_.sampled_from([0, 0.5, 0.9, 0.99]), st_.floats(-12, 0))
def test_any_factors_on_random_quadratics(seed, rho, log_eps):
    p, _, _ = quadratic(seed)
    scale = 10.0 ** np.random.default_rng(seed).uniform(-4, 4, 4)
    c = st.theorems.adadelta_units(p, 100, scale, rho, 10**log_eps)
    assert c.holds, str(c)
    assert len(c.parts) == 1


@few(1)
@given(SEEDS, st_.integers(-60, 60))
def test_by_powers_of_two_the_runs_are_equal_bit_for_bit(seed, exponent):
    rng = np.random.default_rng(seed)
    p = st.Problem(BENT, rng.standard_normal(3))
    scale = 2.0 ** (exponent + rng.integers(-9, 9, 3))
    c = st.theorems.adadelta_units(p, 150, scale)
    assert c.holds, str(c)
    assert len(c.parts) == 2
    assert all(np.all(part.measured == 0) for part in c.parts)


def test_the_run_in_the_units_of_x_is_the_methods_own():
    p = st.Problem(BENT, np.ones(3))
    c = st.theorems.adadelta_units(p, 60, 4)
    own = p.program.in_double(
        lambda f, x: st.descend(f, x, st.methods.adadelta(0.9, 1e-8), 60).final
    )(p.program.start)
    np.testing.assert_allclose(c.trajectory.final, own[0], rtol=1e-12)


@few(1)
@given(SEEDS)
def test_one_epsilon_is_violated_and_fails(seed):
    p, _, _ = quadratic(seed)
    c = st.theorems.adadelta_units(p, 200, 1000, one_eps=True)
    assert c.holds is False
    assert c.slack > 1e6
    assert [h.evidence for h in c.hypotheses] == [Evidence.VIOLATED]
    # The first step is √(ε/(0.1 g² + ε)) g in either units, so that it is 1000 times too short.
    assert c.parts[0].measured[0] == pytest.approx(np.sqrt(1e-7) * 999, rel=1e-2)


def test_in_the_same_units_one_epsilon_is_enough():
    assert st.theorems.adadelta_units(st.Problem(BENT, np.ones(3)), 30, 1.0, one_eps=True).holds


@pytest.mark.parametrize("powers", [(1, -2), (2, -1)])
def test_epsilons_of_other_units_fail(powers):
    """Only c² in the numerator and c⁻² in the denominator will do."""
    above, below = powers
    wrong = each_coordinate(
        lambda c: st.methods.adadelta(0.9, eps_step=1e-6 * c**above, eps_gradient=1e-3 * c**below)
    )
    run = rescaled_run(st.Problem(BENT, np.ones(3)), wrong, 50, np.full(3, 8.0))
    assert steps_scale(_STATEMENT, run).holds is False


def test_gradient_descent_divides_its_step():
    plain = lambda c: st.methods.gradient_descent(0.1)
    run = rescaled_run(st.Problem(BENT, np.ones(3)), plain, 20, np.full(3, 4.0))
    np.testing.assert_allclose(run.steps, run.factors * run.in_old_units / 16)


def test_one_factor_a_coordinate_is_what_each_coordinate_gets():
    method = in_units(0.9, 1e-6)(np.array([2.0, 3.0]))
    state = method.init(jnp.ones(2))
    moved, _ = method.update(jnp.array([1.0, 1.0]), state)
    for c, step in zip((2.0, 3.0), moved, strict=True):
        own = st.methods.adadelta(0.9, eps_step=1e-6 * c**2, eps_gradient=1e-6 / c**2)
        assert step == pytest.approx(float(own.update(1.0, own.init(1.0))[0]), rel=1e-6)


def test_powers_of_two_are_told():
    assert is_exact(np.array([1.0, 0.25, 1024.0]))
    assert not is_exact(np.array([1.0, 3.0]))
    assert not is_exact(np.array([2.0**500]))


def test_kinks_pytrees_float32_and_overflow():
    f = lambda x: jnp.sum(jnp.abs(x["a"])) + x["b"] ** 2
    x0 = {"a": jnp.ones(2, jnp.float32), "b": jnp.float32(2.0)}
    c = st.certify("D10", st.Problem(f, x0), 40, {"a": 8, "b": np.float32(0.5)})
    assert c.holds, str(c)
    assert set(c.trajectory.final) == {"a", "b"}
    c = st.theorems.adadelta_units(st.Problem(lambda x: -jnp.exp(x**3), 4.0), 200, 2.0, 0.0, 100.0)
    assert c.holds is not False


@pytest.mark.parametrize("eps", [1e10, 1e300])
def test_runs_that_leave_the_range_are_compared_as_far_as_they_stay(eps):
    """One coordinate grows to 1e140 and more, the other falls below what float64 keeps."""
    p = st.Problem(lambda x: 0.5 * jnp.sum(jnp.array([1.0, 9.0]) * x**2), np.ones(2))
    assert st.theorems.adadelta_units(p, eps=eps).holds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", 0.0),
        ("scale", -1.0),
        ("scale", np.ones(2)),
        ("scale", None),
        ("scale", 1e200),
        ("rho", 1.0),
        ("eps", 0.0),
        ("steps", 0),
    ],
)
def test_misuse_names_the_argument(name, value):
    p = st.Problem(BENT, np.ones(3))
    with pytest.raises(st.ArgumentError, match=name):
        unchecked(st.theorems.adadelta_units)(p, **{name: value})
