"""Where the loss comes to 0 gradients are errors of the steps, and so are the multipliers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st


def convolutional(seed):
    """(loss, parameters): one convolution to two channels, relu, max-pooling and a readout."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(3, 6, 6, 1)), rng.normal(size=3)
    start = {
        "k": 0.5 * rng.normal(size=(3, 3, 1, 2)),
        "b": 0.1 * rng.normal(size=2),
        "w": 0.5 * rng.normal(size=8),
    }

    def loss(p):
        orders = ("NHWC", "HWIO", "NHWC")
        h = jax.lax.conv_general_dilated(
            jnp.asarray(X, p["k"].dtype), p["k"], (1, 1), "VALID", dimension_numbers=orders
        )
        h = jax.nn.relu(h + p["b"])
        pool = (1, 2, 2, 1)
        h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, pool, pool, "VALID")
        return jnp.mean((h.reshape(len(X), -1) @ p["w"] - Y) ** 2)

    return loss, start


def balances(p):
    """Of each channel: what comes in less what goes out."""
    incoming = np.sum(np.square(p["k"]), (0, 1, 2)) + np.square(p["b"])
    return incoming - np.sum(np.square(p["w"]).reshape(-1, 2), 0)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_convolutional_network_comes_to_rest(seed):
    """Kinks are held there by quotients of errors; no continuation was found before."""
    f, start = convolutional(seed)
    run = st.gradient_inclusion(f, start, 5.0, 1e-6, 1e-6)
    assert run.values[-1] < 1e-9
    np.testing.assert_allclose(balances(run.final), balances(start), atol=1e-5)
    assert run.ts[-1] == 5.0


def test_a_faint_kink_that_is_held_to_the_end():
    """3 · 10⁻⁸ |y| pushes back from 0 a little more than −2 · 10⁻⁸ y pulls; no more can be told."""
    f = lambda x: 0.5 * x[0] ** 2 + 3e-8 * jnp.abs(x[1]) - 2e-8 * x[1]
    run = st.gradient_inclusion(f, np.array([1.0, 1e-9]), 3.0, 1e-6, 1e-6)
    np.testing.assert_allclose(run.final, [np.exp(-3), 0], atol=1e-5)


def test_a_gradient_flow_that_rests_at_a_kink_says_so():
    """However slow it is: only where nothing is found to go on in does a state stay."""
    with pytest.raises(st.SolverError, match=r"meets a kink at t = 0\.1"):
        st.gradient_flow(lambda x: 1e-9 * jnp.abs(x), 1e-10, 1.0)


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_what_is_not_faint_is_let_go(scale):
    """0.1|y| holds y at 0 until 0.04x is more, at x = t = 2.5, however small the two are."""
    f = lambda x: -x[0] + scale * (0.1 * jnp.abs(x[1]) - 0.04 * x[0] * x[1])
    run = st.gradient_inclusion(f, np.array([0.0, 0.0]), 4.0)
    assert [event.kind for event in run.events] == ["slide", "release"]
    assert run.events[1].time == pytest.approx(2.5, abs=1e-6)
