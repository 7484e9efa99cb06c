import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError


def test_it_is_what_numpy_says():
    W = [np.random.default_rng(i).standard_normal((i + 2, 3)).astype(np.float32) for i in range(3)]
    b = st.balance(W)
    n = np.array([np.sum(w.astype(np.float64) ** 2) for w in W])
    np.testing.assert_allclose(b.squared_norms, n, rtol=1e-6)
    np.testing.assert_allclose(b.differences, n[:-1] - n[1:], rtol=1e-5)
    np.testing.assert_allclose(b.ratios, n[:-1] / n[1:], rtol=1e-6)


def test_under_jit_and_as_a_monitor():
    W = {"a": jnp.ones((2, 2)), "b": jnp.ones(3)}
    f = lambda W: jnp.sum(W["a"]) * jnp.sum(W["b"])
    run = st.descend(f, W, st.methods.gradient_descent(1e-3), 5, monitors={"balance": st.balance})
    assert run.monitors["balance"].differences.shape == (6, 1)
    np.testing.assert_allclose(jax.jit(st.balance)(W).ratios, [4 / 3])


def test_bfloat16_does_not_stall():
    W = [jnp.ones(10_000, jnp.bfloat16), jnp.ones(1)]
    assert st.balance(W).squared_norms[0] == 10_000


def test_integers_are_refused():
    with pytest.raises(ArgumentError, match=r"params\[1\] is an integer"):
        st.balance([jnp.ones(2), jnp.arange(3)])
