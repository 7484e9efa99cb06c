"""Two programs of one content are one; a number, an equation or a line tells them apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

from steepest.pieces import trace
from steepest.pieces._content import Content

A = np.arange(6.0).reshape(3, 2)
X = np.array([0.5, -0.25])


def content(f, x=X):
    return Content(trace(f, x))


def everything(x, a=A, power=2, scale=3.0, index=1):
    """Calls, loops, branches, indices, constants and literals."""
    total = jnp.sum(jax.nn.relu(a @ x)) + jax.nn.gelu(x[index]) ** power
    total += jax.lax.fori_loop(0, 3, lambda i, c: c + jnp.abs(x[0] - i * scale), 0.0)
    total += jax.lax.cond(x[0] > 0, lambda: jnp.max(x), lambda: scale * jnp.min(x))
    return total + jax.lax.scan(lambda c, row: (c + row @ x, None), 0.0, a)[0]


VARIANTS = {
    "an array": {"a": A + np.eye(3, 2) * 1e-300},
    "a power": {"power": 3},
    "a literal": {"scale": np.nextafter(3.0, 4.0)},
    "an index": {"index": 0},
    "a type": {"a": A.astype(np.float32)},
    "a shape": {"a": np.vstack([A, A])},
    "a sign of zero": {"a": np.where(A == 0, -0.0, A)},
}


def test_traced_again_it_is_the_same():
    first, second = content(everything), content(lambda x: everything(x, A.copy()))
    assert first == second
    assert hash(first) == hash(second)
    assert content(lambda x: everything(x, np.full_like(A, np.nan))) == content(
        lambda x: everything(x, np.full_like(A, np.nan))
    )


@pytest.mark.parametrize("what", VARIANTS)
def test_one_thing_changed_is_another(what):
    assert content(everything) != content(lambda x: everything(x, **VARIANTS[what]))


def test_types_and_shapes_of_the_point_tell_apart():
    f = lambda x: jnp.sum(x**2)
    assert content(f) == content(f, 2 * X)
    assert content(f) != content(f, X.astype(np.float32))
    assert content(f) != content(f, np.ones(3))


def test_lines_tell_apart():
    f, g = (
        lambda x: jnp.sum(jnp.abs(x)),
        lambda x: jnp.sum(jnp.abs(x)),
    )
    assert content(f) != content(g)


def test_what_looks_the_same_but_computes_another():
    """Variables in another order, and one number for another."""

    def differing(flag):
        def f(x):
            a, b = jnp.sin(x[0]), jnp.cos(x[1])
            return jnp.maximum(*((a, b) if flag else (b, a)))

        return f

    assert content(differing(True)) == content(differing(True))
    assert content(differing(True)) != content(differing(False))


@given(
    st_.lists(st_.integers(0, 3), min_size=1, max_size=6), st_.integers(0, 5), st_.integers(0, 3)
)
def test_random_chains(chain, place, other):
    """Content is equal exactly where the chains are."""
    steps = [jnp.abs, jnp.sin, lambda y: y * 2.0, lambda y: jnp.maximum(y, 0.5)]

    def made(chain):
        def f(x):
            for k in chain:
                x = steps[k](x)
            return jnp.sum(x)

        return f

    changed = [*chain]
    changed[place % len(chain)] = other
    assert (content(made(chain)) == content(made(changed))) == (chain == changed)


def test_its_arrays_are_its_own():
    a = A.copy()
    kept = content(lambda x: jnp.sum(a @ x))
    a[0, 0] = 7.0
    assert float(np.asarray(kept.program([X]))) == float(np.sum(A @ X))


def test_keys_of_random_numbers():
    """They show no bits: one is equal to itself alone."""
    key, other = jax.random.key(0), jax.random.key(0)
    made = lambda key: content(lambda x: jnp.sum(x * jax.random.normal(key, (2,))))
    assert made(key) == made(key)
    assert made(key) != made(other)
