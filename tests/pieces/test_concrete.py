"""NumPy's rows say what JAX's primitives do, on ordinary and on odd numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from steepest.pieces._concrete import NUMPY, evaluate, run

RNG = np.random.default_rng(0)
ODD = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e300, 1e-300])
# All pairs of odd numbers, and ordinary ones.
LEFT = np.concatenate([np.repeat(ODD, len(ODD)), 3 * RNG.standard_normal(31)])
RIGHT = np.concatenate([np.tile(ODD, len(ODD)), 3 * RNG.standard_normal(31)])
WHOLE = RNG.integers(-(2**31), 2**31, 50).astype(np.int32)
OTHER = np.roll(WHOLE, 7)
BITS = WHOLE > 0
CUBE = RNG.standard_normal((3, 4, 5))
HOLED = np.where(RNG.random((3, 4, 5)) < 0.1, np.nan, CUBE)

UNARY = [
    *[lax.neg, lax.abs, lax.square, lax.sign, lax.floor, lax.ceil, lax.sqrt, lax.rsqrt, lax.cbrt],
    *[lax.exp, lax.exp2, lax.expm1, lax.log, lax.log1p, lax.logistic, lax.tanh, lax.sinh, lax.cosh],
    *[lax.asinh, lax.sin, lax.cos, lax.tan, lax.atan, lax.erf, lax.erfc, lax.is_finite],
    lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    lambda x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO),
    *[lambda x, y=y: lax.integer_pow(x, y) for y in (-3, -1, 0, 1, 2, 3, 7)],
]
BINARY = [lax.add, lax.sub, lax.mul, lax.div, lax.rem, lax.pow, lax.max, lax.min, lax.atan2]
COMPARE = [lax.eq, lax.ne, lax.gt, lax.ge, lax.lt, lax.le]
INTEGER = [lax.add, lax.sub, lax.mul, lax.max, lax.min, lax.bitwise_and, lax.bitwise_or]
MOVES = [
    lambda x: lax.reshape(x, (4, 15)),
    lambda x: lax.broadcast_in_dim(x, (2, 3, 6, 4, 5), (1, 3, 4)),
    lambda x: lax.broadcast_in_dim(x[:, :1], (3, 6, 5), (0, 1, 2)),
    lambda x: lax.transpose(x, (2, 0, 1)),
    lambda x: lax.squeeze(lax.expand_dims(x, (0, 2)), (0,)),
    lambda x: lax.slice(x, (0, 1, 0), (2, 4, 5), (1, 2, 3)),
    lambda x: lax.rev(x, (0, 2)),
    lambda x: lax.concatenate([x, x[:, :2]], 1),
    lambda x: lax.pad(x, 7.0, ((1, 2, 0), (0, 0, 0), (3, 0, 0))),
    lambda x: lax.pad(x, 7.0, ((-1, 2, 0), (0, 0, 1), (0, 0, 0))),
    lambda x: lax.split(x, (1, 3), 1),
    lambda x: lax.dynamic_slice(x, (1, 9, -9), (2, 2, 2)),
    lambda x: lax.dynamic_update_slice(x, x[:2, :2, :2], (2, -1, 1)),
    lambda x: x.sum((0, 2)),
    lambda x: [x.max(1), x.min((0, 1)), x.prod(), x.argmax(1), x.argmin(2)],
    lambda x: [jnp.all(x > 0, 1), jnp.any(x > 1, (0, 2))],
    lambda x: [lax.cumsum(x, 1), lax.cumprod(x, 2, reverse=True), lax.cumsum(x, 0, reverse=True)],
    lambda x: [lax.cummax(x, 1), lax.cummin(x, 2, reverse=True)],
    lambda x: lax.clamp(-0.5, x, 0.7),
    lambda x: lax.select_n((jnp.abs(x) * 2).astype(jnp.int32) % 3, x, 2 * x, -x),
    lambda x: lax.select_n(x[0, 0, 0] > 0, x, 2 * x),
    lambda x: x + lax.iota(jnp.int32, 5) + lax.broadcasted_iota(jnp.int32, (4, 5), 0),
]
PRODUCTS = [
    lambda x: jnp.einsum("abc,dbc->ad", x, x),
    lambda x: jnp.einsum("abc,abd->acdb", x, x),
    lambda x: jnp.einsum("abc,acd,bd->b", x, jnp.swapaxes(x, 1, 2), x[0, :, :4]),
    lambda x: x[0] @ x[1, 0],
    lambda x: jnp.vdot(x, x),
    lambda x: jnp.einsum("abc,cba->bac", x, x.T),
]
CASTS = [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_]


def check(f, *args, rtol=1e-13):
    args = [np.asarray(a) for a in args]
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(f)(*args)
        with np.errstate(all="ignore"):
            ours = run(closed, args)
        theirs = jax.tree.leaves(f(*map(jnp.asarray, args)))
    assert len(ours) == len(theirs)
    for mine, wanted in zip(ours, theirs, strict=True):
        assert isinstance(mine, np.ndarray)
        assert mine.shape == wanted.shape
        if not jnp.issubdtype(wanted.dtype, np.floating):
            assert mine.dtype == wanted.dtype
        np.testing.assert_allclose(mine, np.asarray(wanted), rtol=rtol, atol=1e-300)


@pytest.mark.parametrize("f", UNARY)
def test_functions_of_one_number(f):
    check(f, np.concatenate([ODD, 3 * RNG.standard_normal(40), 0.49999999999999994 + ODD[:3]]))


@pytest.mark.parametrize("f", BINARY + COMPARE)
def test_functions_of_two_numbers(f):
    check(f, LEFT, RIGHT)


@pytest.mark.parametrize("f", INTEGER + COMPARE)
def test_integers_wrap(f):
    check(f, WHOLE, OTHER)


def test_integers_divide_as_they_do_in_jax():
    for f in (lax.div, lax.rem):
        check(f, WHOLE, OTHER // 2**27)
    check(lambda x: [-x, jnp.abs(x), ~x, jnp.sign(x), x.sum(), x**3, x.max(), x.argmin()], WHOLE)
    check(lambda b: [~b, jnp.logical_xor(b, b[::-1]), b.sum(), b & b[::-1], b.cumsum()], BITS)


@pytest.mark.parametrize("f", MOVES)
def test_moves_and_reductions(f):
    check(f, CUBE, rtol=1e-12)


def test_not_a_number_wins_every_maximum():
    check(lambda x: [x.max(1), x.min(2), x.argmax(1), x.argmin(0), lax.cummax(x, 1)], HOLED)


@pytest.mark.parametrize("f", PRODUCTS)
def test_products(f):
    check(f, CUBE, rtol=1e-12)


@pytest.mark.parametrize("to", CASTS)
def test_casts(to):
    finite = np.array([0.0, 0.5, -1.0, 3.9, 100.0, -100.0, 1e9])
    if to != np.float32:  # floats stay doubles
        check(lambda x: x.astype(to), finite if to != np.uint8 else finite[:2])
    for source in (WHOLE, BITS):
        check(lambda x: x.astype(to), source, rtol=1e-7 if to == np.float32 else 0)


def test_what_is_not_in_the_table_is_left_to_jax():
    check(lambda x: [jnp.sort(x, 1), lax.lgamma(x), x[jnp.array([2, 0])]], CUBE)
    check(lambda x: x * jax.random.normal(jax.random.key(0), (5,)), CUBE)
    check(lambda x: lax.scan(lambda c, a: (c + a, c * a), x[0], x), CUBE)


def test_floats_are_doubles_whatever_the_program_s_precision():
    closed = jax.make_jaxpr(lambda x: 0.1 * x)(jnp.ones(2, jnp.float32))
    with jax.enable_x64(True):
        (out,) = run(closed, [np.full(2, 1 / 3)])
    np.testing.assert_allclose(out, np.float64(np.float32(0.1)) / 3, rtol=1e-15)


def test_the_table_is_tested_whole():
    functions = [(f, LEFT) for f in UNARY] + [(f, CUBE) for f in [*MOVES, *PRODUCTS]]
    seen = set()
    with jax.enable_x64(True):
        for f, x in functions:
            seen |= {e.primitive.name for e in jax.make_jaxpr(f)(x).jaxpr.eqns}
        for f in [*BINARY, *COMPARE, lax.bitwise_xor, lax.bitwise_and, lax.bitwise_or]:
            x = BITS if "bitwise" in f.__name__ else LEFT
            seen |= {e.primitive.name for e in jax.make_jaxpr(f)(x, x).jaxpr.eqns}
    assert set(NUMPY) - seen <= {"add_any", "not", "convert_element_type", "expand_dims"}


def test_tracers_are_left_to_jax():
    closed = jax.make_jaxpr(lambda x: jnp.sin(x) + 1)(1.0)
    (sine, *_) = closed.jaxpr.eqns
    with jax.enable_x64(True):
        out = jax.jit(lambda x: evaluate(sine, [x])[0])(0.5)
    assert isinstance(out, jax.Array)
