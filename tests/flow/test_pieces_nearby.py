"""Pieces of a program that f does not have nearby: nothing is to move as they do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as some

import steepest as st

least, most, relu = jnp.minimum, jnp.maximum, jax.nn.relu

# (the program, what it is, where it starts), each along which a candidate ties without an end
SAME = {
    "min(relu(x), x)": (lambda x: least(relu(x[0]), x[0]), lambda x: x[0], [1.0, -1.4]),
    "min(max(x, 0.3), x)": (lambda x: least(most(x[0], 0.3), x[0]), lambda x: x[0], [1.0, 0.0]),
    "absorbed": (lambda x: least(most(x[0], x[1]), x[0]), lambda x: x[0], [1.0, 0.0]),
    "min(|x|, x)": (lambda x: least(jnp.abs(x[0]), x[0]), lambda x: x[0], [1.0, -1.4]),
    "−max(−|x|, x)": (lambda x: -most(-jnp.abs(x[0]), x[0]), lambda x: -x[0], [-1.0, 0.0]),
    "−absorbed": (lambda x: -most(least(x[0], x[1]), x[0]), lambda x: -x[0], [-1.0, 0.0]),
    "two relus": (
        lambda x: least(relu(x[0]), jax.nn.leaky_relu(x[0], 0.2)) + x[1] ** 2,
        lambda x: jax.nn.leaky_relu(x[0], 0.2) + x[1] ** 2,
        [1.0, 1.0],
    ),
    "median": (
        lambda x: jnp.median(jnp.stack([x[0], x[0], x[1]])) + 0.1 * jnp.sum(x**2),
        lambda x: x[0] + 0.1 * jnp.sum(x**2),
        [1.0, 0.0],
    ),
    "from its kink": (
        lambda x: least(jnp.abs(x[1]), 0.0) + 0.5 * jnp.sum((x - jnp.array([0.0, 1.0])) ** 2),
        lambda x: 0.5 * jnp.sum((x - jnp.array([0.0, 1.0])) ** 2),
        [1.0, 0.0],
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_function_written_with_pieces_that_it_does_not_have(name):
    written, plain, x0 = SAME[name]
    runs = [
        st.gradient_inclusion(f, np.array(x0), 2.0, saveat=[0.5, 1.5, 2.0])
        for f in (written, plain)
    ]
    np.testing.assert_allclose(runs[0].xs, runs[1].xs, atol=1e-7)
    assert all(event.unique and event.kind == "cross" for event in runs[0].events)


@given(some.integers(0, 10**6))
def test_random_lattices_descend_as_small_steps_do(seed):
    """f falls by the integral of the squared speed, and as far as by small steps."""
    rng = np.random.default_rng(seed)
    A, c = rng.integers(-2, 3, (4, 2)).astype(float), rng.standard_normal(2)

    def f(x):
        u = A @ x
        inner = most(least(u[0], u[1]), least(most(u[2], u[0]), u[3]))
        return inner + 0.5 * jnp.sum((x - c) ** 2)

    x0 = rng.standard_normal(2)
    run = st.gradient_inclusion(f, x0, 1.0, saveat=np.linspace(0, 1, 21))
    if not all(event.unique for event in run.events):
        return
    value, slope = jax.jit(f), jax.jit(jax.grad(f))
    # Along a solution f falls by the integral of its squared speed (Davis and others 2020).
    speeds = np.linalg.norm(np.diff(run.xs, axis=0), axis=1) * 20
    fallen = float(value(run.xs[0]) - value(run.xs[-1]))
    assert fallen >= np.sum(speeds**2) / 20 - 1e-6
    x, h = x0, 1e-3
    for _ in range(1000):
        x = x - h * np.asarray(slope(x))
    assert float(value(run.final)) <= float(value(x)) + 2e-2


AT_A_VERTEX = {
    "slides there": (
        lambda x: (
            2 * jnp.abs(least(most(x[0] - x[1], -x[1]), x[1] / 2))
            + 0.5 * jnp.sum((x - jnp.array([0.613, -0.541])) ** 2)
        ),
        [-1.2, -0.7],
        [1e-9, 0.0],
    ),
    "crosses there": (
        lambda x: (
            2 * least(most(-x[0], least(x[1] / 2, 2 * x[0])), relu(x[0] - x[1]))
            + 0.5 * jnp.sum((x - jnp.array([1.486, 0.566])) ** 2)
        ),
        [-1.0, -1.2],
        [1e-9, -1e-9],
    ),
}


@pytest.mark.parametrize("name", AT_A_VERTEX)
def test_a_vertex_that_can_be_left_in_two_ways(name):
    f, x0, beside = AT_A_VERTEX[name]
    run = st.gradient_inclusion(f, np.array(x0), 3.0, saveat=[3.0])
    assert run.events[0].unique
    assert not run.events[-1].unique
    other = st.gradient_inclusion(f, np.array(beside), 3.0, saveat=[3.0])
    assert np.linalg.norm(other.final - run.final) > 0.1
