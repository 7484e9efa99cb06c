import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import j1

import steepest as st
from steepest.errors import ArgumentError, SolverError
from steepest.flow._momentum_equations import equation
from unchecked import unchecked

CURVATURES = np.array([0.5, 1.0, 9.0])
START = np.array([1.0, -2.0, 0.5])
TIMES = np.linspace(0.0, 4.0, 9)


def f(x):
    return 0.5 * jnp.sum(jnp.asarray(CURVATURES) * x**2)


def linear(curvature, start, times, damping, hessian=0.0, force=1.0, push=0.0):
    """x of ẍ + (damping + hessian·λ) ẋ + force·λ x = 0, ẋ(0) = −push·λ x(0), by the exponential."""
    A = np.array([[0.0, 1.0], [-force * curvature, -damping - hessian * curvature]])
    begin = np.array([start, -push * curvature * start])
    return np.array([(expm(t * A) @ begin)[0] for t in times])


def each(**law):
    return np.stack([linear(c, s, TIMES, **law) for c, s in zip(CURVATURES, START, strict=True)], 1)


@pytest.mark.parametrize("method", ["heavy_ball", "nesterov"])
def test_low_order_on_a_quadratic(method):
    run = st.momentum_flow(f, START, 4.0, method=method, damping=0.7, saveat=TIMES)
    np.testing.assert_allclose(run.xs, each(damping=0.7), atol=1e-7)
    np.testing.assert_array_equal(run.ts, TIMES)
    np.testing.assert_allclose(run.values, 0.5 * np.sum(CURVATURES * run.xs**2, axis=1), rtol=1e-12)


@pytest.mark.parametrize("method", ["heavy_ball", "nesterov"])
def test_high_order_on_a_quadratic(method):
    eta, gamma = 0.04, 1.5
    h, m = 0.2, 0.7
    law = {
        "damping": 2 * (1 - m) / ((1 + m) * h),
        "hessian": 2 * m * h / (1 + m) if method == "nesterov" else 0.0,
        "force": 2 / (1 + m),
        "push": m / (1 + m) * h,
    }
    run = st.momentum_flow(f, START, 4.0, method, gamma, order="high", step=eta, saveat=TIMES)
    np.testing.assert_allclose(run.xs, each(**law), atol=1e-7)


def test_vanishing_damping_is_a_bessel_function():
    """x(t) = 2 J₁(√λ t)/(√λ t) x₀ (Su, Boyd, Candès 2014, Section 3.2)."""
    run = st.momentum_flow(f, START, 4.0, method="nesterov", damping="3/t", saveat=TIMES)
    z = np.sqrt(CURVATURES) * TIMES[1:, None]
    np.testing.assert_allclose(run.xs[1:], START * 2 * j1(z) / z, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "order", "expected"),
    [
        ("heavy_ball", "low", 1),
        ("heavy_ball", "high", 2),
        ("nesterov", "high", 2),
    ],
)
def test_the_methods_are_this_near_on_a_function_that_is_no_quadratic(method, order, expected):
    """Halving √η divides the distance by 2 at low order, by 4 at high."""
    g = lambda x: jnp.sum(jnp.cosh(x)) + 0.5 * x[0] * x[1]
    gamma, t1, x0 = 1.0, 2.0, np.array([1.0, -0.4])
    errors = []
    with jax.enable_x64(True):
        for k in (40, 80):
            h = t1 / k
            step = getattr(st.methods, method)(h**2, 1 - gamma * h)
            there = st.descend(g, jnp.asarray(x0), step, k).final
            run = st.momentum_flow(g, x0, t1, method, gamma, order, step=h**2, saveat=[t1])
            errors.append(np.max(np.abs(there - run.final)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(expected, abs=0.15)


def test_monitors_pytrees_and_default_times():
    g = lambda x: jnp.sum(x["a"] ** 2) + x["b"] ** 2
    x0 = {"a": jnp.ones(2), "b": 1.0}
    run = st.momentum_flow(g, x0, 1.0, "heavy_ball", 1.0, monitors={"b": lambda x: x["b"]})
    assert run.xs is None
    assert len(run.ts) == len(run.values) == len(run.monitors["b"]) == 1000
    assert run.monitors["b"][-1] == pytest.approx(run.final["b"])
    assert run.stats["gradients"] > run.stats["steps"] > 0


def test_a_kink_is_refused_by_line_and_a_choice_that_changes_nothing_is_passed():
    with pytest.raises(SolverError, match=r"kink at t = .*abs\[1\] at .*test_momentum_flow"):
        st.momentum_flow(
            lambda x: jnp.sum(jnp.abs(x)), np.array([9.0, 0.3]), 3.0, "heavy_ball", 1.0
        )
    smooth = lambda x: jnp.sum(jnp.abs(x) ** 3)
    run = st.momentum_flow(smooth, np.array([1.0, 0.3]), 5.0, "heavy_ball", 0.5)
    assert np.any(run.final < 0)


def test_the_zero_of_a_norm_and_a_blow_up_are_refused():
    with pytest.raises(SolverError, match="a root, or a norm, is at zero"):
        st.momentum_flow(jnp.linalg.norm, np.array([1.0, 0.3]), 3.0, "heavy_ball", 0.5)
    with pytest.raises(SolverError, match="came to t = "):
        st.momentum_flow(lambda x: -jnp.sum(x**4), np.array([1.0]), 3.0, "heavy_ball", 0.5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"method": "adam"}, "method"),
        ({"order": "middle"}, "order"),
        ({"damping": -1.0}, "damping"),
        ({"damping": "2/t"}, "damping"),
        ({"damping": float("nan")}, "damping"),
        ({"damping": "3/t", "order": "high", "step": 0.01}, "damping"),
        ({"order": "high"}, "step is None"),
        ({"order": "high", "step": 0.0}, "step"),
        ({"order": "high", "step": 4.0}, "momentum"),
        ({"damping": 0.0, "order": "high", "step": 0.01}, "momentum"),
        ({"t1": 0.0}, "t1"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_bad_arguments_are_named(arguments, says):
    good = {"f": f, "x0": START, "t1": 1.0, "method": "heavy_ball", "damping": 1.0}
    with pytest.raises(ArgumentError, match=says):
        unchecked(st.momentum_flow)(**(good | arguments))


def test_vanishing_damping_starts_with_a_quarter_of_the_force():
    law = equation("nesterov", "3/t", "low", None)
    assert float(law.acceleration(0.0, jnp.zeros(()), jnp.ones(()), 0.0)) == -0.25
    assert float(law.acceleration(0.5, jnp.ones(()), jnp.ones(()), 0.0)) == -7.0


def test_a_jump_is_refused():
    with pytest.raises(st.NotLocallyLipschitzError, match=r"jumps by 0.001 .*test_momentum_flow"):
        st.momentum_flow(
            lambda x: jnp.where(x > 0, x, x - 1e-3), 0.5, 5.0, "heavy_ball", damping=0.1
        )


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: jnp.where(x > 0.5, x, jnp.nan), r"f is not finite beyond t = 1.198\d*: gt"),
        (lambda x: x + 0 * jnp.log(x - 0.5), r"f is nan at t = 1.19\d*, though its gradient"),
        (lambda x: x + 1e-3 * jnp.sqrt(x - 0.5), "f is not defined, not smooth or unbounded"),
    ],
)
def test_where_f_ends_is_no_kink(f, says):
    with pytest.raises(st.SolverError, match=says):
        st.momentum_flow(f, 1.0, 2.0, "heavy_ball", damping=1.0, max_steps=3000)


@pytest.mark.parametrize("number", [np.float32, np.float16, jnp.float32])
def test_an_end_of_few_digits_is_computed_in_double(number):
    arguments = {"method": "nesterov", "damping": 1.0}
    run = unchecked(st.momentum_flow)(f, START, number(1), rtol=1e-11, atol=1e-11, **arguments)
    same = st.momentum_flow(f, START, 1.0, rtol=1e-11, atol=1e-11, **arguments)
    np.testing.assert_allclose(run.final, same.final, rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.values, same.values, rtol=0, atol=1e-11)
    assert run.ts.dtype == np.float64


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: jnp.sum(jnp.abs(x)), "starts at a kink, at t = 0: abs at .*test_momentum_flow"),
        (lambda x: jnp.linalg.norm(x), "starts at a kink, at t = 0: norm at .*test_momentum_flow"),
        (lambda x: jnp.abs(x[0] + 0.1) + x[1], "meets a kink at t = 0.4"),
    ],
)
def test_a_start_at_a_kink_is_named_as_such(f, says):
    with pytest.raises(SolverError, match=says):
        st.momentum_flow(f, np.zeros(2), 1.0, "heavy_ball", damping=1.0)
