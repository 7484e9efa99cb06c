"""The theorem on norm preservation: it holds for a network, and its hypothesis is looked at."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
W = [rng.standard_normal((3, 2)), rng.standard_normal((1, 3))]


def squares(prediction, y):
    return 0.5 * jnp.sum((prediction - y) ** 2)


def network(w, x):
    return w[1] @ jax.nn.relu(w[0] @ x)


def test_a_relu_network():
    c = st.certify("C4", st.Problem(st.mean_loss(network, squares, X, Y), W), time=1.0)
    assert c.holds
    assert str(c.hypotheses[0].evidence) == "proved"
    assert "kinks met" in c.notes[0]


def test_a_bias_breaks_the_hypothesis_and_the_balance():
    biased = lambda w, x: w[1] @ jax.nn.relu(w[0] @ x + 1.0)
    c = st.certify("C4", st.Problem(st.mean_loss(biased, squares, X, Y), W), time=0.5)
    assert c.holds is False
    assert c.violated
    assert c.slack > 1


def test_bad_arguments_are_named():
    p = st.Problem(st.mean_loss(network, squares, X, Y), W)
    for wrong in ({"time": -1.0}, {"tolerance": 0.5}):
        with pytest.raises(st.ArgumentError, match=next(iter(wrong))):
            st.theorems.norm_preservation(p, **wrong)


def test_a_layer_that_is_zero_shows_no_degree():
    """u²v has the degree 2 in u, and at u = 0 all products are 0."""
    f = lambda w: (w[0] ** 2 * w[1] - 1) ** 2
    for w in ([0.0, 0.5], [1.0, 0.5]):
        assert st.certify("C4", st.Problem(f, w), time=0.5).holds is False
    alike = lambda w: (w[0] * w[1] - 1) ** 2
    assert st.certify("C4", st.Problem(alike, [0.0, 0.5]), time=0.5).holds
