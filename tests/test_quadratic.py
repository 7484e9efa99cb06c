"""Recognition of quadratics: never a false one, and the Hessian against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

from steepest.pieces import trace
from steepest.quadratic import as_quadratic, recognise

A = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
B = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]])
x0 = np.ones(3)

QUADRATICS = [
    (lambda x: 0.5 * x @ A @ x, A),
    (lambda x: jnp.sum((B @ x - 1.0) ** 2), 2 * B.T @ B),
    (lambda x: jnp.mean(jnp.square(x)) + x[0], 2 / 3 * np.eye(3)),
    (lambda x: jnp.var(x), 2 / 3 * (np.eye(3) - np.ones((3, 3)) / 3)),
    (lambda x: jnp.einsum("i,ij,j", x, A, x), 2 * A),
    (lambda x: jax.lax.scan(lambda c, t: (c + t * t, None), 0.0, x)[0], 2 * np.eye(3)),
    (lambda x: jnp.where(jnp.arange(3) > 1, x, x**2).sum(), np.diag([2.0, 2.0, 0.0])),
    (lambda x: 0.5 * x @ jnp.linalg.solve(A, x), np.linalg.inv(A)),
    (lambda x: jnp.power(x, 2.0).sum() / 4, np.eye(3) / 2),
    (lambda x: x[jnp.array([0, 0, 1])] @ x, np.array([[2.0, 1, 0], [1, 0, 1], [0, 1, 0]])),
    (lambda x: jnp.convolve(x, x)[2], np.array([[0.0, 0, 2], [0, 2, 0], [2, 0, 0]])),
    (lambda x: jax.checkpoint(lambda y: jnp.vdot(y, y))(x), 2 * np.eye(3)),
    (lambda x: x.at[0].add(x[1]) @ x, np.array([[2.0, 1, 0], [1, 2, 0], [0, 0, 2]])),
    (lambda x: jax.lax.stop_gradient(x) @ x, 2 * np.eye(3)),
    (lambda x: 3.0 * x[0] - 1.0, np.zeros((3, 3))),
]

OTHERS = [
    lambda x: jnp.sum(x**3),
    lambda x: jnp.sum(x) * x[0] * x[1],
    lambda x: jnp.sum(jnp.exp(x)),
    lambda x: jnp.sum(jnp.abs(x) * x),
    lambda x: jnp.sum(jax.nn.relu(x) ** 2),
    lambda x: jnp.where(x > 0, x**2, x).sum(),
    lambda x: jnp.max(x),
    lambda x: 1.0 / x[0],
    lambda x: x @ jnp.linalg.solve(jnp.diag(x), jnp.ones(3)),
    lambda x: jnp.linalg.norm(x),
    lambda x: jnp.round(x).sum(),
    lambda x: x.astype(jnp.int32).astype(x.dtype).sum(),
    lambda x: jax.lax.scan(lambda c, t: (c * t, None), 1.0, x)[0],
    lambda x: jnp.prod(x[:2]),
    lambda x: jax.lax.cond(x[0] > 0, lambda v: v @ v, lambda v: v.sum(), x),
    lambda x: jax.lax.while_loop(lambda c: c < 10, lambda c: c * 2.0, x[0] ** 2 + 1),
    lambda x: jnp.power(x, 1.5).sum(),
    lambda x: jnp.sum(jnp.sort(x)[:1] ** 2),
    lambda x: x[jnp.argmax(x)] ** 2,
    lambda x: jnp.fft.fft(x).real.sum() ** 3,
]


@pytest.mark.parametrize(("f", "hessian"), QUADRATICS)
def test_a_quadratic_is_recognised_with_its_hessian(f, hessian):
    q = as_quadratic(trace(f, x0))
    assert q is not None
    np.testing.assert_allclose(q.hessian, hessian, atol=1e-12)
    np.testing.assert_allclose(q.eigenvalues, np.linalg.eigvalsh(hessian), atol=1e-12)


@pytest.mark.parametrize("f", OTHERS)
def test_nothing_else_is(f):
    assert as_quadratic(trace(f, x0)) is None


def test_the_reason_names_the_primitive_and_the_line():
    found = recognise(trace(lambda x: jnp.sum(jnp.exp(x)), x0))
    assert found.degree is None
    assert "`exp`" in found.reason
    assert "test_quadratic.py" in found.reason


def test_a_float32_program_is_read_in_double():
    f = lambda x: 0.5 * jnp.sum(jnp.array([1.0, 1e-6], jnp.float32) * x**2)
    q = as_quadratic(trace(f, jnp.ones(2)))
    assert q is not None
    assert q.least == pytest.approx(float(np.float32(1e-6)), rel=1e-12)


def test_minimizers():
    q = as_quadratic(trace(lambda x: 0.5 * x @ A @ x - jnp.sum(x), x0))
    np.testing.assert_allclose(q.minimizer(), np.linalg.solve(A, np.ones(3)), rtol=1e-12)
    singular = as_quadratic(trace(lambda x: (x[0] - 2.0) ** 2, x0))
    assert singular.least == 0.0
    np.testing.assert_allclose(singular.minimizer(), [2.0, 0.0, 0.0], atol=1e-14)
    assert as_quadratic(trace(lambda x: x[0] ** 2 + x[1], x0)).minimizer() is None
    assert as_quadratic(trace(lambda x: -(x[0] ** 2), x0)).minimizer() is None
    at_zero = as_quadratic(trace(lambda x: 0.5 * x @ A @ x, x0)).minimizer()
    np.testing.assert_array_equal(at_zero, 0.0)


# Random polynomials as programs: degree by rules against the degree by exact arithmetic.
UNITS = st_.sampled_from(["x", "y", "c"])


def expressions(depth):
    if depth == 0:
        return UNITS
    inner = expressions(depth - 1)
    return st_.one_of(
        UNITS,
        st_.tuples(st_.sampled_from(["add", "sub", "mul"]), inner, inner),
        st_.tuples(st_.sampled_from(["neg", "square", "half", "jit"]), inner),
    )


def build(e, x):
    match e:
        case "x":
            return x[0]
        case "y":
            return x[1]
        case "c":
            return 3.0
        case ("add", a, b):
            return build(a, x) + build(b, x)
        case ("sub", a, b):
            return build(a, x) - build(b, x)
        case ("mul", a, b):
            return build(a, x) * build(b, x)
        case ("neg", a):
            return -build(a, x)
        case ("square", a):
            return build(a, x) ** 2
        case ("half", a):
            return build(a, x) / 2
        case ("jit", a):
            return jax.jit(lambda z: build(a, z))(x)


@given(expressions(3), st_.tuples(*[st_.integers(-3, 3)] * 4))
def test_a_random_polynomial_called_quadratic_is_one(e, point):
    """Third differences of a polynomial of degree ≤ 2 along any line vanish exactly in integers."""
    program = trace(lambda x: jnp.asarray(build(e, x), x.dtype), np.ones(2))
    degree = recognise(program).degree
    if degree is None:
        return
    start, step = np.array(point[:2], float), np.array(point[2:], float)
    f = lambda k: float(build(e, start + k * step))
    difference = f(3) - 3 * f(2) + 3 * f(1) - f(0)
    scale = max(abs(f(k)) for k in range(4))
    assert abs(difference) <= 1e-12 * max(scale, 1.0)
