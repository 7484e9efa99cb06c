import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few
from steepest.theorems.certificate import Evidence
from steepest.theorems.exponential_average import exponential_average
from steepest.theorems.method_run import replay
from unchecked import unchecked


def affine(seed, d=4):
    """⟨a, x⟩ with slopes over twelve decades and one zero."""
    rng = np.random.default_rng(seed)
    a = rng.choice([-1.0, 1.0], d) * 10.0 ** rng.uniform(-6, 6, d)
    a[0] = 0.0
    return st.Problem(lambda x: a @ x, rng.standard_normal(d)), a


@few(3)
@given(SEEDS, st_.floats(-3, 1), st_.sampled_from([0, 0.5, 0.9, 0.999]), st_.floats(-12, 0))
def test_affine_functions_hold_and_are_proved(seed, log_eta, decay, log_eps):
    p, _ = affine(seed)
    c = st.theorems.rmsprop_steps(p, 80, 10**log_eta, decay, 10**log_eps)
    assert c.holds, str(c)
    assert [h.evidence for h in c.hypotheses] == [Evidence.PROVED]
    assert [part.holds for part in c.parts] == [True] * 4


def test_the_steps_by_hand():
    p = st.Problem(lambda x: -3.0 * x, 1.0)
    c = st.theorems.rmsprop_steps(p, 4, 0.5, 0.75, 0)
    (panel,) = c.figure
    rms, ada = panel.curves[:2]
    np.testing.assert_allclose(ada.y, 0.5 / np.sqrt([1, 2, 3, 4]), rtol=1e-14)
    np.testing.assert_allclose(rms.y, 0.5 / np.sqrt(1 - 0.75 ** np.arange(1, 5)), rtol=1e-14)


def test_each_part_can_fail():
    """A bound of half the size, or one below 0 where it is 0, is missed."""
    parts = st.theorems.rmsprop_steps(affine(1)[0], 50).parts
    assert [part.holds for part in parts] == [True] * 4
    wrong = [part.with_bound(0.5 * part.bound - 2 * part.allowance) for part in parts]
    assert [part.holds for part in wrong] == [False] * 4


def test_the_step_is_not_of_other_formulas():
    """η/√(1 − β^{t+1}) (a count off by one) and ε outside the root are told apart."""
    p = st.Problem(lambda x: 0.01 * x, 1.0)
    formulas = st.theorems.rmsprop_steps(p, 30, eps=1e-5).parts[1]
    assert formulas.holds
    g, t = 0.01, formulas.steps
    right = 0.01 / np.sqrt(1 - 0.9**t + 1e-5 / g**2)
    for other in (0.01 / np.sqrt(1 - 0.9 ** (t + 1)), 0.01 * g / (g * np.sqrt(1 - 0.9**t) + 1e-5)):
        assert np.all(np.abs(other - right) > 1e3 * formulas.allowance)


def test_a_gradient_that_changes_is_violated_with_its_step():
    c = st.theorems.rmsprop_steps(st.Problem(lambda x: jnp.sum(x**2), np.ones(2)), 50)
    assert c.holds is False
    assert "step 1 of AdaGrad" in c.violated[0].detail


def test_piecewise_linear_is_measured_until_the_kink():
    p = st.Problem(lambda x: jnp.sum(jnp.abs(x)), np.array([1.0, 2.0]))
    c = st.theorems.rmsprop_steps(p, 20)
    assert c.holds
    assert c.hypotheses[0].evidence is Evidence.MEASURED
    assert st.theorems.rmsprop_steps(p, 20, 1.0).holds is False


def test_nothing_to_compare_without_a_gradient():
    c = st.theorems.rmsprop_steps(st.Problem(lambda x: 0.0 * x, 1.0), 5)
    assert c.holds is None


@few(3)
@given(SEEDS, st_.sampled_from([0.0, 0.5, 0.9, 0.999]))
def test_the_accumulator_is_the_average_of_any_gradients(seed, decay):
    g = np.random.default_rng(seed).standard_normal((60, 3))
    _, state = replay(st.methods.rmsprop(0.1, decay), g, "nu")
    recursion, rows = np.zeros(3), []
    for row in g:
        recursion = decay * recursion + (1 - decay) * row**2
        rows.append(recursion)
    np.testing.assert_allclose(state["nu"], rows, rtol=1e-13)
    np.testing.assert_allclose(exponential_average(g**2, decay), rows, rtol=1e-12)


def test_float32_pytrees_and_overflow():
    f = lambda x: 2.0 * x["a"] - jnp.sum(x["b"])
    x0 = {"a": jnp.float32(1.0), "b": jnp.ones(2, jnp.float32)}
    c = st.certify("D9", st.Problem(f, x0), 10, 1)
    assert c.holds
    assert set(c.trajectory.final) == {"a", "b"}
    c = st.theorems.rmsprop_steps(st.Problem(lambda x: jnp.exp(x**2), 1.0), 10, 1e3)
    assert c.holds is False


@pytest.mark.parametrize(
    "wrong", [{"learning_rate": -1.0}, {"decay": 1.0}, {"eps": np.nan}, {"steps": 1.5}], ids=str
)
def test_misuse_names_the_argument(wrong):
    p = st.Problem(lambda x: 2.0 * x, 1.0)
    with pytest.raises(st.ArgumentError, match=next(iter(wrong))):
        unchecked(st.theorems.rmsprop_steps)(p, **wrong)
