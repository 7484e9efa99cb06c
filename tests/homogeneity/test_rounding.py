"""Identities that only rounding breaks are not refuted; what is no identity goes on being so."""

import operator
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.scipy.special import logit

import steepest as st
from steepest.homogeneity._exactness import exact
from steepest.homogeneity._rounding import EPS, RandomRounding

x = np.array([1.0, 2.0, 3.0])
single = jnp.array([1.0, -0.7, 2.3], jnp.float32)

# Each is homogeneous by an exact identity, and is computed through terms of another degree.
IDENTITIES = {
    "p, by softplus": lambda p: jax.nn.softplus(p) - jax.nn.softplus(-p),
    "differences": lambda p: jnp.diff(p + 1.0),
    "p0 - p1, by log softmax": lambda p: jax.nn.log_softmax(p)[0] - jax.nn.log_softmax(p)[1],
    "p, by a sum": lambda p: (p + 1) - 1,
    "p, by a sum with 1/3": lambda p: (p + 1 / 3) - 1 / 3,
    "p², by a square": lambda p: (p + 1) ** 2 - 2 * p - 1,
    "4p, by two squares": lambda p: (p + 1) ** 2 - (p - 1) ** 2,
    "the mean of p²": lambda p: jnp.mean((p + 1) ** 2) - 1 - 2 * jnp.mean(p),
    "p, by log exp": lambda p: jnp.log(jnp.exp(p)),
    "p, by logit": lambda p: logit(jax.nn.sigmoid(p)),
    "variance": lambda p: jnp.var(p + 5.0),
    "deviation": lambda p: jnp.std(p + 2.0),
    "centred": lambda p: (p + 3) - jnp.mean(p + 3),
    "normalised": lambda p: (p + 1 - jnp.mean(p + 1)) / jnp.std(p + 1),
    "p, by logaddexp": lambda p: jnp.logaddexp(p, 0) - jnp.logaddexp(-p, 0),
    "p, by a quotient": lambda p: (p * p - 1) / (p + 1) + 1,
    "p, by relu": lambda p: p + 1.0 - jax.nn.relu(1.0 + 0 * p),
    "p, by tan atan": lambda p: jnp.tan(jnp.arctan(p)),
    "p, by log 2": lambda p: jax.nn.logsumexp(jnp.stack([p, p]), axis=0) - float(np.log(2)),
    "p, by a transform": lambda p: jnp.fft.ifft(jnp.fft.fft(p + 1.0)).real - 1.0,
    "p, by a loop": lambda p: lax.scan(lambda c, _: (c + 1.0, None), p, None, length=5)[0] - 5.0,
    "p, by a branch": lambda p: lax.cond(p[0] > 0, lambda p: (p + 1) - 1, lambda p: p, p),
    "p, by what underflows": lambda p: (jnp.sum(p**100) + 0 * jnp.exp(p[0])) ** 0.01,
    "p, by what overflows": lambda p: (jnp.sum(1 / (1 / p) ** 100) + 0 * jnp.exp(p[0])) ** 0.01,
}
# No two of these scale alike; some only where little is left of what cancels.
OTHERS = {
    "p + p²/1000": lambda p: p + 1e-3 * p**2,
    "the same, after a sum": lambda p: (p + 1) - 1 + 1e-3 * p**2,
    "relu(p + 1)": lambda p: jax.nn.relu(p + 1),
    "swish": lambda p: p * jax.nn.sigmoid(p),
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
    "huber": lambda p: jnp.sum(jnp.where(abs(p) < 1, p**2 / 2, abs(p) - 0.5)),
    "layer norm": lambda p: (p - jnp.mean(p)) / jnp.sqrt(jnp.var(p) + 1e-5),
    "log(1 + exp p)": lambda p: jnp.log1p(jnp.exp(p)),
    "smoothed": lambda p: jnp.sqrt(p**2 + 1e-6),
    "p + 1e-9": lambda p: p + 1e-9,
    "cross entropy": lambda p: -jax.nn.log_softmax(p)[1],
    "squared error": lambda p: jnp.mean((p - jnp.array([0.1, 0.2, 0.3])) ** 2),
    "a transform": lambda p: jnp.fft.fft(jnp.tanh(p)).real,
    "a loop": lambda p: lax.scan(lambda c, _: (jnp.tanh(c), None), p, None, length=3)[0],
    "a count of floats": lambda p: lax.while_loop(
        lambda c: c[0] < 3.0, lambda c: (c[0] + 1.0, jnp.tanh(c[1])), (0.0, p)
    )[1],
    "a median of three": lambda p: jnp.median(jnp.tanh(p)),
    "one entry of many that cancel": lambda p: jnp.stack([(p[0] + 1) - 1, jnp.tanh(p[1])]),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_rounding_refutes_nothing(name):
    h = st.homogeneity(IDENTITIES[name])(x)
    assert h.status != "refuted", h.counterexample


@pytest.mark.parametrize("name", [*list(IDENTITIES)[:5], "p, by log 2", "p, by a loop"])
def test_rounding_refutes_nothing_in_single_precision(name):
    h = st.homogeneity(IDENTITIES[name])(single)
    assert h.status != "refuted", h.counterexample


@pytest.mark.parametrize("name", ["p, by softplus", "p, by a loop"])
def test_rounding_refutes_nothing_with_float64_switched_on(name):
    with jax.enable_x64(True):
        assert st.homogeneity(IDENTITIES[name])(jnp.asarray(x)).status != "refuted"


@pytest.mark.parametrize(("number", "name"), list(enumerate(OTHERS)))
def test_others_go_on_being_refuted(number, name):
    f, params = OTHERS[name], (x, single)[number % 2]
    h = st.homogeneity(f)(params)
    assert h.counterexample is not None, h
    alpha, p = h.counterexample
    with jax.enable_x64(np.asarray(p).dtype == np.float64):
        f0, f1, f2 = (np.asarray(f(jnp.asarray(p * alpha**k)), np.float64) for k in range(3))
    apart = np.abs(f1**2 - f0 * f2) > 0.01 * np.maximum(f1**2, np.abs(f0 * f2))
    if np.any(apart) or np.any(f0 * f1 < 0):
        return
    alive = (f0 != 0) & (f1 != 0)
    assert np.ptp(np.log(np.abs(f1[alive] / f0[alive])) / np.log(alpha)) > 0.01


def drawn(f, params, draws=20):
    """f's values under random roundings, one row for each."""
    with jax.enable_x64(True):
        closed = jax.make_jaxpr(f)(params)
        runs = [RandomRounding(np.uint64(k)).run(closed, [params])[0] for k in range(draws)]
    return np.stack(runs)


def test_the_spread_is_that_of_the_terms_that_cancel():
    """(p + c) − c is off by a few units of c, whatever p."""
    for p in (1e-3, 1e-9, 1e-15):
        for c in (1.0, 1 / 3, 1e6):
            spread = np.std(drawn(lambda p, c=c: (p + c) - c, np.float64(p)))
            assert EPS < spread / c < 10 * EPS


def test_the_spread_bounds_the_error():
    """Sums of 1000 numbers against their exact sum, which rationals give."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        terms = rng.standard_normal(1000)
        exact = float(sum(map(Fraction, terms.tolist())))
        found = drawn(jnp.sum, terms)
        assert np.all(np.abs(found - np.sum(terms)) < 1000 * np.std(found))
        assert abs(np.sum(terms) - exact) < 5 * np.std(found)


def test_what_is_exact_is_not_moved():
    """Whole numbers, halves, and what is moved about, chosen or compared."""
    given = lambda p: 0 * p + jnp.array([3.0, 1.5, -2.0])
    for f in (
        lambda p: given(p) * 2.5 - 0.25,
        lambda p: jnp.sum(jnp.sign(given(p))) / 2,
        lambda p: jnp.square(jnp.sort(given(p))[::-1]),
        lambda p: jnp.where(given(p) > 0, 1.0, 0.5),
    ):
        values = drawn(f, np.zeros(3))
        assert np.all(values == values[0])


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_what_is_called_exact_is_so(name):
    """Numbers of 1 to 53 bits, against rationals."""
    rng = np.random.default_rng(0)
    scales = 2.0 ** rng.integers(-60, 60, (2, 4000))
    bits = np.array([rng.integers(1, 2 ** int(k)) for k in rng.integers(1, 54, 8000)])
    a, b = bits.reshape(2, 4000) * scales
    if name == "mul":
        a[:500], b[:500] = a[:500] * 2.0**-500, b[:500] * 2.0**-540  # below the range
    if name == "div":
        a = a * rng.choice([1.0, *b[:20]], a.shape)
        a[:1000] = b[:1000] * rng.integers(1, 9, 1000)
        a[500:1000] = np.nextafter(a[500:1000], 0)  # all but divisible
    operation = {"div": operator.truediv}.get(name) or getattr(operator, name)
    out = operation(a, b)
    said = exact(name, [a, b], out)
    terms = zip(a.tolist(), b.tolist(), out.tolist(), strict=True)
    true = np.array([operation(Fraction(p), Fraction(q)) == Fraction(r) for p, q, r in terms])
    assert not np.any(said & ~true)
    assert np.sum(said) > np.sum(true) / 5 > 20
