"""Primitives one by one: the walk's tape has the program's value and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces import trace, walk

RNG = np.random.default_rng(0)
X = RNG.standard_normal(4)
A = RNG.standard_normal((4, 4))
IMAGE = RNG.standard_normal((1, 4, 4, 1))
KERNEL = RNG.standard_normal((2, 2, 1, 1))
NHWC = ("NHWC", "HWIO", "NHWC")
POSITIVE = A @ A.T + np.eye(4)


def pool(x, start, combine, strides, padding):
    return lax.reduce_window(x, start, combine, (1, 2, 2, 1), (1, *strides, 1), padding)


SMOOTH = {
    "average pooling": (lambda x: (pool(x, 0.0, lax.add, (2, 2), "VALID") ** 2).sum(), IMAGE),
    "sums of windows": (lambda x: (pool(x, 0.0, lax.add, (1, 1), "SAME") ** 2).sum(), IMAGE),
    "max pooling": (lambda x: pool(x, -jnp.inf, lax.max, (2, 2), "VALID").sum(), IMAGE),
    "convolution": (
        lambda x: (
            lax.conv_general_dilated(x, KERNEL, (1, 2), "SAME", dimension_numbers=NHWC) ** 2
        ).sum(),
        IMAGE,
    ),
    "batched product": (lambda x: jnp.einsum("bi,bj,ij->b", x, x, A).prod(), A),
    "all": (lambda x: jnp.where(jnp.all(x > -10), x, 0.0).sum(), X),
    "any": (lambda x: jnp.where(jnp.any(x > 10), x, 2 * x).sum(), X),
    "cumulative": (
        lambda x: (jnp.cumsum(x) * jnp.cumprod(x) * lax.cumlogsumexp(x)).sum(),
        X,
    ),
    "everywhere smooth": (
        lambda x: sum(
            g(x).sum()
            for g in (
                lax.logistic,
                lax.expm1,
                lax.tan,
                lax.sinh,
                lax.cosh,
                lax.asinh,
                lax.atan,
                lax.square,
                lax.cbrt,
                lax.exp2,
                lax.erf,
                lax.erfc,
            )
        ),
        X,
    ),
    "smooth for large numbers": (
        lambda x: sum(
            g(x * x + 1.5).sum()
            for g in (lax.rsqrt, lax.sqrt, lax.log, lax.log1p, lax.acosh, lax.lgamma, lax.digamma)
        ),
        X,
    ),
    "smooth for small numbers": (
        lambda x: sum(
            g(0.3 * jnp.tanh(x)).sum() for g in (lax.asin, lax.acos, lax.atanh, lax.erf_inv)
        ),
        X,
    ),
    "angle": (lambda x: jnp.arctan2(x[0], x[1]) + jnp.hypot(x[2], x[3]), X),
    "polygamma": (lambda x: lax.polygamma(1.0, x * x + 1).sum(), X),
    "incomplete gamma": (lambda x: (lax.igamma(2.0, x * x) * lax.igammac(3.0, x * x)).sum(), X),
    "incomplete beta": (lambda x: lax.betainc(2.0, 3.0, jax.nn.sigmoid(x)).sum(), X),
    "random numbers": (
        lambda x: (
            x * jax.random.normal(jax.random.key(0), (4,))
            + jax.random.permutation(jax.random.key(1), x) * jnp.arange(4)
        ).sum(),
        X,
    ),
    "random indices": (lambda x: x[jax.random.categorical(jax.random.key(0), x)] ** 2, X),
    "integers": (lambda x: x[(3 * jnp.argmax(x) + 1) // 2 % 4] * (jnp.argmin(x) << 1), X),
    "bits of integers": (
        lambda x: x.sum() * lax.bitcast_convert_type(lax.argmax(x, 0, np.uint32), np.int32),
        X,
    ),
    "scatter": (
        lambda x: (jnp.zeros(4).at[jnp.array([0, 0, 7])].add(x[:3]).at[1].set(x[3]) ** 2).sum(),
        X,
    ),
    "scatter of maxima": (
        lambda x: (jax.ops.segment_max(x**2, jnp.array([0, 2, 2, 0]), 4)[::2] ** 2).sum(),
        X,
    ),
    "scatter of minima": (
        lambda x: jnp.ones((3, 2)).at[jnp.array([2, 0, 2, 9])].min(jnp.outer(x, x[:2])).prod(),
        X,
    ),
    "slices that move": (
        lambda x: lax.dynamic_update_slice(x, x[:1] * 2, (jnp.argmax(x) + 2,))[3] ** 2,
        X,
    ),
    "sorts": (lambda x: lax.sort((x, x**2), num_keys=1)[1] @ jnp.arange(4.0), X),
    "top of a list": (lambda x: lax.top_k(x, 2)[0].prod() * x[lax.top_k(x, 3)[1]].sum(), X),
    "search": (lambda x: x[jnp.searchsorted(jnp.array([-1.0, 0.1, 1.0]), x[0])], X),
    "interpolation": (
        lambda x: jnp.interp(x[0], jnp.array([-1.0, 0.0, 1.0]), jnp.array([1.0, 0.0, 1.0])),
        X,
    ),
    "infinities": (lambda x: (jnp.nan_to_num(x) + jnp.where(jnp.isinf(x), 0, x)).sum(), X),
    "labels for JAX": (
        lambda x: checkpoint_name(jax.device_put(x), "x").sum() + jax.checkpoint(jnp.sin)(x[0]),
        X,
    ),
    "solve": (lambda x: jnp.linalg.solve(A + jnp.diag(x), x).sum(), X),
    "inverse and determinant": (
        lambda x: jnp.linalg.inv(A + jnp.diag(x)).sum() * jnp.linalg.det(A * x),
        X,
    ),
    "determinants, stacked": (
        lambda x: jnp.linalg.slogdet(jnp.stack([A + jnp.diag(x), A * x]))[1].sum(),
        X,
    ),
    "Cholesky": (lambda x: jnp.linalg.cholesky(POSITIVE + jnp.diag(x**2)).sum(), X),
    "triangles": (lambda x: jax.scipy.linalg.solve_triangular(A + jnp.diag(x), x).sum(), X),
    "positive solve": (
        lambda x: jax.scipy.linalg.solve(POSITIVE + jnp.diag(x**2), x, assume_a="pos").sum(),
        X,
    ),
    "eigenvalues": (lambda x: jnp.linalg.eigvalsh(POSITIVE + jnp.diag(x))[0], X),
    "exponential": (lambda x: jax.scipy.linalg.expm(A + jnp.diag(x)).sum(), X),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_tape_has_the_program_s_value_and_gradient(name):
    f, x = SMOOTH[name]
    program = trace(f, np.asarray(x))
    with jax.enable_x64(True):
        x = jnp.asarray(x)
        tape = walk(program).tape
        assert not tape.switches
        value, gradient = jax.value_and_grad(lambda y: tape.frozen([y], np.zeros(0, int))[0])(x)
        np.testing.assert_allclose(value, f(x), rtol=1e-12)
        np.testing.assert_allclose(gradient, jax.grad(f)(x), rtol=1e-8, atol=1e-12)


REFUSED = {
    "complex": (lambda x: jnp.exp(1j * x).real.sum(), X),
    "fft": (lambda x: jnp.fft.rfft(x).real.sum(), X),
    "singular": (lambda x: jnp.linalg.inv(jnp.outer(x, x)).sum(), X),
    "tie for a pivot": (
        lambda x: jnp.linalg.inv(jnp.outer(x, x) + jnp.eye(2)).sum(),
        np.arange(1.0, 3),
    ),
    "not positive definite": (lambda x: jnp.linalg.cholesky(jnp.outer(x, x)).sum(), X),
    "eigenvalues meet": (lambda x: jnp.linalg.eigvalsh(jnp.diag(x))[0], np.ones(3)),
    "`polygamma`": (lambda x: lax.polygamma(x, x).sum(), np.ones(3)),
    "`qr`": (lambda x: jnp.linalg.qr(jnp.diag(x))[1].sum(), X),
    "other numbers at each call": (lambda x: (x * lax.rng_uniform(0.0, 1.0, (4,))).sum(), X),
    "`reduce_precision`": (lambda x: lax.reduce_precision(x, 8, 7).sum(), X),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_not_known_to_be_smooth_is_refused_with_its_line(reason):
    f, x = REFUSED[reason]
    with jax.enable_x64(True):
        program = trace(f, np.asarray(x))
        with pytest.raises(UnsupportedPrimitiveError, match=reason) as refusal:
            walk(program)
    assert "test_primitives.py" in str(refusal.value)


UNDEFINED_AT_MINUS_ONE = [
    *[lax.sqrt, lax.rsqrt, lax.log, lax.log1p, lax.asin, lax.acos, lax.atanh, lax.acosh],
    *[lax.erf_inv, lax.lgamma, lax.digamma],
    *[lambda x: x**1.5, lambda x: 1 / (x + 1), lambda x: jnp.arctan2(x + 1, x)],
    lambda x: lax.polygamma(1.0, x),
    lambda x: lax.igamma(2.0, x),
    lambda x: lax.betainc(2.0, 3.0, x),
]


@pytest.mark.parametrize("g", UNDEFINED_AT_MINUS_ONE)
def test_a_branch_that_is_not_taken_has_a_finite_slope(g):
    f = lambda x: jnp.where(x > 10, g(x), 3 * x).sum()
    x = np.full(2, -1.0)
    with jax.enable_x64(True):
        walked = walk(trace(f, x))
        assert walked.singular_line is None
        gradient = jax.grad(lambda y: walked.tape.frozen([y], np.zeros(0, int))[0])(x)
    np.testing.assert_array_equal(gradient, 3.0)


def test_ties_of_scattered_maxima_are_switches():
    f = lambda x: jax.ops.segment_max(x, jnp.array([0, 1, 1, 0]), 2).sum()
    with jax.enable_x64(True):
        tape = walk(trace(f, np.array([1.0, 2.0, 2.0, 0.0]))).tape
    assert [len(s.outcomes) for s in tape.switches] == [2]


def test_nothing_is_near_infinity():
    f = lambda x: jnp.where(x == jnp.inf, 7.0, x).sum() + jnp.minimum(x, jnp.inf).sum()
    with jax.enable_x64(True):
        walked = walk(trace(f, X))
    assert walked.value == pytest.approx(2 * X.sum())
    assert not walked.tape.switches
