"""Where automatic differentiation returns no subgradient, and which line is to blame."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
