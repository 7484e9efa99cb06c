"""Programs run in double give what the same function gives when it is traced in double."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.errors import ArgumentError, NotScalarError, UnsupportedPrimitiveError
from steepest.pieces import trace


def scanned(x):
    def body(carry, t):
        return carry * t + jnp.sin(carry), carry

    carry, ys = jax.lax.scan(body, jnp.ones((), x.dtype), x)
    return carry + ys.sum()


def looped(x):
    return jax.lax.while_loop(
        lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * jnp.cos(s[1])), (0, x[0])
    )[1]


def branched(x):
    return jax.lax.cond(x[0] > 0, lambda v: v**3, lambda v: -v, x[1])


def scattered(x):
    y = x.at[0].add(x[1]).at[jnp.array([1, 2])].max(0.25).at[1].multiply(3.0)
    return y @ x.at[2].set(0.5)


@jax.custom_jvp
def lying(x):
    return jnp.sum(x**2)


@lying.defjvp
def _(primals, tangents):
    return lying(*primals), 0.0 * jnp.sum(tangents[0])


DRAWS = lambda x: x @ jax.random.normal(jax.random.key(0), (3,)).astype(x.dtype)

FUNCTIONS = [
    scanned,
    looped,
    branched,
    scattered,
    lying,
    lambda x: jax.nn.logsumexp(x) + jnp.linalg.norm(x),
    lambda x: jnp.linalg.det(jnp.outer(x, x) + jnp.eye(3, dtype=x.dtype)),
    lambda x: jnp.linalg.solve(jnp.outer(x, x) + jnp.eye(3, dtype=x.dtype), x).sum(),
    lambda x: jnp.sort(x)[1] * jnp.max(x) + jnp.cumsum(x)[2] + x[jnp.argmin(x)],
    lambda x: jax.checkpoint(lambda y: jnp.sum(jnp.exp(y)))(x),
    lambda x: jnp.convolve(x, x).sum() + jnp.einsum("i,j->", x, x),
    DRAWS,
    lambda x: jax.lax.stop_gradient(x) @ x,
]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_a_float32_program_runs_in_double(f):
    x = np.array([0.3, 0.7, -0.2], np.float32)
    value = trace(f, x).in_double(lambda f, leaves: f(leaves))([x.astype(np.float64)])
    assert value.dtype == np.float64
    np.testing.assert_allclose(value, f(jnp.asarray(x)), rtol=3e-6)
    with jax.enable_x64(True):
        if f is not DRAWS:
            expected = f(jnp.asarray(x, jnp.float64))
            np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_it_is_the_function_that_is_differentiated_not_its_rules():
    for f in (lying, lambda x: jax.lax.stop_gradient(x) @ x):
        gradient = trace(f, np.ones(3)).in_double(lambda f, x: jax.grad(f)(x))
        np.testing.assert_array_equal(gradient([np.ones(3)])[0], [2.0, 2.0, 2.0])


def test_a_float64_point_keeps_closed_over_digits():
    A = np.array([1.0 + 1e-12, 1.0])
    value = trace(lambda x: A @ x, np.array([1.0, -1.0])).in_double(lambda f, x: f(x))
    assert value([np.array([1.0, -1.0])]) == pytest.approx(1e-12, rel=1e-3)


def test_closed_over_arrays_are_not_copied_into_the_program():
    big = jnp.ones((300, 300))
    program = trace(lambda x: jnp.sum(big @ x), jnp.ones(300))
    assert any(c is big for c in program.closed.consts)


def test_a_primitive_that_carries_an_unknown_program_is_refused_with_its_line():
    f = lambda x: jax.lax.reduce(x, 0.0, lambda a, b: a + b * 2, (0,))
    program = trace(f, jnp.ones(3))
    with pytest.raises(UnsupportedPrimitiveError, match=r"`reduce`.*test_program.py"):
        program.in_double(lambda f, x: f(x))([np.ones(3)])


def test_bad_points_and_functions():
    with pytest.raises(ArgumentError, match="x is an integer"):
        trace(lambda x: x, 1)
    with pytest.raises(NotScalarError):
        trace(lambda x: x, jnp.ones(2))


def test_a_scatter_that_applies_a_function_is_refused():
    program = trace(lambda x: jnp.sum(x.at[0].apply(jnp.sin)), np.ones(2))
    with (
        jax.enable_x64(True),
        pytest.raises(UnsupportedPrimitiveError, match=r"apply.*test_program"),
    ):
        program(program.start)
