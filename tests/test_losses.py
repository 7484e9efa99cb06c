import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError, DataError, NotScalarError
from unchecked import unchecked


def linear(w, x):
    return w @ x


def squared(p, y):
    return (p - y) ** 2


def test_it_is_the_mean_over_examples_and_over_a_batch():
    X, Y = jax.random.normal(jax.random.key(0), (7, 3)), jnp.arange(7.0)
    w = jnp.array([1.0, -2.0, 0.5])
    f = st.mean_loss(linear, squared, X, Y)
    np.testing.assert_allclose(f(w), np.mean((np.asarray(X) @ w - np.arange(7.0)) ** 2), rtol=1e-6)
    np.testing.assert_allclose(f(w, (X[:2], Y[:2])), np.mean((np.asarray(X[:2]) @ w - Y[:2]) ** 2))
    assert f.model is linear


@pytest.mark.parametrize(
    ("X", "Y", "says"),
    [
        (np.ones((3, 2)), np.ones(4), "same number"),
        (np.ones((0, 2)), np.ones(0), "at least one"),
        (np.ones((3, 2)), np.array([1.0, np.nan, 2.0]), "Y[1] is not finite"),
        (1.0, 1.0, "leading axis"),
    ],
)
def test_bad_data_are_named(X, Y, says):
    with pytest.raises(DataError) as error:
        st.mean_loss(linear, squared, X, Y)
    assert says in str(error.value)


def test_a_loss_that_is_not_one_number_says_so():
    f = st.mean_loss(lambda w, x: w * x, squared, np.ones((3, 2)), np.ones(3))
    with pytest.raises(NotScalarError, match=r"shape \(2,\)"):
        f(jnp.ones(2))


def test_a_model_must_be_a_function():
    with pytest.raises(ArgumentError, match="model"):
        unchecked(st.losses.MeanLoss.__init__)(object(), 3, squared, np.ones((3, 2)), np.ones(3))
