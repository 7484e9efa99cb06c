"""C1, C5 and C6 on random networks, and on networks where their hypothesis fails."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "leaky": jax.nn.leaky_relu,
    "abs": jnp.abs,
    "linear": lambda z: z,
}
LOSSES = {
    "squared": lambda p, y: 0.5 * jnp.sum((p - y) ** 2),
    "logistic": lambda p, y: jnp.sum(jax.nn.softplus(-p * jnp.sign(y))),
    "absolute": lambda p, y: jnp.sum(jnp.abs(p - y)),
}


def network(seed, depth, activation, loss, scale=0.7):
    rng = np.random.default_rng(seed)
    widths = [3, *[4] * (depth - 1), 2]
    W = [scale * rng.standard_normal((b, a)) for a, b in itertools.pairwise(widths)]

    def model(W, x):
        for layer in W[:-1]:
            x = ACTIVATIONS[activation](layer @ x)
        return W[-1] @ x

    X, Y = rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    return st.Problem(st.mean_loss(model, LOSSES[loss], X, Y), W)


CASES = st_.tuples(
    SEEDS, st_.integers(2, 5), st_.sampled_from(list(ACTIVATIONS)), st_.sampled_from(list(LOSSES))
)


@given(CASES)
def test_each_step_changes_the_differences_by_the_identity(case):
    p = network(*case)
    c = st.theorems.squared_norm_differences(p, steps=40, learning_rate=0.02)
    assert c.holds, str(c)


def test_the_identity_against_numpy():
    p = network(3, 3, "relu", "squared")
    gradient = jax.grad(p.f)
    with jax.enable_x64(True):
        W = [jnp.asarray(w) for w in p.x0]
        g = gradient(W)
        after = [w - 0.1 * h for w, h in zip(W, g, strict=True)]
        n = lambda tree: np.array([np.sum(np.asarray(a) ** 2) for a in tree])
        change = n(after) - n(W)
    c = st.theorems.squared_norm_differences(p, steps=1, learning_rate=0.1)
    assert c.holds
    layers = c.trajectory.monitors["layers"]
    np.testing.assert_allclose(layers[1] - layers[0], change, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.diff(change), 0.01 * np.diff(n(g)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("break_it", [lambda z: jnp.tanh(z), lambda z: jax.nn.relu(z) ** 2])
def test_a_network_that_is_not_homogeneous_of_degree_one_is_found_out(break_it):
    p = network(0, 3, "relu", "squared")
    model = lambda W, x: W[2] @ break_it(W[1] @ jax.nn.relu(W[0] @ x))
    q = st.Problem(st.mean_loss(model, LOSSES["squared"], p.f.X, p.f.Y), p.x0)
    for theorem in ("C1", "C5", "C6"):
        c = st.certify(theorem, q)
        assert c.holds is False
        assert c.violated


@pytest.mark.parametrize("theorem", ["C1", "C5", "C6"])
def test_the_hypothesis_is_proved_where_the_rules_reach(theorem):
    c = st.certify(theorem, network(0, 3, "relu", "squared"))
    assert c.hypotheses[0].evidence is Evidence.PROVED


def test_what_the_rules_do_not_decide_is_measured():
    p = network(0, 2, "relu", "squared")

    def turn(w):  # an eigenvector's entry has degree 0 in the matrix, by no rule
        return jnp.abs(jnp.linalg.eigh(jnp.diag(w) + 0.1 * (w[:, None] + w))[1][0, 0])

    model = lambda W, x: W[1] @ jax.nn.relu(W[0] @ x) * turn(W[0][:, 0])
    c = st.certify("C5", st.Problem(st.mean_loss(model, LOSSES["squared"], p.f.X, p.f.Y), p.x0))
    assert c.hypotheses[0].evidence is Evidence.MEASURED


def test_a_counterexample_away_from_the_run_violates_it():
    """On this run no unit saturates, so that scaling by 1.7 and 0.3 sees nothing."""
    p = network(0, 2, "relu", "squared", scale=0.01)
    model = lambda W, x: W[1] @ jnp.minimum(jax.nn.relu(W[0] @ x), 6.0)
    c = st.certify("C5", st.Problem(st.mean_loss(model, LOSSES["squared"], p.f.X, p.f.Y), p.x0))
    assert c.violated
    assert "seen at α" in c.violated[0].detail


def test_biases_break_it_too():
    p = network(0, 2, "relu", "squared")
    model = lambda W, x: W["out"] @ jax.nn.relu(W["in"] @ x + W["bias"])
    x0 = {"in": p.x0[0], "bias": np.ones(4), "out": p.x0[1]}
    q = st.Problem(st.mean_loss(model, LOSSES["squared"], p.f.X, p.f.Y), x0)
    assert st.certify("C1", q, steps=5).holds is False


def test_a_loss_without_its_model_is_judged_by_the_euler_identity():
    f = lambda w: (w[0] @ w[1] - 1.0) ** 2
    p = st.Problem(f, [np.array([1.0, 2.0]), np.array([0.5, 0.1])])
    c = st.theorems.squared_norm_differences(p, steps=20, learning_rate=0.01)
    assert c.holds
    assert c.hypotheses[0].evidence is Evidence.MEASURED
    q = st.Problem(lambda w: (w[0] @ w[1] - 1.0) ** 2 + jnp.sum(w[0] ** 2), p.x0)
    assert st.theorems.squared_norm_differences(q, steps=20, learning_rate=0.01).holds is False


@given(CASES, st_.floats(0.1, 20))
def test_rescaling_two_layers(case, factor):
    p = network(*case)
    c = st.theorems.rescaled_layers(p, factor=factor)
    assert c.holds, str(c)


def test_rescaling_by_a_wrong_factor_is_seen():
    p = network(1, 3, "relu", "squared")
    c = st.theorems.rescaled_layers(p, layers=(2, 1), factor=10.0)
    assert c.holds
    before = jax.grad(p.f)(p.x0)
    scaled = [p.x0[0], p.x0[1] / 10, p.x0[2] * 10]
    after = jax.grad(p.f)(scaled)
    np.testing.assert_allclose(after[1], 10 * before[1], rtol=1e-4, atol=1e-5)
    # the last row compares ‖∂f/∂W_3‖ at c = 10; doubling one layer only is no symmetry
    q = st.Problem(lambda W: p.f([W[0], 2 * W[1], W[2] + 0.1 * jnp.abs(W[1]).sum()]), p.x0)
    assert st.theorems.rescaled_layers(q).holds is False


@given(SEEDS, st_.floats(0.05, 0.6))
def test_small_starts_stay_balanced(seed, scale):
    p = network(seed, 3, "linear", "squared", scale)
    c = st.theorems.small_initialization(p, steps=300, learning_rate=0.003)
    assert c.holds, str(c)


def test_too_large_a_step_breaks_the_hypothesis():
    p = network(0, 3, "linear", "squared", 1.0)
    c = st.theorems.small_initialization(p, steps=20, learning_rate=0.8)
    assert c.holds is False


def test_one_leaf_is_no_network():
    p = st.Problem(lambda x: jnp.sum(x**2), np.ones(3))
    for theorem in ("C1", "C5", "C6"):
        with pytest.raises(ArgumentError, match="1 leaf"):
            st.certify(theorem, p)


@pytest.mark.parametrize("layers", [(0, 0), (0, 7)])
def test_layers_that_are_none(layers):
    with pytest.raises(ArgumentError, match="layers"):
        st.theorems.rescaled_layers(network(0, 2, "relu", "squared"), layers=layers)
