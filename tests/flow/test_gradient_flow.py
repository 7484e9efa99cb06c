"""Gradient flow against closed forms, and what ends it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import steepest as st


def test_a_quadratic_to_the_tolerance_asked():
    a = np.array([1.0, 3.0, 10.0])
    ts = np.linspace(0.0, 2.0, 9)
    for tolerance in (1e-6, 1e-10):
        run = st.gradient_flow(
            lambda x: 0.5 * jnp.sum(a * x**2), np.ones(3), 2.0, tolerance, tolerance, saveat=ts
        )
        np.testing.assert_allclose(run.xs, np.exp(-np.outer(ts, a)), atol=10 * tolerance)
    assert np.array_equal(run.ts, ts)
    assert run.values == pytest.approx(0.5 * np.sum(a * np.array(run.xs) ** 2, axis=1))


def test_a_stiff_quadratic():
    a = np.array([1.0, 1e4])
    run = st.gradient_flow(
        lambda x: 0.5 * jnp.sum(a * x**2), np.ones(2), 1.0, 1e-6, 1e-6, saveat=[1.0], stiff=True
    )
    np.testing.assert_allclose(run.xs[0], np.exp(-a), atol=1e-5)
    assert run.stats["steps"] < 300


def test_pytrees_monitors_and_float32():
    def loss(w):
        return jnp.sum((w["b"] @ jnp.tanh(w["a"] @ jnp.ones(2, jnp.float32)) - 1.0) ** 2)

    w = {"a": jnp.ones((3, 2)), "b": jnp.ones((1, 3))}
    run = st.gradient_flow(loss, w, 0.5, monitors={"balance": st.balance})
    assert run.xs is None
    assert len(run.ts) == len(run.values) == len(run.monitors["balance"].differences)
    assert 64 <= len(run.ts) <= 1000
    assert run.ts[-1] == 0.5
    assert run.values[-1] < run.values[0]
    assert run.final["a"].dtype == np.float64


def test_choices_that_change_nothing_are_passed():
    run = st.gradient_flow(lambda x: jnp.abs(x) ** 3 + 3 * x, 1.0, 1.0, saveat=[1.0])
    assert run.xs[0] < 0
    labels = jnp.array([0, 1])

    def cross_entropy(w):
        logits = jax.nn.log_softmax(jnp.eye(2) @ w)
        return -jnp.mean(logits[jnp.arange(2), labels])

    st.gradient_flow(cross_entropy, jnp.array([[-1.0, 1.0], [1.0, -1.0]]), 3.0)


def test_a_kink_ends_it_with_its_line_and_the_run_so_far():
    with pytest.raises(
        st.SolverError, match=r"t = 1\b.*abs\[0\].*test_gradient_flow.*inclusion"
    ) as e:
        st.gradient_flow(lambda x: jnp.sum(jnp.abs(x)), jnp.array([1.0, 2.0]), 3.0, saveat=[0.5, 2])
    assert np.array(e.value.trajectory.xs).shape == (1, 2)
    with pytest.raises(st.SolverError, match="x0 is on a kink"):
        st.gradient_flow(lambda x: jnp.abs(x), 0.0, 1.0)


def test_two_crossings_in_one_step_are_seen():
    bump = lambda x: jnp.maximum(0.0, 1e-3 - jnp.abs(x - 0.5))
    with pytest.raises(st.SolverError, match="meets a kink"):
        st.gradient_flow(lambda x: x + 50 * bump(x), 1.0, 1.0, rtol=1e-3, atol=1e-3)


def test_blow_up_is_told_with_its_time():
    with pytest.raises(st.SolverError, match=r"t = 0\.(49999|5)"):
        st.gradient_flow(lambda x: -(x**4) / 4, 1.0, 1.0)
    # x = −log(1 − t) is at 31 only when nothing is left of 1 − t.
    with pytest.raises(st.SolverError, match=r"leaves the finite numbers at t = 1, .* x0\['a'\]"):
        st.gradient_flow(lambda x: -jnp.exp(x["a"]) + x["b"], {"a": 0.0, "b": 1.0}, 2.0)


def test_bad_arguments_are_named():
    f = lambda x: x**2
    for wrong, name in (
        ({"t1": -1.0}, "t1"),
        ({"rtol": 0.0}, "rtol"),
        ({"saveat": [2.0]}, "saveat"),
    ):
        with pytest.raises(st.ArgumentError, match=name):
            st.gradient_flow(f, 1.0, **({"t1": 1.0} | wrong))
    with pytest.raises(st.SolverError, match="nan at x0"):
        st.gradient_flow(lambda x: jnp.log(x), -1.0, 1.0)
    with pytest.raises(st.UnsupportedPrimitiveError, match="test_gradient_flow"):
        st.gradient_flow(lambda x: jnp.floor(x) + x, 0.5, 1.0)


@pytest.mark.parametrize("norm", [jnp.linalg.norm, lambda x: jnp.sum(x**2) ** 0.5])
def test_a_norm_that_reaches_zero_is_not_stepped_over(norm):
    with pytest.raises(st.SolverError, match=r"t = (4\.999999|5).*test_gradient_flow"):
        st.gradient_flow(lambda x: norm(x) + 0.0, np.array([3.0, 4.0]), 5.00001)
    run = st.gradient_flow(norm, np.array([3.0, 4.0]), 4.0)
    np.testing.assert_allclose(run.final, [0.6, 0.8], atol=1e-7)


def test_choices_that_change_nothing_together_are_passed():
    """In elu one where guards the other: they change the gradient alone, and not together."""
    slopes = lambda x: np.where(x > 0, 1.0, np.exp(np.minimum(x, 0.0)))
    for start, drift in ((0.5, 1.0), (-0.5, -3.0)):
        f = lambda x, drift=drift: jax.nn.elu(x) + drift * x
        run = st.gradient_flow(f, start, 1.0, dense=True)
        times = np.linspace(0.1, 0.9, 9)
        speeds = (run(times + 1e-4) - run(times - 1e-4)) / 2e-4
        np.testing.assert_allclose(speeds, -slopes(run(times)) - drift, atol=1e-5)
        assert run.final * start < 0


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-8])
def test_a_step_whose_error_alone_leaves_the_domain_is_made_shorter(tolerance):
    """−arcsin x: a stage beyond 1 that the state is not made of left the step without a length."""
    spent = lambda x: 0.5 * (np.arcsin(x) + x * np.sqrt(1 - x * x))
    run = st.gradient_flow(lambda x: -jnp.arcsin(x), 0.5, 0.3068, tolerance, tolerance)
    truth = brentq(lambda x: spent(x) - spent(0.5) - 0.3068, 0.5, 1.0)
    assert float(run.final) == pytest.approx(truth, abs=10 * tolerance)
    with pytest.raises(st.SolverError, match="not defined there"):
        st.gradient_flow(lambda x: -jnp.arcsin(x), 0.5, 3.0, tolerance, tolerance)
