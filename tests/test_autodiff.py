"""Where automatic differentiation returns no subgradient, and which line is to blame."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.autodiff import check_autodiff
from steepest.errors import UnsupportedPrimitiveError


def cancelling(x):
    return jax.nn.relu(x) - jax.nn.relu(-x)


@jax.custom_jvp
def liar(x):
    return x * 1.0


liar.defjvp(lambda primals, tangents: (primals[0] * 1.0, 7 * tangents[0]))


def test_a_primitive_s_convention_is_a_subgradient():
    for f in (jnp.abs, jax.nn.relu, lambda x: jnp.maximum(x, 0.0)):
        check = check_autodiff(f)(0.0)
        assert check.valid is True
        assert check
        assert check.distance == 0


def test_conventions_that_do_not_add_up():
    check = check_autodiff(cancelling)(0.0)
    assert check.valid is False
    assert check.distance == pytest.approx(1.0)
    assert check.gradient == 0
    assert "test_autodiff.py" in check.reason


def test_nan_at_a_norm():
    check = check_autodiff(jnp.linalg.norm)(jnp.zeros(2))
    assert check.valid is False
    assert check.distance == np.inf
    assert "not finite" in check.reason


def test_rules_that_lie():
    for f, x in ((liar, 1.0), (lambda x: x * jax.lax.stop_gradient(x), 2.0)):
        check = check_autodiff(f)(x)
        assert check.valid is False
        assert check.differential.is_singleton
        assert "custom" in check.reason


def test_a_bracket_may_leave_it_open():
    check = check_autodiff(lambda w: jnp.maximum(w[0], jnp.minimum(w[1] ** 2, w[0] + w[1] ** 3)))(
        jnp.zeros(2)
    )
    assert not check.differential.exact
    assert check.valid in (True, None)


def test_rounding_in_half_precision_is_no_wrong_rule():
    """In the weights' type, or in one that only the computation is in."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 8)), rng.standard_normal((20, 1))
    weights = [jnp.asarray(rng.standard_normal(shape), jnp.float32) for shape in ((8, 16), (16, 1))]

    def f(w):
        a, b, data = (jnp.asarray(part, jnp.bfloat16) for part in (*w, x))
        return jnp.mean((jax.nn.relu(data @ a) @ b - y) ** 2)

    for dtype in (jnp.bfloat16, jnp.float32):
        check = check_autodiff(f)([w.astype(dtype) for w in weights])
        assert check.valid is None
        assert "rounding" in check.reason


def test_a_loop_without_a_derivative_is_refused_as_one():
    f = lambda x: jax.lax.while_loop(
        lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.maximum(s[1], 0.5 * s[1])), (0, x)
    )[1]
    with pytest.raises(UnsupportedPrimitiveError, match=r"while.*test_autodiff\.py"):
        check_autodiff(f)(0.0)


@jax.custom_vjp
def _turned_about(x):
    return x


_turned_about.defvjp(lambda x: (x, None), lambda _, g: (-g,))


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e-7, 1e-30])
@pytest.mark.parametrize(
    ("f", "x", "off"),
    [
        (lambda x: _turned_about(x), 1.0, 2.0),
        (lambda x: jax.nn.relu(x) - jax.nn.relu(-x), 0.0, 1.0),
    ],
)
def test_a_wrong_gradient_is_wrong_at_any_size(f, x, off, size):
    check = st.check_autodiff(lambda x: size * f(x))(x)
    assert check.valid is False
    assert check.distance == pytest.approx(off * size, rel=1e-6)
    assert st.certify("A3", st.Problem(lambda x: size * f(x), x)).holds is False


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_gradient_that_is_rounding_is_not_wrong(kind):
    """At a minimum what is left of the gradient is the rounding of its terms."""
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((20, 3)).astype(kind), rng.standard_normal(20).astype(kind)
    least = np.linalg.lstsq(A, b, rcond=None)[0].astype(kind)
    f = lambda w: jnp.mean((A @ w - b) ** 2)
    assert st.check_autodiff(f)(least).valid is True
    large = lambda x: kind(1e6) * x - kind(1e6) * jnp.sin(x)
    assert st.check_autodiff(large)(kind(0.01)).valid is (None if kind is np.float32 else True)


def test_an_array_of_numpys_that_was_met_in_single_precision():
    """JAX keeps what it made of the array there, and its matmul with it."""
    a = np.array([1.0, 2.0, 3.0])
    f = lambda x: jnp.maximum(x @ a, 0.0)
    st.directional_derivative(f)(jnp.zeros(3), jnp.ones(3))
    st.subgradient(f)(jnp.zeros(3))
    check = st.check_autodiff(f)(np.zeros(3))
    assert check.valid
    assert check.gradient.dtype == np.float64
    np.testing.assert_array_equal(check.gradient, a / 2)
    np.testing.assert_array_equal(jax.grad(f)(jnp.ones(3)), a)
    np.testing.assert_array_equal(jax.jit(jax.grad(f))(jnp.ones(3)), a)
    assert st.check_autodiff(f)(jnp.ones(3)).gradient.dtype == np.float32
