"""Divisors guarded against 0: proved where the guard is of the dividend, and only there."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

import steepest as st

x = jnp.array([1.0, -2.0, 3.0, 0.5])
square = jnp.arange(16.0).reshape(4, 4) - 5.0
norm = jnp.linalg.norm


def by(n, one=1.0):
    return jnp.where(n > 0, n, one)


def root(s):
    return jnp.where(s == 0, 0.0, jnp.sqrt(jnp.where(s == 0, 1.0, s)))


def rows(a):
    return a / by(norm(a, axis=1, keepdims=True))


PROVED = {
    "positive": (lambda x: x / by(norm(x)), x, 0),
    "not zero": (lambda x: x / jnp.where(norm(x) == 0, 1, norm(x)), x, 0),
    "largest": (lambda x: x * 2 / by(jnp.max(jnp.abs(x))), x, 0),
    "rows": (rows, square, 0),
    "columns": (lambda a: a / by(norm(a, axis=0)), square, 0),
    "rows, mapped": (jax.vmap(lambda x: x / by(norm(x))), square, 0),
    "root": (lambda x: root(jnp.sum(x**2)), x, 1),
    "root of a sum of products": (lambda x: root(jnp.sum(x * x)), x, 1),
    "hypot": (lambda x: jnp.hypot(x[0], x[1]), x, 1),
    "without NaN": (jnp.nanprod, x, 4),
    "heaviside": (lambda x: jnp.heaviside(x, 0.5), x, 0),
    "entropy": (
        lambda x: jnp.sum(jax.scipy.special.entr(jnp.abs(x) / jnp.sum(jnp.abs(x)))),
        x,
        0,
    ),
    "one case by the same test": (lambda x: jnp.where(x > 0, jnp.where(x > 0, x, 7.0), -x), x, 1),
    "one mask": (
        lambda x: (lambda m: jnp.where(m, x * jnp.where(m, 1.0, x), 0.0))((x > 0) & (x[0] > 0)),
        x,
        1,
    ),
}


@pytest.mark.parametrize("name", PROVED)
def test_proved(name):
    f, params, degree = PROVED[name]
    h = st.homogeneity(f)(params)
    assert (h.status, h.degree) == ("proved", degree), h


def in_a_loop(a):
    """The rows of each step are others; so is what their norm says."""

    def step(before, row):
        return norm(row), row / jnp.where(before > 0, before, 1.0)

    return lax.scan(step, norm(a[0]), a)[1]


NOT_PROVED = {
    "norms of rows for columns": lambda a: a / by(norm(a, axis=1)),
    "norm of something else": lambda a: a[0] / by(norm(a[1])),
    "a sum that can vanish": lambda a: a / jnp.where(jnp.sum(a) == 0, 1, jnp.sum(a)),
    "where the norm may be NaN": lambda a: jnp.sqrt(a) / by(norm(jnp.sqrt(a))),
    "a numerator that stays": lambda a: (a + norm(a[0])) / by(norm(a)) ** 2 + 1 / by(norm(a)),
    "the other side": lambda a: a + jnp.where(norm(a) > 0, 1.0, norm(a)),
    "negative": lambda a: a / jnp.where(-norm(a) > 0, norm(a), 1.0),
    "in a loop": in_a_loop,
    "NaN becomes 1": lambda a: jnp.where(jnp.isnan(jnp.sqrt(a)), 1.0, jnp.sqrt(a)),
    "infinity becomes 1": lambda a: jnp.where(jnp.isfinite(1 / a), 1 / a, 1.0),
    "sides swapped": lambda a: jnp.where(a > 0, jnp.where(a > 0, 7.0, a), -a),
    "another test": lambda a: jnp.where(a > 0, jnp.where(a.T > 0, a, 7.0), -a),
}


@pytest.mark.parametrize("name", NOT_PROVED)
def test_not_proved(name):
    assert st.homogeneity(NOT_PROVED[name])(square).status != "proved"
