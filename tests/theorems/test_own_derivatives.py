"""Programs of smooth functions with a kink or a NaN at the minimiser, against smooth twins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.curvature import a_hair_off, sides

C = np.array([1.0, 2.0])
A = np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, 0.75]])  # no rounding in float32
# A program, the same function without kinks, the start.
TWINS = {
    "abs": (lambda x: jnp.sum(jnp.abs(x) ** 2), lambda x: x @ x, [1.0, 0.7]),
    "norm": (
        lambda x: 0.5 * jnp.linalg.norm(x - C) ** 2,
        lambda x: 0.5 * (x - C) @ (x - C),
        [3.0, 0.5],
    ),
    "residual": (
        lambda x: jnp.sum(jnp.abs(A @ x - A @ C) ** 2),
        lambda x: (A @ (x - C)) @ (A @ (x - C)),
        [3.0, 0.5],
    ),
    "complex": (lambda x: jnp.abs(x[0] + 1j * x[1]) ** 2, lambda x: x @ x, [3.0, 0.5]),
    "tied at the start": (lambda x: jnp.sum(jnp.abs(x) ** 2), lambda x: x @ x, [0.0, 0.7]),
}
GIVEN = {"none": {}, "both": {"smoothness": 20.0, "strong_convexity": 0.5}}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize(("theorem", "given"), [("D1", "both"), ("D5", "none"), ("D5", "both")])
def test_a_run_that_lands_on_its_own_kink_is_the_twins_run(theorem, name, given):
    program, twin, x0 = TWINS[name]
    here, there = (
        st.certify(theorem, st.Problem(f, jnp.array(x0), **GIVEN[given]), steps=60)
        for f in (program, twin)
    )
    assert here.holds, str(here)
    assert there.holds
    if given == "both":  # the same constants: the same numbers, where neither is rounding
        n = min(len(here.measured), len(there.measured))
        off = 4 * (here.allowance[:n] + there.allowance[:n]) + 1e-12
        assert np.all(np.abs(here.measured[:n] - there.measured[:n]) <= off)


@pytest.mark.parametrize("name", TWINS)
def test_newton_knows_the_minimiser_of_each(name):
    program, _, x0 = TWINS[name]
    minimizer = np.zeros(2) if name in ("abs", "complex", "tied at the start") else C
    stated = {"minimizer": jnp.array(minimizer)} if name in ("abs", "norm") else {}
    c = st.certify("D7", st.Problem(program, jnp.array(x0), **stated), steps=6)
    assert c.holds, str(c)


@pytest.mark.parametrize("theorem", ["D3", "D4"])
def test_a_tie_at_the_start_is_no_departure_from_a_quadratic(theorem):
    c = st.certify(theorem, st.Problem(TWINS["abs"][0], jnp.array([0.0, 0.7])), steps=20)
    assert c.holds, str(c)
    assert c.constants["strong_convexity"] == pytest.approx(2.0, rel=1e-6)


NONSMOOTH = {
    "l1": lambda x: jnp.sum(jnp.abs(x)),
    "l1 and a quadratic": lambda x: jnp.sum(jnp.abs(x) + x**2),
    "norm and a quadratic": lambda x: jnp.linalg.norm(x) + x @ x,
    "a small kink": lambda x: jnp.sum(1e-3 * jnp.abs(x) + x**2),
}


@pytest.mark.parametrize("name", NONSMOOTH)
def test_what_is_not_smooth_does_not_hold(name):
    p = st.Problem(NONSMOOTH[name], jnp.array([1.0, 0.7]), smoothness=2.0, strong_convexity=2.0)
    assert not st.certify("D5", p).holds
    assert not st.certify("D7", p).holds
    assert not st.certify("D1", p).holds
    assert p.kink([np.zeros(2)]) is not None or name.startswith("norm")


CLOSED_FORMS = {  # at 0: the gradient, and the Hessian where there is one
    "abs squared": (lambda x: jnp.sum(jnp.abs(x) ** 2), [0.0, 0.0], 2 * np.eye(2)),
    "norm squared": (lambda x: jnp.linalg.norm(x) ** 2 + x[0], [1.0, 0.0], 2 * np.eye(2)),
    "norm cubed": (lambda x: jnp.linalg.norm(x) ** 3, [0.0, 0.0], np.zeros((2, 2))),
    "softplus": (lambda x: jnp.sum(jnp.logaddexp(x, 0.0)), [0.5, 0.5], np.eye(2) / 4),
    "abs times sign": (
        lambda x: jnp.sum(jnp.abs(x) * jnp.sign(x) + x**2),
        [1.0, 1.0],
        2 * np.eye(2),
    ),
    "where": (lambda x: jnp.sum(jnp.where(x == 0, 0.0, jnp.sin(x))), [1.0, 1.0], np.zeros((2, 2))),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_derivatives_at_a_tie_are_those_of_the_function(name):
    f, gradient, hessian = CLOSED_FORMS[name]
    own = st.Problem(f, jnp.ones(2)).derivatives
    H, off = own.hessian(np.zeros(2))
    assert own.gradient(np.zeros(2)) == pytest.approx(np.array(gradient), abs=1e-12)
    assert np.allclose(H, hessian, atol=1e-6)
    assert off <= 1e-6
    ends = own.curvature(np.zeros(2))
    assert ends[:2] == pytest.approx((hessian[0, 0], hessian[0, 0]), abs=1e-6)


def test_a_kink_is_seen_beside_it_and_a_tie_of_rounded_data_is_none():
    data = jax.random.normal(jax.random.key(3), (4, 2))
    b = data @ jnp.array(C)  # in float32: consistent to its rounding only
    p = st.Problem(lambda x: jnp.sum(jnp.abs(data @ x - b) ** 2), jnp.ones(2))
    assert p.kink([C]) is None
    assert p.derivatives.jumps(C) is False
    kinked = st.Problem(lambda x: jnp.sum(jnp.abs(data @ x - b)), jnp.ones(2))
    assert kinked.kink([C]) is not None
    for far in (1e-9, 1e-12, 0.0):
        assert st.Problem(lambda x: jnp.sum(jnp.abs(x) + x**2), 1.0).derivatives.jumps(
            np.array([far])
        )


def test_gradients_that_differ_from_automatic_ones_are_told():
    p = st.Problem(CLOSED_FORMS["abs times sign"][0], jnp.ones(2))
    assert "(0, 0), where f has (1, 1)" in str(p.wrong_gradient_at(np.zeros(2)))
    assert p.wrong_gradient_at(np.ones(2)) is None
    q = st.Problem(lambda x: jnp.linalg.norm(x) ** 2, jnp.ones(2))
    assert "NaN" in str(q.gradient_missing_at(np.zeros(2)))
    assert q.gradient_missing_at(np.ones(2)) is None


@pytest.mark.parametrize("d", [1, 2, 5])
def test_no_side_of_a_point_a_hair_off_a_tie_is_that_tie(d):
    x = np.linspace(0.5, 2.0, d)
    beside = a_hair_off(x)
    assert np.min(np.linalg.norm(sides(beside) - x, axis=1)) > 1e-9
    assert np.allclose(sides(x).mean(axis=0), x, rtol=1e-15)


@pytest.mark.parametrize("share", [1 - 5e-7, 1.0, 1 + 5e-7])
def test_a_constant_to_its_digits_is_said_to_stand_for_the_true_one(share):
    f = lambda x: 5 * jnp.sum(x**2)
    (h,) = st.certify("D1", st.Problem(f, jnp.ones(2), smoothness=10 * share)).hypotheses
    assert h.evidence == "proved"
    assert h.value == pytest.approx(max(10.0, 10 * share), rel=1e-12)  # never below max |λ(A)|
    assert ("is taken" in h.detail) == (share < 1)
    p = st.Problem(f, jnp.ones(2), smoothness=10 * share, strong_convexity=10 * share)
    c = st.certify("D3", p)
    stated = {h.name.split(" ")[0]: h for h in c.hypotheses if "as stated" in h.name}
    assert stated["smoothness"].value >= 10 * (1 - 1e-12)
    assert stated["strong_convexity"].value <= 10 * (1 + 1e-12)
    wrong = st.Problem(f, jnp.ones(2), smoothness=10 * (1 - 1e-5))
    assert st.certify("D1", wrong).holds is False
