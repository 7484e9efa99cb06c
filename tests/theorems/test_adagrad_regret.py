import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.theorems.certificate import Evidence
from unchecked import unchecked


def evidence(c):
    return [h.evidence for h in c.hypotheses]


@few(3)
@given(SEEDS, st_.floats(-3, 1), st_.floats(-3, 3))
def test_random_quadratics_hold_and_are_proved(seed, log_eta, log_scale):
    p, _, _ = quadratic(seed, scale=10**log_scale)
    c = st.theorems.adagrad_regret(p, steps=60, learning_rate=10**log_eta)
    assert c.holds, str(c)
    assert evidence(c) == [Evidence.PROVED]


@few(2)
@given(SEEDS, st_.sampled_from([0.0, 1e-8, 1.0, 100.0]))
def test_against_an_independent_run_and_any_comparator(seed, eps):
    """Σ over an ill-scaled l1 norm about a center, written down in NumPy; x* is any given point."""
    rng = np.random.default_rng(seed)
    a, center, start = 10.0 ** rng.uniform(-2, 2, 3), *rng.standard_normal((2, 3))
    f = lambda x: jnp.sum(a * jnp.abs(x - center))
    p = st.Problem(f, start, strong_convexity=0.0, minimizer=center)
    c = st.theorems.adagrad_regret(p, 40, 0.3, eps)
    assert c.holds, str(c)
    assert evidence(c) == [Evidence.GIVEN, Evidence.GIVEN]
    x, s, total, far = start.copy(), np.zeros(3), 0.0, 0.0
    for t in range(40):
        g = a * np.sign(x - center)
        s += g**2
        total += np.sum(a * np.abs(x - center))
        far = max(far, np.max(np.abs(x - center)))
        right = (far**2 / 0.6 + 0.3) * np.sum(np.sqrt(s)) + eps / 0.6 * np.sum(
            (start - center) ** 2
        )
        assert c.measured[t] == pytest.approx(total, rel=1e-9)
        assert c.bound[t] == pytest.approx(right, rel=1e-9)
        x -= 0.3 * g / (np.sqrt(s) + eps)


def test_the_constants_are_needed():
    """|x| from √2 η: R₁ is 1/√2 of the bound, and with either half of it alone it fails."""
    eta = 0.1
    p = st.Problem(jnp.abs, np.sqrt(2) * eta, strong_convexity=0.0, minimizer=0.0)
    c = st.theorems.adagrad_regret(p, steps=30, learning_rate=eta, eps=0)
    assert c.holds
    assert c.slack == pytest.approx(np.sqrt(0.5))
    assert c.with_bound(0.7 * c.bound).holds is False
    norms = np.sqrt(c.steps)
    assert c.with_bound(eta * norms).holds is False
    assert c.with_bound(eta / 2 * norms).holds is False


def test_epsilon_has_its_term():
    """With ε far above the gradients the first two terms alone are too small."""
    p = st.Problem(lambda x: 0.5 * x**2, 1.0)
    c = st.theorems.adagrad_regret(p, steps=2000, learning_rate=0.5, eps=1000.0)
    assert c.holds
    without = (c.bound - 1000.0) / 1.0
    assert c.with_bound(without).holds is False


def test_nobody_says_that_it_is_convex():
    f = lambda x: jnp.sum(jnp.exp(x) + jnp.exp(-x))
    c = st.theorems.adagrad_regret(st.Problem(f, np.ones(2)), steps=50, learning_rate=0.1)
    assert c.holds is None
    assert evidence(c) == [Evidence.UNKNOWN]
    assert "L-BFGS-B" in c.notes[0]
    assert c.trajectory.values[-1] >= 4.0


def test_a_false_convexity_is_contradicted_and_named():
    p = st.Problem(lambda x: jnp.sum(jnp.cos(x)), np.ones(3), strong_convexity=0.0)
    c = st.theorems.adagrad_regret(p, steps=100, learning_rate=0.1)
    assert c.holds is False
    assert "x = (" in c.violated[0].detail


def test_a_minimizer_that_the_run_undercuts_is_violated():
    f = lambda x: jnp.sum(jnp.abs(x))
    p = st.Problem(f, np.array([1.0, 2.0]), strong_convexity=0.0, minimizer=np.array([0.5, 0.5]))
    c = st.theorems.adagrad_regret(p, steps=200, learning_rate=0.5)
    assert c.holds is False
    assert "f = 1 there, but" in c.violated[0].detail


def test_a_minimizer_that_a_lower_point_undercuts_is_violated():
    """The run from 1 does not come below 0.5; what is looked for does."""
    f = lambda x: x**4
    for minimizer, holds in ((0.5, False), (0.0, True)):
        p = st.Problem(f, 1.0, strong_convexity=0.0, minimizer=minimizer)
        assert st.theorems.adagrad_regret(p, steps=5).holds is holds


def test_a_function_without_a_minimum():
    c = st.theorems.adagrad_regret(st.Problem(lambda x: jnp.sum(x), np.ones(3)), 50, 1)
    assert c.holds
    assert "lowest point visited" in c.notes[0]


def test_at_a_kink_the_run_is_on_subgradients():
    """relu(x) − relu(−x) is x, whose derivative at 0 automatic differentiation calls 0."""
    relu = lambda x: jnp.maximum(x, 0.0)
    f = lambda x: relu(x) - relu(-x) + 2 * relu(-x - 1.0)
    p = st.Problem(f, 0.0, strong_convexity=0.0, minimizer=-1.0)
    c = st.theorems.adagrad_regret(p, steps=100, learning_rate=0.2)
    assert c.holds
    assert c.trajectory.values[-1] < -0.9


def test_a_norm_from_its_own_zero():
    p = st.Problem(lambda x: jnp.linalg.norm(x), np.zeros(3), strong_convexity=0.0)
    c = st.theorems.adagrad_regret(p, steps=20, learning_rate=0.1)
    assert c.holds


def test_overflow_is_cut_and_said():
    p = st.Problem(lambda x: jnp.exp(x**2), 1.0, strong_convexity=0.0, minimizer=0.0)
    c = st.theorems.adagrad_regret(p, steps=20, learning_rate=1000.0)
    assert c.holds
    assert len(c.steps) == 1
    assert any("not finite at step 1" in note for note in c.notes)


def test_float32_pytrees_and_whole_numbers():
    f = lambda x: 0.5 * jnp.sum(x["a"] ** 2) + jnp.sum(jnp.exp(x["b"]) - x["b"])
    x0 = {"a": jnp.ones(2, jnp.float32), "b": jnp.float32(1.0)}
    c = st.certify("D8", st.Problem(f, x0, strong_convexity=0.0), steps=30, learning_rate=1, eps=0)
    assert c.holds
    assert c.measured.dtype == np.float64
    assert set(c.trajectory.final) == {"a", "b"}


@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": 0.0}, {"learning_rate": np.nan}, {"eps": -1e-8}, {"steps": 0}],
    ids=str,
)
def test_misuse_names_the_argument(wrong):
    p = st.Problem(lambda x: x**2, 1.0)
    with pytest.raises(st.ArgumentError, match=next(iter(wrong))):
        unchecked(st.theorems.adagrad_regret)(p, **wrong)


def test_a_tie_to_rounding_does_not_end_the_run():
    """Some units in the last place beside x₁ = x₂ a sign would be neither tied nor clear."""
    f = lambda x: jnp.abs(x[0] - x[1]) + 0.5 * jnp.abs(x[0] + x[1])
    ties = 0.7 + np.spacing(0.7) * np.arange(-20.0, 21.0)
    for x in ties[12:36:8]:
        p = st.Problem(f, np.array([0.7, x]), strong_convexity=0.0, minimizer=np.zeros(2))
        c = st.theorems.adagrad_regret(p, steps=3, learning_rate=0.1)
        assert len(c.steps) == 3
        assert c.holds
