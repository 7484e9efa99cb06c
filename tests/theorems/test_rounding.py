"""Programs whose large terms cancel: what they leave is rounding, and no refutation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.theorems.certificate import Evidence

CENTRES = np.array([[1.0, 2.0], [3.0, -5.0], [-4.0, 3.0]])
CANCELLING = {
    "least squares of points about 0": lambda x: jnp.sum((x[None] - CENTRES) ** 2),
    "a pair of points": lambda x: jnp.sum((x - 3) ** 2 + (x + 3) ** 2),
    "a linear term": lambda x: (x[0] + 1) ** 2 - 2 * x[0] + x[1] ** 2,
    "a large linear term": lambda x: (x[0] + 100) ** 2 - 200 * x[0] + 3 * x[1] ** 2,
    "squares": lambda x: jnp.sum((x + 100) ** 2 - (x - 100) ** 2 - 400 * x + x**2),
}
START = np.array([1.0, 1.7])


@pytest.mark.parametrize("theorem", ["D1", "D2", "D3", "D4", "D5", "D7"])
@pytest.mark.parametrize("name", CANCELLING)
def test_the_rounding_of_terms_that_cancel_refutes_nothing(name, theorem):
    c = st.certify(theorem, st.Problem(CANCELLING[name], START), steps=30)
    assert c.holds, str(c)


def test_so_do_terms_that_cancel_where_choices_tie():
    """Twice log(2 cosh(x/2)): both terms of its derivative are of size 1 at 0."""
    f = lambda x: jnp.sum(jax.nn.softplus(x) + jax.nn.softplus(-x))
    c = st.certify("D7", st.Problem(f, np.array([0.3, -0.4, 0.5])), steps=8)
    assert c.holds, str(c)
    assert np.max(c.parts[0].allowance) < 1e-12


@pytest.mark.parametrize("scale", [100.0, 1000.0])
@pytest.mark.parametrize("theorem", ["D1", "D5"])
def test_the_rounding_of_f_is_that_of_its_terms(theorem, scale):
    """At some of these starts the four points of a third difference all round alike."""
    shifted = lambda x: (x + scale) ** 2 - (x - scale) ** 2 - 4 * scale * x + 7 * x**2
    for x0 in (0.1, 1.0, 3.0):
        c = st.certify(theorem, st.Problem(lambda x: jnp.sum(shifted(x)), np.full(2, x0)), steps=15)
        assert c.holds, str(c)


@pytest.mark.parametrize("theorem", ["D3", "D4", "D7"])
@pytest.mark.parametrize("name", CANCELLING)
def test_what_is_off_by_more_than_that_is_told(name, theorem):
    """The distances that were measured, but for a hundred millionth of the first."""
    c = st.certify(theorem, st.Problem(CANCELLING[name], START), steps=3)
    c = c.parts[0] if c.parts else c
    wrong = c.with_bound(c.measured - 1e-8 * np.linalg.norm(START))
    assert wrong.holds is False, str(wrong)
    assert {h.evidence for h in c.hypotheses} <= {Evidence.PROVED, Evidence.MEASURED}


def test_a_minimiser_that_is_computed_exactly_leaves_no_room():
    """Where no terms cancel the rounding is that of the numbers left, far below that of x0."""
    p = st.Problem(lambda x: jnp.sum(jnp.array([1.0, 9.0]) * x**2), START)
    c = st.certify("D4", p, steps=200)
    assert c.holds
    assert c.allowance[-1] < 1e-40 * c.allowance[0]


def test_the_rounding_of_a_gradient_is_that_of_all_its_terms():
    """It is exactly 0 at 0 as computed, from terms of 100."""
    p = st.Problem(lambda x: jnp.sum((x + 100) ** 2 - 200 * x), START)
    eps = np.finfo(float).eps
    assert np.all(p.gradient([np.zeros(2)]) == 0)
    assert 100 * eps < p.gradient_noise(np.zeros(2)) < 1e5 * eps
    plain = st.Problem(lambda x: jnp.sum(x**2), START)
    assert plain.gradient_noise(np.zeros(2)) == 0


@pytest.mark.parametrize("scale", [1e-250, 1e-200, 1e-160, 1e160, 1e200])
@pytest.mark.parametrize("theorem", ["D1", "D2", "D3", "D4", "D5", "D7"])
def test_scales_whose_squares_leave_the_range(theorem, scale):
    p = st.Problem(lambda x: scale * jnp.sum(x**2), np.array([1.0, 2.0]))
    c = st.certify(theorem, p, steps=5)
    assert c.holds, str(c)
    c = c.parts[0] if c.parts else c
    assert c.with_bound(c.measured - 1e-9 * (c.measured[0] + 1)).holds is False


@pytest.mark.parametrize("size", [1e-160, 1e-170, 1e-200])
@pytest.mark.parametrize("theorem", ["D1", "D2", "D5"])
def test_values_that_are_lost_below_the_range_tell_nothing(theorem, size):
    p = st.Problem(lambda x: jnp.sum(x**2), np.array([1.0, 2.0]) * size)
    assert st.certify(theorem, p, steps=5).holds is None
    larger = st.Problem(lambda x: jnp.sum(x**2), np.array([1e-100, 2e-100]))
    assert st.certify(theorem, larger, steps=5).holds


@pytest.mark.parametrize("scale", [1e-200, 1e160, 1e290])
@pytest.mark.parametrize("theorem", ["D3", "D4"])
def test_cosh_is_no_quadratic_in_any_units(theorem, scale):
    p = st.Problem(lambda x: scale * jnp.sum(jnp.cosh(x)), np.array([1.0, 2.0]))
    c = st.certify(theorem, p, steps=5)
    assert c.holds is False
    assert [h.name for h in c.violated] == ["f is a quadratic"]


def test_a_minimum_is_found_where_squares_of_slopes_leave_the_range():
    p = st.Problem(lambda x: 1e160 * jnp.sum(jnp.cosh(x)), np.array([1.0, 2.0]))
    c = st.certify("D5", p, steps=5)
    assert c.holds, str(c)
