import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.theorems.method_run import replay
from unchecked import unchecked

DECAYS = st_.sampled_from([0, 0.5, 0.9, 0.999])


@few(2)
@given(SEEDS, DECAYS, DECAYS, st_.sampled_from([0.0, 1e-8, 1.0]))
def test_random_quadratics_hold(seed, b1, b2, eps):
    p, _, _ = quadratic(seed)
    c = st.theorems.adam_bias_correction(p, 60, 0.1, b1, b2, eps)
    assert c.holds, str(c)
    assert len(c.parts) == 5


def test_the_first_step_at_the_usual_numbers():
    p = st.Problem(lambda x: 100.0 * x**2, 1.0)
    c = st.theorems.adam_bias_correction(p, steps=3)
    assert c.notes[0] == "the first uncorrected step is 3.16228 times the corrected one"
    quotient = c.figure[0].curves[0].y
    t = np.arange(1, 4)
    np.testing.assert_allclose(quotient, (1 - 0.9**t) / np.sqrt(1 - 0.999**t), rtol=1e-8)
    # The lecture's form, ε in the root, by hand.
    g, eps = 200.0, 1e-8
    lecture = st.methods.adam(1e-3, bias_correction=False, eps_in_sqrt=True)
    first = replay(lecture, np.array([[g]]))[0][0, 0]
    assert first == pytest.approx(-1e-3 * 0.1 * g / np.sqrt(1e-3 * g**2 + eps), rel=1e-12)


def test_each_part_can_fail():
    p, _, _ = quadratic(3)
    parts = st.theorems.adam_bias_correction(p, 40).parts
    assert [part.holds for part in parts] == [True] * 5
    wrong = [part.with_bound(0.999 * part.bound - 2 * part.allowance) for part in parts]
    assert [part.holds for part in wrong] == [False] * 5


def test_the_bound_with_another_power_fails():
    """1 − β₂ᵗ without its root, and the quotient of the first step kept for all steps."""
    p = st.Problem(lambda x: 50.0 * x**2, 1.0)
    c = st.theorems.adam_bias_correction(p, 40).parts[2]
    t = c.steps
    corrected = c.bound / ((1 - 0.9**t) / np.sqrt(1 - 0.999**t))
    assert c.with_bound(0.1 / np.sqrt(1e-3) * corrected).holds is False
    assert c.with_bound((1 - 0.9 ** (t - 1)) / np.sqrt(1 - 0.999**t) * corrected).holds is False


def test_epsilon_makes_the_quotient_smaller():
    """(1 − β₁)(|g| + ε)/(√(1 − β₂)|g| + ε) at the first step."""
    p = st.Problem(lambda x: 3.0 * x, 1.0)
    c = st.theorems.adam_bias_correction(p, 1, eps=2.0)
    expected = 0.1 * (3 + 2) / (np.sqrt(1e-3) * 3 + 2)
    assert c.figure[0].curves[0].y[0] == pytest.approx(expected, rel=1e-12)
    assert c.holds


def test_kinks_pytrees_float32_and_whole_numbers():
    f = lambda x: jnp.sum(jnp.abs(x["a"])) + x["b"] ** 2
    x0 = {"a": jnp.zeros(2, jnp.float32), "b": jnp.float32(2.0)}
    c = st.certify("D11", st.Problem(f, x0), 30, 1, 0, 0, 0)
    assert c.holds, str(c)
    assert set(c.trajectory.final) == {"a", "b"}


def test_gradients_without_squares_and_overflow():
    slopes = np.array([1e-200, 0.0, 1e200])
    p = st.Problem(lambda x: jnp.sum(slopes * x), np.ones(3))
    assert st.theorems.adam_bias_correction(p, 5).holds is None
    c = st.theorems.adam_bias_correction(st.Problem(lambda x: jnp.exp(x**2), 1.0), 20, 1e4)
    assert c.holds
    assert any("not finite" in note for note in c.notes)


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": 0}, {"b1": 1.0}, {"b2": -0.1}, {"eps": np.inf}, {"steps": 0}],
    ids=str,
)
def test_misuse_names_the_argument(wrong):
    p = st.Problem(lambda x: x**2, 1.0)
    with pytest.raises(st.ArgumentError, match=next(iter(wrong))):
        unchecked(st.theorems.adam_bias_correction)(p, **wrong)
