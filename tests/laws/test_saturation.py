"""Inputs at which a model saturates: its rates are rounding there, or fall to 0, and are no laws.

How many laws there are follows from the model. A softmax's Jacobian J has 1ᵀJ = 0, so that columns
of the matrix before it keep their sums; a network of tanh, whose output weights are generic, keeps
nothing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.homogeneity import with_rounding

rng = np.random.default_rng(11)
X = rng.standard_normal((8, 2))
W = rng.standard_normal((2, 2))


def softmax(z):
    e = jnp.exp(z)
    return e / jnp.sum(e)


def wide(tree):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), tree)


@pytest.mark.parametrize("scale", [6.0, 300.0])
@pytest.mark.parametrize("function", [softmax, jax.nn.softmax], ids=["by hand", "of jax"])
def test_a_softmax_that_saturates(function, scale):
    laws = st.conservation_laws(lambda p, x: function(p @ x), W, scale * X)
    assert laws.count == 2, str(laws)
    assert {str(law) for law in laws.explicit} == {"Σparams[:,0]", "Σparams[:,1]"}


def test_the_sums_stay_along_gradient_descent():
    """The sums are linear, so that steps of any length keep them."""
    model = lambda p, x: softmax(p @ x)
    laws = st.conservation_laws(model, W, 4 * X)
    with jax.enable_x64(True):
        f = st.mean_loss(model, lambda p, y: jnp.sum((p - y) ** 2), wide(X), wide(X[:, ::-1]))
        monitors = {str(law): law for law in laws.explicit}
        run = st.descend(f, wide(W), st.methods.gradient_descent(0.5), 50, monitors=monitors)
    assert np.max(np.abs(np.asarray(run.final) - W)) > 0.1
    assert len(run.monitors) == 2
    for values in run.monitors.values():
        np.testing.assert_allclose(values, values[0], atol=1e-13)


def squared_distances(p, x):
    return jnp.sum((p - x) ** 2, 1)


# (model, params): of each, no number is conserved
WITHOUT = {
    "tanh": (lambda p, x: p[1] @ jnp.tanh(p[0] @ x), [W, W[:1]]),
    "sigmoid": (lambda p, x: jax.nn.sigmoid(p @ x), W[:1]),
    "kernels": (lambda p, x: p[1] @ jnp.exp(-squared_distances(p[0], x)), [W, W[0]]),
    "a product of probabilities": (lambda p, x: jnp.prod(jax.nn.sigmoid(p * x)), W[0]),
    "log sum exp": (lambda p, x: jax.nn.logsumexp(p @ x), W),
}


@pytest.mark.parametrize("scale", [3000.0, 1e8])
@pytest.mark.parametrize("name", WITHOUT)
def test_what_saturates_is_not_conserved(name, scale):
    model, params = WITHOUT[name]
    laws = st.conservation_laws(model, params, scale * np.abs(X))
    assert not laws.explicit, str(laws)
    assert laws.count == 0, str(laws)


def test_weights_at_which_all_inputs_saturate():
    """Near them, too, there are inputs at which they count."""
    laws = st.conservation_laws(lambda p, x: p[1] @ jnp.tanh(p[0] @ x), [1e4 * W, W[:1]], X)
    assert laws.count == 0
    laws = st.conservation_laws(lambda p, x: softmax(p @ jax.nn.relu(x)), 1e4 * W, X)
    assert laws.bounds[0] <= 2 <= laws.bounds[1]


def test_what_is_all_rounding_is_not_known():
    """The sum of a softmax is 1: all four parameters are conserved, and no field shows it."""
    laws = st.conservation_laws(lambda p, x: jnp.sum(softmax(p @ x)), W, 3 * X)
    assert laws.count in (4, None)
    assert laws.bounds[1] == 4


def test_a_given_input_that_is_lost_takes_no_law():
    """Of words no other is drawn: E[2] is moved by rounding alone, or by 0; E[3] is unused."""
    words = jnp.array([0, 1, 2])
    for function, size in ((jnp.tanh, 1e3), (lambda e: jnp.exp(-e * e), 1e3), (softmax, 40.0)):
        E = jnp.array([[1.0, 0.5], [0.2, -1.0], [size, -size], [1.0, 2.0]])
        model = lambda p, x, f=function: p["V"] @ f(p["E"][x])
        laws = st.conservation_laws(model, {"E": E, "V": jnp.asarray(W)}, words, limit=0)
        found = {str(law) for law in laws.explicit}
        assert {"E[3,0]", "E[3,1]"} <= found
        assert not found & {"E[2,0]", "E[2,1]"}


def measured(function, *args):
    with jax.enable_x64(True):
        out, rounding = with_rounding(function, *wide(args))
        return float(out), float(rounding)


def test_rounding_of_sums_that_cancel():
    """(x + y) − y is off by half a unit of y."""
    y = 1e5
    out, rounding = measured(lambda x, y: (x + y) - y, 0.1, y)
    assert out == (0.1 + y) - y
    assert 1e-11 < rounding < 1e-10
    assert abs(out - 0.1) < rounding
    assert measured(lambda x, y: x * y + 0.0, 0.0, y) == (0.0, 0.0)


def test_a_zero_that_is_rounding_is_told_from_one_that_is_exact():
    slope = jax.grad(lambda p, x: jnp.tanh(p * x))
    assert measured(slope, 1.0, 0.0) == (0.0, 0.0)
    for function in (
        slope,
        jax.grad(lambda p, x: jnp.exp(-p * x)),
        jax.grad(lambda p, x: jnp.exp(-p * x) * jnp.exp(-p * x)),
    ):
        out, rounding = measured(function, 1.0, 1000.0)
        assert out == 0.0
        assert rounding > 0.0
    unused = jax.grad(lambda p, x: 0.0 * p + jnp.exp(-x))
    assert measured(unused, 1.0, 1000.0) == (0.0, 0.0)


def test_rounding_in_loops_and_factorisations():
    def looped(x):
        return jax.lax.fori_loop(0, 5, lambda _, h: jnp.sin(h) + x, x)

    out, rounding = measured(looped, 0.3)
    assert 1e-17 < rounding < 1e-14
    np.testing.assert_allclose(out, looped(0.3), rtol=1e-6)
    hilbert = 1 / (np.arange(8)[:, None] + np.arange(8) + 1)
    out, rounding = measured(lambda A: jnp.linalg.inv(A)[7, 7], hilbert)
    exact = 15 * 3432.0**2  # (2n − 1) C(2n − 2, n − 1)²
    assert abs(out - exact) < 10 * rounding < exact * 1e-3


@pytest.mark.parametrize("size", [1e160, 1e300, 1e-165, 1e-300])
def test_a_constant_factor_of_any_size_changes_no_law(size):
    """The squares of the rates leave the range of float64."""
    with jax.enable_x64(True):
        params = [jnp.asarray(1.0), jnp.asarray(2.0)]
        one = st.conservation_laws(lambda p, x: size * p[0] * p[1] * x, params, jnp.ones(3))
        key = jax.random.key
        layers = [jax.random.normal(key(i), (2, 2)) for i in (1, 2)]
        network = lambda w, x: size * (w[0] @ jnp.tanh(w[1] @ x))
        none = st.conservation_laws(network, layers, jax.random.normal(key(3), (5, 2)))
    assert (one.count, none.count) == (1, 0)
