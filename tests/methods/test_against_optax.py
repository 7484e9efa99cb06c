"""Every method against Optax's where the definitions agree: 1e-9 in float64, 1e-5 in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st

from .numpy_methods import START, rmsprop
from .runs import expected, fed, gradients, value

M = st.methods
CASES = {
    "gradient_descent": (M.gradient_descent(3e-4), optax.sgd(3e-4)),
    "heavy_ball": (M.heavy_ball(3e-4, 0.8), optax.sgd(3e-4, momentum=0.8)),
    "adadelta": (M.adadelta(0.95, 1e-5), optax.adadelta(1.0, rho=0.95, eps=1e-5)),
    "adam": (M.adam(1e-2), optax.adam(1e-2)),
    "adam, root": (M.adam(1e-2, eps_in_sqrt=True), optax.adam(1e-2, eps=0.0, eps_root=1e-8)),
    "adagrad": (
        M.adagrad(1e-2, eps=0.0, initial_accumulator_value=0.1),
        optax.adagrad(1e-2, eps=0.0),
    ),
    "rmsprop": (M.rmsprop(1e-3), optax.rmsprop(1e-3)),
    "rmsprop, outside": (
        M.rmsprop(1e-3, eps_in_sqrt=False),
        optax.rmsprop(1e-3, eps_in_sqrt=False),
    ),
}


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("name", CASES)
def test_they_move_alike_on_the_same_gradients(name, dtype, close):
    ours, theirs = CASES[name]
    given = gradients(expected(rmsprop, 1e-2))
    with jax.enable_x64(True):
        a, b = fed(ours, given, dtype), fed(theirs, given, dtype)
    np.testing.assert_allclose(a, b, rtol=close, atol=close)


def test_optax_nesterov_follows_our_lookahead_points():
    eta, beta = 3e-4, 0.8
    with jax.enable_x64(True):
        x = jax.tree.map(jnp.asarray, START)
        y, ours, theirs = x, M.nesterov(eta, beta), optax.sgd(eta, beta, nesterov=True)

        @jax.jit
        def step(x, s, y, r):
            u, s = ours.update(jax.grad(value)(x), s, x, value_fn=value)
            w, r = theirs.update(jax.grad(value)(y), r, y)
            return optax.apply_updates(x, u), s, optax.apply_updates(y, w), r

        s, r = ours.init(x), theirs.init(y)
        for _ in range(50):
            x, s, y, r = step(x, s, y, r)
            lookahead = jax.tree.map(lambda x, v: x + eta * beta * v, x, s.velocity)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11), lookahead, y)


def test_the_lectures_adam_starts_longer_by_the_factor_of_the_corrections():
    x, g = jnp.ones(3), jnp.array([1.0, -2.0, 3.0])
    first = lambda method: method.update(g, method.init(x), x)[0]
    corrected = first(M.adam(0.1, eps=0.0))
    lecture = first(M.adam(0.1, eps=0.0, bias_correction=False, eps_in_sqrt=True))
    np.testing.assert_allclose(lecture / corrected, np.sqrt(0.1**2 / 0.001), rtol=1e-4)


def test_the_defaults_of_adagrad_are_not_optaxs():
    """What the table of the docstring says: another start, and ε inside the root."""
    g, x = jnp.array([1e-4]), jnp.zeros(1)
    first = lambda method: float(method.update(g, method.init(x), x)[0][0])
    np.testing.assert_allclose(first(M.adagrad()), -0.01, rtol=1e-3)
    np.testing.assert_allclose(first(optax.adagrad(0.01)), -0.01 * 1e-4 / np.sqrt(0.1), rtol=1e-3)
