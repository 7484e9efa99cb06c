"""NaN in the data that a function leaves out leaves its derivatives as those of the rest alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.pieces import trace
from steepest.pieces._missing import holds_nan

RNG = np.random.default_rng(0)
A, D = RNG.standard_normal((6, 3)), RNG.standard_normal(6)
GOT = np.array([True, False, True, True, False, True])
HOLED = np.where(GOT, D, np.nan)
ROWS = np.where(GOT[:, None], A, np.nan)
START = RNG.uniform(0.5, 1.5, 3)


def scanned(w):
    step = lambda total, row: (total + jnp.nansum((row[0] @ w - row[1]) ** 2), None)
    return jax.lax.scan(step, jnp.zeros((), w.dtype), (jnp.asarray(ROWS), jnp.asarray(HOLED)))[0]


def branched(w):
    left = lambda r: jnp.nansum(r**2)
    return jax.lax.cond(w[0] > 0, left, lambda r: jnp.nanmean(r), jnp.asarray(A) @ w - HOLED)


# What f leaves out, and the same function without it.
PAIRS = {
    "nansum": (lambda w: jnp.nansum((A @ w - HOLED) ** 2), lambda r: jnp.sum(r**2)),
    "nanmean": (lambda w: jnp.nanmean((A @ w - HOLED) ** 2), lambda r: jnp.mean(r**2)),
    "inputs": (lambda w: jnp.nansum((ROWS @ w - HOLED) ** 2), lambda r: jnp.sum(r**2)),
    "where": (
        lambda w: jnp.where(jnp.isnan(HOLED), 0.0, jnp.exp(A @ w - HOLED)).sum(),
        lambda r: jnp.sum(jnp.exp(r)),
    ),
    "absolute": (
        lambda w: jnp.nansum(jnp.log1p(jnp.abs(A @ w - HOLED))),
        lambda r: jnp.sum(jnp.log1p(jnp.abs(r))),
    ),
    "nanmax": (
        lambda w: jnp.nansum(jnp.max(jnp.tanh(A @ w - HOLED)[:, None] * jnp.ones(2), axis=1)),
        lambda r: jnp.sum(jnp.tanh(r)),
    ),
    "scan": (scanned, lambda r: jnp.sum(r**2)),
    "cond": (branched, lambda r: jnp.sum(r**2)),
    "nanmedian": (
        lambda w: jnp.nanmedian((A @ w - HOLED) ** 3),
        lambda r: jnp.median(r**3),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_derivatives_are_those_of_the_function_without_what_is_left_out(name):
    f, of_residuals = PAIRS[name]
    program = trace(f, START)
    derivatives = lambda f, leaves: (f(leaves), jax.grad(f)(leaves), jax.hessian(f)(leaves))
    value, (gradient,), ((hessian,),) = program.in_double(derivatives)(program.start)
    with jax.enable_x64(True):
        rest = lambda w: of_residuals(A[GOT] @ w - D[GOT])
        assert value == pytest.approx(float(rest(START)), rel=1e-13)
        np.testing.assert_allclose(gradient, jax.grad(rest)(START), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(hessian, jax.hessian(rest)(START), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "f", [lambda w: jnp.sum(A @ w - HOLED), lambda w: jnp.log(-w[0]) + jnp.nansum(HOLED)]
)
def test_a_nan_that_is_the_value_stays(f):
    program = trace(f, START)
    assert np.isnan(program.in_double(lambda f, leaves: f(leaves))(program.start))


def test_a_nan_is_found_wherever_it_is_written():
    inner = jax.jit(lambda x: jnp.where(x > 0, x, jnp.nan))
    for f, there in (
        (lambda x: jnp.nansum(x - jnp.array([1.0, jnp.nan])), True),
        (lambda x: jnp.where(x > 0, x, np.nan), True),
        (lambda x: jax.lax.cond(x > 0, inner, lambda x: x, x), True),
        (lambda x: jnp.sum(x - jnp.array([1.0, jnp.inf])) + jnp.arange(3).sum(), False),
        (jax.nn.softplus, False),
    ):
        assert holds_nan(trace(f, 1.0).closed) is there
