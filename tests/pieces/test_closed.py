"""Arrays that a function closes over are the user's own still after they were used in double."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.pieces import trace

X0 = np.array([-1.0, 1.5])


def kept_by(use):
    """(what the use gives, the array that f closes over, f)."""
    lam = np.array([0.5, 1.0])
    f = lambda x: jnp.sum(jnp.abs(x) + lam * x**2)
    return use(f), lam, f


@pytest.mark.parametrize(
    "use",
    [
        lambda f: st.gradient_inclusion(f, X0, 0.5, dense=True),
        lambda f: st.gradient_inclusion(
            lambda x: jnp.sum(x**2), X0, 0.5, dense=True, monitors={"f": f}
        ),
        lambda f: st.clarke(f)(X0),
        lambda f: st.homogeneity(f)(X0),
        lambda f: st.conservation_laws(lambda p, x: f(p) * x, X0, np.ones((3, 1))),
        lambda f: st.Problem(f, X0).program,
        lambda f: trace(f, X0),
    ],
)
def test_the_users_calls_in_single_precision_go_on(use):
    held, lam, f = kept_by(use)
    assert held is not None
    assert (lam * jnp.ones(2)).dtype == jnp.float32
    np.testing.assert_allclose(jax.grad(f)(jnp.ones(2)), 1 + 2 * lam)
    np.testing.assert_allclose(jax.jit(f)(jnp.ones(2)), 3.5)


def test_no_array_is_copied_that_is_double_already():
    held, lam, _ = kept_by(lambda f: trace(f, X0))
    assert any(const is lam for const in held.closed.consts)
