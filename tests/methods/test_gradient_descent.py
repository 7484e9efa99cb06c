import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st
from steepest.errors import ArgumentError
from unchecked import unchecked


def test_it_is_optax_sgd_to_the_bit():
    x, g = jnp.linspace(-1, 1, 5), jnp.linspace(2, -3, 5)
    ours, theirs = st.methods.gradient_descent(0.3), optax.sgd(0.3)
    a, _ = ours.update(g, ours.init(x), x)
    b, _ = theirs.update(g, theirs.init(x), x)
    np.testing.assert_array_equal(a, b)


def test_a_schedule_counts_from_zero():
    method = st.methods.gradient_descent(lambda count: 1.0 / (count + 1))
    state = method.init(jnp.ones(1))
    first, state = method.update(jnp.ones(1), state)
    second, _ = method.update(jnp.ones(1), state)
    assert (first[0], second[0]) == (-1.0, -0.5)


@pytest.mark.parametrize("eta", [0.0, -1.0, float("nan"), float("inf"), "0.1", None])
def test_a_bad_step_size_is_refused_at_construction(eta):
    with pytest.raises(ArgumentError, match="learning_rate"):
        unchecked(st.methods.gradient_descent)(eta)


def test_a_traced_step_size_passes():
    f = lambda eta: st.descend(lambda x: x**2, 1.0, st.methods.gradient_descent(eta), 3).final
    np.testing.assert_allclose(jax.jit(f)(0.25), 0.125)
