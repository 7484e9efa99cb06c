"""What has no Clarke differential, or is not read, is refused by name."""

import jax
import jax.numpy as jnp
import pytest

from steepest.clarke import clarke
from steepest.errors import (
    ArgumentError,
    NotLocallyLipschitzError,
    NotScalarError,
    UnprovedError,
    UnsupportedPrimitiveError,
)
from steepest.subgradient import subgradient

REFUSED = {
    "√|x|": (lambda x: jnp.sqrt(jnp.abs(x)), 0.0),
    "√ behind a where": (lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0.0), 0.0),
    "cube root": (jnp.cbrt, 0.0),
    "step": (lambda x: jnp.where(x > 0, 1.0, 0.0), 0.0),
    "sign": (jnp.sign, 0.0),
    "1/x": (lambda x: 1 / x, 0.0),
    "where that jumps near x": (lambda x: jnp.where(x[0] > 0, x[1], 0.0), jnp.zeros(2)),
    "floor": (jnp.floor, 1.0),
    "mod": (lambda x: jnp.mod(x, 2.0), 2.0),
    "one value apart": (lambda x: jnp.where(x == 0, 5.0, x), 0.0),
    "log": (lambda x: x + jnp.log(x), 0.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_not_locally_lipschitz(name):
    f, x = REFUSED[name]
    with pytest.raises(NotLocallyLipschitzError):
        clarke(f)(x)


def test_the_line_is_named():
    def stairs(x):
        return jnp.floor(x)

    with pytest.raises(NotLocallyLipschitzError, match=r"test_refusals\.py"):
        clarke(stairs)(1.0)


def test_unknown_primitive_is_refused_with_its_line():
    def f(x):
        return jnp.linalg.svd(x)[1].sum()

    with pytest.raises(UnsupportedPrimitiveError, match=r"svd.*test_refusals\.py"):
        clarke(f)(jnp.eye(2))


def test_a_product_into_one_place_has_no_derivative_in_jax():
    f = lambda x: jnp.sum(jnp.ones(3).at[jnp.array([0, 0])].multiply(x))
    for of in (clarke, subgradient):
        with pytest.raises(UnsupportedPrimitiveError, match=r"scatter-mul.*test_refusals\.py"):
            of(f)(jnp.ones(2))


def test_integers_and_vectors_are_refused():
    with pytest.raises(ArgumentError, match="integer"):
        clarke(abs)(0)
    with pytest.raises(NotScalarError):
        clarke(lambda x: x)(jnp.zeros(2))


def test_eigenvalues_that_meet_are_refused():
    largest = lambda x: jnp.linalg.eigvalsh(jnp.array([[1.0, 0.0], [0.0, 1.0]]) * x[0])[-1]
    with pytest.raises(UnsupportedPrimitiveError, match="eigenvalues meet"):
        clarke(largest)(jnp.ones(1))


def test_a_power_with_a_varying_exponent():
    # Smooth in x at 0 for the exponent 2, but not defined for x < 0 and exponents beside it.
    for exponent in (0.5, 2.0):
        with pytest.raises(NotLocallyLipschitzError):
            clarke(lambda w: w[0] ** w[1])(jnp.array([0.0, exponent]))


def test_wrong_use_says_so():
    with pytest.raises(ArgumentError, match="argnums"):
        clarke(lambda x, y: x * y, argnums=2)(1.0, 1.0)
    with pytest.raises(ArgumentError, match="under jit"):
        jax.jit(lambda x: clarke(abs)(x).min_norm())(0.0)
    with pytest.raises(ArgumentError, match="under jit"):
        jax.jit(lambda c: clarke(lambda x: c * jnp.abs(x))(0.0).min_norm())(1.0)


@pytest.mark.parametrize("f", [lambda x: jnp.abs(x) * jnp.nan, lambda x: jnp.abs(x) + jnp.inf])
def test_what_is_not_finite_has_none(f):
    with pytest.raises(NotLocallyLipschitzError, match=r"f is (nan|inf) at x"):
        clarke(f)(0.0)


def test_a_derivative_that_is_no_number_is_not_known():
    """Σ over what is not NaN of (Xw)²: the NaN of a row is multiplied by its weight 0."""
    X = jnp.array([[1.0, jnp.nan], [2.0, 1.0]])
    with pytest.raises(UnprovedError, match="NaN"):
        clarke(lambda w: jnp.nansum((X @ w) ** 2))(jnp.ones(2))
