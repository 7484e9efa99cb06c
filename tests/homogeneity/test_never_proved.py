"""Functions that look homogeneous to a careless rule: each was once proved, or raised."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import steepest as st

x = jnp.array([1.0, -2.0, 3.0, 0.5])
positive = jnp.abs(x)


def in_place(x):
    ref = jax.new_ref(jnp.zeros(4))
    ref.set(jnp.tanh(x))
    return ref.get()


def carry_is_another_number(x):
    """In the first step the carry is ‖x‖, which is 0 only with x; in the others it is not."""

    def step(c, _):
        return jnp.abs(c - jnp.linalg.norm(x)), jnp.sum(x / jnp.where(c == 0, 1.0, c))

    return lax.scan(step, jnp.linalg.norm(x), None, length=3)[1]


def steps():
    """The fourth is 0.3 in float32, and just below it in float64."""
    return jnp.arange(11, dtype=jnp.float32) * 0.1 >= 0.3


# A degree that rests on a constant on which float32 and float64 do not agree.
DECIDED_BY_ROUNDING = {
    "which entries": lambda x: jnp.where(steps(), jnp.sum(x), jnp.sum(x) ** 2)[3],
    "which place": lambda x: jnp.stack([x[0] ** (i + 1) for i in range(11)])[jnp.argmax(steps())],
    "which branch": lambda x: lax.cond(steps()[3], lambda x: x, lambda x: x**2, x),
    "which exponent": lambda x: x ** jnp.sum(steps()[:4]).astype(float),
    "how many steps": lambda x: lax.fori_loop(0, jnp.argmax(steps()), lambda i, c: c * x, x),
}


@pytest.mark.parametrize("name", DECIDED_BY_ROUNDING)
def test_what_rounding_decides_is_not_proved(name):
    assert st.homogeneity(DECIDED_BY_ROUNDING[name])(positive).status == "unknown"


def test_a_long_chain_of_constants():
    def f(x):
        t = jnp.float32(0)
        for _ in range(600):
            t = t + 1
        return jnp.where(jnp.arange(4) < t, x, x**2)

    assert st.homogeneity(f)(x).degree == 1


NOT_HOMOGENEOUS = {
    "what a gather fills in": lambda x: jnp.take(x, jnp.array([0, 9]), mode="fill", fill_value=7.0),
    "whether a logarithm is 0": lambda x: jnp.where(jnp.log(positive * x), 1.0, 2.0),
    "4-bit integers": lambda x: x.astype(jnp.int4).astype(jnp.float32),
    "8-bit floats": lambda x: x.astype(jnp.float8_e4m3fn).astype(jnp.float32),
    "rounded to 2 bits": lambda x: lax.reduce_precision(x, 8, 2),
    "a function of single entries": lambda x: x.at[0].apply(jnp.tanh),
    "written in place": in_place,
    "a reduction that starts from 1": lambda x: lax.reduce(x, 1.0, lax.add, (0,)),
    "a window that starts from 1": lambda x: lax.reduce_window(x, 1.0, lax.max, (2,), (2,), "SAME"),
    "a product over windows": lambda x: lax.reduce_window(x, 1.0, lax.mul, (2,), (2,), "VALID"),
    "a carry": carry_is_another_number,
    "the largest of two degrees": lambda x: jnp.argmax(jnp.stack([x[0], x[1] ** 2])),
    "a comparison of two degrees": lambda x: jnp.where(x[0] > x[1] ** 2, x, 2 * x),
    "a product with two degrees": lambda x: jnp.ones(2) @ jnp.stack([x[0], x[1] ** 2]),
    "padded with 1": lambda x: jnp.pad(jnp.stack([x[0], x[1] ** 2]), 1, constant_values=1.0)[:2],
    "a carry that grows as often as the data say": lambda x: lax.fori_loop(
        0, jnp.argmax(x), lambda i, c: c * x, x
    ),
    "a logarithm times i": lambda x: jnp.real(jnp.exp(jnp.log(x) * 1j)),
}


@pytest.mark.parametrize("name", NOT_HOMOGENEOUS)
def test_not_proved(name):
    assert st.homogeneity(NOT_HOMOGENEOUS[name])(x).status != "proved"


def solve_with_ones(x):
    return jax.scipy.linalg.solve_triangular(0 * x[0] * jnp.eye(4), x, unit_diagonal=True)


def reduced(x):
    return lax.reduce(x, 0.0, lambda a, b: jnp.maximum(jnp.abs(a), jnp.abs(b)), (0,))


PROVED = {
    "ones on the diagonal of zeros": (solve_with_ones, x, 1),
    "a gather that fills with 0": (lambda x: x.at[jnp.array([0, 9])].get(mode="fill"), x, 1),
    "log2": (lambda x: jnp.exp2(jnp.mean(jnp.log2(x))), positive, 1),
    "log10": (lambda x: 10.0 ** jnp.mean(jnp.log10(x)), positive, 1),
    "a third of a logarithm": (
        lambda x: jnp.exp(jnp.sum(jnp.log(x)) * (1 / 3)),
        positive,
        Fraction(4, 3),
    ),
    "a reduction of one's own": (reduced, x, 1),
    "an array of degrees, row by row": (
        jax.grad(lambda x: lax.scan(lambda c, v: (c * v, None), 1.0, x)[0]),
        x,
        3,
    ),
    "a triangle of a factorisation": (
        lambda x: jax.scipy.linalg.lu(x.reshape(2, 2))[2],
        x,
        1,
    ),
    "complex zeros": (lambda x: jax.scipy.signal.fftconvolve(x, x), x, 2),
    "bfloat16": (lambda x: jnp.where(x > 0, x, 0) * x, x.astype(jnp.bfloat16), 2),
    "some entries doubled": (lambda x: x.at[0].multiply(2.0), x, 1),
    "forward mode of max pool": (
        lambda x: jax.jvp(
            lambda q: lax.reduce_window(q, -jnp.inf, lax.max, (2,), (2,), "SAME"), (x,), (x,)
        )[1],
        x,
        1,
    ),
}


@pytest.mark.parametrize("name", PROVED)
def test_proved(name):
    f, params, degree = PROVED[name]
    h = st.homogeneity(f)(params)
    assert (h.status, h.degree) == ("proved", degree), h


def test_reasons_of_what_cannot_be_run_or_written_as_a_float():
    twice = lambda x: jax.pure_callback(lambda v: np.asarray(v) * 2, jax.typeof(x), x)
    assert st.homogeneity(twice)(x).status == "unknown"
    h = st.homogeneity(lambda x: jnp.abs(x + (1.0 + 1j)))(x)
    assert (h.status, "a constant" in h.reason) == ("refuted", True)


def test_arrays_without_entries():
    f = lambda p: jnp.sum(jnp.linalg.inv(p[1])) + p[0]
    assert st.homogeneity(f)((2.0, jnp.zeros((0, 0)))).status != "refuted"


def test_a_counterexample_shows_in_two_values():
    """The power between f(p) and f(αp) alone is far from a simple fraction."""
    for f in (lambda x: x**2 + 1e-9, lambda x: x**3 + x, jnp.tanh, jax.nn.softplus):
        alpha, p = st.homogeneity(f)(1.0).counterexample
        power = np.log(f(alpha * p) / f(p)) / np.log(alpha)
        assert min(abs(power - round(power * q) / q) for q in (1, 2, 3)) > 0.02
