"""Rates, measured: against sequences whose rate is known."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from steepest.errors import ArgumentError

T = np.arange(0, 400)
COUNTS = np.arange(1, 2001)


@given(st_.floats(0.5, 0.999), st_.floats(-6, 6))
def test_a_geometric_sequence(q, log_scale):
    found = st.rate(T, 10**log_scale * q ** T.astype(float))
    assert found.kind == "linear"
    assert found.value == pytest.approx(q, rel=1e-9)
    assert found.interval is not None
    low, high = found.interval
    assert low <= q * (1 + 1e-12)
    assert high >= q * (1 - 1e-12)
    assert high - low <= 1e-9


@given(st_.floats(0.25, 4), st_.floats(-6, 6))
def test_a_power(p, log_scale):
    found = st.rate(COUNTS, 10**log_scale * COUNTS ** (-p))
    assert found.kind == "power"
    assert found.value == pytest.approx(p, rel=1e-9)


def test_iterations_are_read_off_or_extrapolated():
    y = 0.9 ** T.astype(float)
    found = st.rate(T[:60], y[:60])
    exact = lambda eps: int(np.ceil(np.log(eps) / np.log(0.9)))
    for eps in (1.0, 0.5, 1e-2, 1e-6, 1e-12):
        assert found.iterations(eps) == exact(eps)
    assert st.rate(T[:60] * 0.5, y[:60]).iterations(1e-6) == pytest.approx(65.56, abs=0.01)
    power = st.rate(COUNTS, 1.0 / COUNTS**2)
    assert power.iterations(1e-4) == 100
    assert power.iterations(1e-10) == pytest.approx(100_000, rel=1e-6)


def test_the_rounding_floor_is_cut():
    rng = np.random.default_rng(0)
    floor = 1e-15 * (1 + rng.uniform(size=400))
    found = st.rate(T, 0.8 ** T.astype(float) + floor)
    assert found.kind == "linear"
    assert found.value == pytest.approx(0.8, rel=1e-2)
    shifted = st.rate(T, 3.0 + 0.8 ** T.astype(float), minimum=3)
    assert shifted.value == pytest.approx(0.8, rel=1e-2)
    in_float32 = st.rate(T, (3.0 + 0.8 ** T.astype(float)).astype(np.float32), minimum=3.0)
    assert in_float32.value == pytest.approx(0.8, rel=3e-2)
    zeros = np.where(T < 50, 0.8 ** T.astype(float), 0.0)
    assert st.rate(T, zeros).value == pytest.approx(0.8, rel=1e-6)


def test_an_oscillating_run_is_measured_by_its_envelope():
    y = 0.97 ** T.astype(float) * np.abs(np.cos(0.7 * T))
    found = st.rate(T, y)
    assert found.kind == "linear"
    assert found.interval is not None
    low, high = found.interval
    assert low <= 0.97 <= high
    assert high - low <= 0.01


def test_the_methods_of_the_lecture():
    f = lambda x: 0.5 * jnp.sum(jnp.array([1.0, 100.0]) * x**2)
    with jax.enable_x64(True):
        distance = {"distance": jnp.linalg.norm}
        x0 = jnp.ones(2)
        measure = lambda method, steps: st.rate(
            st.descend(f, x0, method, steps, distance), monitor="distance"
        )
        plain = measure(st.methods.gradient_descent(0.01), 900)
        ball = measure(st.methods.heavy_ball(4 / 121, (9 / 11) ** 2), 150)
        newton = st.rate(st.descend(lambda x: jnp.log(jnp.cosh(x)), 0.9, st.methods.newton(), 8))
    assert plain.value == pytest.approx(0.99, abs=1e-4)
    assert ball.value == pytest.approx(9 / 11, abs=0.02)
    assert newton.kind == "superlinear"
    assert newton.value == pytest.approx(3.0, abs=0.1)  # the third derivative vanishes at 0


def test_an_order_and_the_steps_it_takes():
    y = 10.0 ** -(2.0 ** np.arange(5))  # 1e-1, 1e-2, 1e-4, …, 1e-16
    found = st.rate(np.arange(4), y[:4])
    assert found.kind == "superlinear"
    assert found.value == pytest.approx(2.0)
    assert found.iterations(1e-14) == 4
    assert "order 2" in str(found)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.ones(400), "does not fall"),
        (1.05**T, "does not fall"),
        (np.zeros(400), "too few"),
        (0.3 + 0.5**T, "settles at 0.3"),
        (np.where(T < 100, 0.9**T, np.nan), "not finite from time 100"),
        (np.where(T < 100, 0.9**T, np.inf), "not finite"),
        (-(0.9**T), "negative"),
        (np.exp(-np.sqrt(T)), "straight"),
        (np.exp(np.random.default_rng(0).standard_normal(400)), ""),
    ],
)
def test_what_has_no_rate_says_so(y, says):
    found = st.rate(T, y)
    assert found.kind == "unknown"
    assert found.value is found.interval is None
    assert says in found.reason
    assert "unknown" in str(found)
    assert found.iterations(1e-300) is None or np.any(y <= 1e-300 * y[0])


@pytest.mark.parametrize(
    ("t", "y"),
    [
        (np.arange(20), np.array([1 / math.factorial(k) for k in range(20)])),
        (COUNTS[1:], 1 / np.log(COUNTS[1:])),
        (T[1:], 1 / (T[1:] + 100.0)),
        (T, np.exp(-0.01 * T - 1e-4 * T**2.0)),
    ],
    ids=["factorial", "logarithm", "shifted", "gaussian"],
)
def test_a_line_that_bends_is_no_rate(t, y):
    found = st.rate(t, y)
    assert found.kind == "unknown"
    assert "slope goes from" in found.reason


def test_a_line_that_hardly_bends_is_one():
    late = st.rate(COUNTS, 1 / (COUNTS + 20.0))
    assert (late.kind, late.value) == ("power", pytest.approx(1, abs=0.02))
    second = st.rate(T, 0.97**T + 0.5 * 0.9**T)
    assert (second.kind, second.value) == ("linear", pytest.approx(0.97, abs=1e-4))


def test_a_minimum_beyond_the_range_of_the_values_or_as_an_array():
    assert "not finite" in st.rate(T, 1e308 * 0.5**T, minimum=-1e308).reason
    assert st.rate(T, 0.9**T, minimum=jnp.float32(0)).value == pytest.approx(0.9)


def test_a_minimum_that_is_too_high():
    assert "below" in st.rate(T, 1 + 0.9**T, minimum=1.5).reason


def test_bad_arguments_are_named():
    run = st.descend(lambda x: x**2, 1.0, st.methods.gradient_descent(0.1), 5)
    batch = jax.vmap(lambda x: st.descend(lambda y: y**2, x, st.methods.gradient_descent(0.1), 5))(
        jnp.ones(3)
    )
    for call, says in (
        (lambda: st.rate(run, monitor="nothing"), "monitor"),
        (lambda: st.rate(batch), "shape"),
        (lambda: st.rate(T, np.ones(3)), "shape"),
        (lambda: st.rate(T, 0.9j**T), "real"),
        (lambda: st.rate(T[::-1], np.ones(400)), "increasing"),
        (lambda: st.rate(run, minimum=np.nan), "minimum"),
        (lambda: st.rate(run).iterations(0), "eps"),
        (lambda: st.rate(run, np.ones(6)), "values"),
    ):
        with pytest.raises(ArgumentError, match=says):
            call()


@pytest.mark.parametrize("n", range(40, 400, 9))
def test_a_dip_of_an_oscillation_is_no_superlinear_rate(n):
    t = np.arange(1, n)
    for y in (0.95**t * (1 + np.cos(t)), 0.5 ** (t / 8) * np.cos(0.3 * t + 0.3) ** 2):
        assert st.rate(t, y).kind != "superlinear"


@pytest.mark.parametrize("power", [1, 2, 3])
def test_zero_in_finite_time_is_no_order(power):
    t = np.linspace(0, 1, 50)
    assert st.rate(t, (1 - t) ** power, minimum=0.0).kind != "superlinear"


@pytest.mark.parametrize(("L", "eta", "steps"), [(1e3, 1e-4, 400), (1e4, 1e-5, 2000)])
def test_what_still_falls_in_single_precision_is_on_no_floor(L, eta, steps):
    """The stiff part falls by more than single precision at once, and leaves the slow one."""
    f = lambda x: 0.5 * jnp.sum(jnp.array([1.0, L]) * x**2)
    run = st.descend(f, jnp.ones(2), st.methods.gradient_descent(eta), steps)
    assert st.rate(run).value == pytest.approx((1 - eta) ** 2, abs=0.1 * eta)


def test_a_power_in_single_precision():
    t = np.arange(200)
    assert st.rate(t, (1 / (1 + 0.4 * t) ** 2).astype(np.float32)).value == pytest.approx(
        st.rate(t, 1 / (1 + 0.4 * t) ** 2).value, rel=1e-3
    )
