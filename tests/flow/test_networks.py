"""Theorem C4 on random networks, through their slides: what is preserved, layer by layer, neuron by
neuron. The invariants do not see a wrong multiplier; the least-norm property does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

TOLERANCE = 1e-8
pool = lambda z: jnp.max(z.reshape(-1, 2, z.shape[-1]), axis=1)
ACTIVATIONS = {
    "relu": (jax.nn.relu, 1),
    "leaky": (jax.nn.leaky_relu, 1),
    "abs": (jnp.abs, 1),
    "pool": (pool, 2),
}
LOSSES = {
    "squared": lambda p, y: 0.5 * (p - y) ** 2,
    "logistic": lambda p, y: jnp.logaddexp(0.0, -jnp.sign(y) * p),
    "absolute": lambda p, y: jnp.abs(p - y),
}
NETWORKS = [
    ("squared", ["relu"]),
    ("absolute", ["abs", "leaky"]),
    ("logistic", ["pool", "relu"]),
    ("squared", ["leaky", "pool", "abs"]),
    ("logistic", ["relu", "abs", "relu", "leaky"]),
]


def network(loss, names, seed=0, width=4, count=6):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((2, count)), rng.standard_normal(count)
    W, sizes = [], []
    fan_in = 2
    for name in [*names, None]:
        fan_out = 1 if name is None else width * ACTIVATIONS[name][1]
        W.append(rng.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in))
        sizes.append(1 if name is None else ACTIVATIONS[name][1])
        fan_in = width

    def f(w):
        h = X
        for name, layer in zip(names, w[:-1], strict=True):
            h = ACTIVATIONS[name][0](layer @ h)
        return jnp.mean(LOSSES[loss]((w[-1] @ h)[0], Y))

    return f, W, sizes


@pytest.mark.parametrize(("loss", "names"), NETWORKS, ids=lambda p: "-".join(np.atleast_1d(p)))
def test_differences_of_squared_norms_are_preserved(loss, names):
    f, W, sizes = network(loss, names)
    run = st.gradient_inclusion(f, W, 2.0, TOLERANCE, TOLERANCE, saveat=[0.0, 1.0, 2.0])
    assert run.values[-1] < run.values[0]
    squares = [np.array(leaf) ** 2 for leaf in run.xs]
    totals = np.array([s.sum((1, 2)) for s in squares])
    assert np.max(np.ptp(totals - totals[0], axis=1)) < 10 * TOLERANCE * (1 + np.max(totals))
    for incoming, outgoing, size in zip(squares[:-1], squares[1:], sizes, strict=False):
        into = incoming.sum(-1).reshape(3, -1, size).sum(-1)
        balance = into - outgoing.sum(1)
        assert np.max(np.ptp(balance, axis=0)) < 10 * TOLERANCE * (1 + np.max(into))


def test_they_move_by_the_least_norm_element_at_random_times():
    f, W, _ = network("squared", ["relu", "relu"], seed=1, width=6, count=10)
    run = st.gradient_inclusion(f, W, 6.0, TOLERANCE, TOLERANCE, dense=True)
    times = np.random.default_rng(0).uniform(0.2, 6.0, 6)
    near = lambda t: min(abs(t - event.time) for event in run.events)
    held = 0
    for t in times[[near(t) > 2e-3 for t in times]]:
        at, before, after = (run(t + step) for step in (0.0, -1e-4, 1e-4))
        D = st.clarke(f, tie_tol=1e-7)([np.array(leaf) for leaf in at])
        held += not D.is_singleton
        for a, b, least in zip(before, after, D.min_norm(), strict=True):
            np.testing.assert_allclose((b - a) / 2e-4, -np.array(least), atol=1e-5)
    assert held >= 2
