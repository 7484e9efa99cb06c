"""What is read off a program before any number is seen."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import logsumexp

from steepest.subgradient import _value, subgradient
from steepest.subgradient._directions import random_directions, rank_one_directions
from steepest.subgradient._plan import plan
from steepest.subgradient._rules import RULES


def choices(f, *shape):
    """The choices of f that are left, by name."""
    flat = plan(jax.make_jaxpr(f)(jnp.ones(shape)))
    floats = lambda step: any(
        jnp.issubdtype(v.aval.dtype, np.floating) for v in step.equation.invars
    )
    idle = {"convert_element_type"}  # from float to float
    return [
        s.name for s in flat.steps if s.name in RULES.keys() - idle and not s.held and floats(s)
    ]


FREE = {
    "log_softmax": lambda x: jax.nn.log_softmax(x, axis=-1).sum(),
    "log_softmax, other axis": lambda x: jax.nn.log_softmax(x, axis=0).sum(),
    "softmax": lambda x: jax.nn.softmax(x).sum(),
    "by hand": lambda x: (jnp.exp(x - x.max()) / jnp.exp(x - x.max()).sum()).sum(),
    "restored": lambda x: x.max() + jnp.log(jnp.exp(x - x.max()).sum()),
}


@pytest.mark.parametrize("name", FREE)
def test_what_guards_against_overflow_is_no_choice(name):
    assert choices(FREE[name], 3, 4) == []


def test_logsumexp_keeps_no_largest():
    assert "reduce_max" not in choices(lambda x: logsumexp(x, axis=-1).sum(), 3, 4)


DEPENDS = {
    "the largest itself": lambda x: x.max(),
    "used twice": lambda x: (jnp.exp(x - x.max()) / jnp.exp(x - x.max()).sum()).sum() + x.max(),
    "along another axis": lambda x: (
        jnp.exp(x - x.max(1, keepdims=True))
        / jnp.exp(x - x.max(1, keepdims=True)).sum(0, keepdims=True)
    ).sum(),
    "a power": lambda x: (jnp.exp(x - x.max()) / jnp.exp(x - x.max()).sum() ** 2).sum(),
    "behind a stop_gradient": lambda x: jax.lax.stop_gradient(x.max()) * x.sum(),
    "summed": lambda x: (x - x.max()).sum(),
}


@pytest.mark.parametrize("name", DEPENDS)
def test_a_largest_number_that_f_depends_on_stays_a_choice(name):
    assert "reduce_max" in choices(DEPENDS[name], 3, 4)


CONTINUOUS = {
    "relu": lambda x: jnp.where(x > 0, x, 0.0),
    "not before": lambda x: jnp.where(x <= 1, x, 1.0),
    "turned": lambda x: jnp.where(x > 0.0, x, -0.5 * x),
    "bent": lambda x: jnp.where(x > 0, jnp.sin(x), jnp.expm1(x)),
    "nested": lambda x: jnp.where(x > 1, 1.0, jnp.where(x < -1, -1.0, x)),
    "masked": lambda x: x * (x > 0),
}
JUMPS = {
    "step": lambda x: jnp.where(x > 0, 1.0, 0.0),
    "another value": lambda x: jnp.where(x > 0, x, 1.0),
    "another threshold": lambda x: jnp.where(x > 1, x, 0.0),
    "of another number": lambda x: jnp.where(x > 0, x[::-1], 0.0),
    "an edge": lambda x: jnp.where(x > 0, jnp.log(x), 0.0),
    "mask of another number": lambda x: x[::-1] * (x > 0),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_selects_that_are_continuous(name):
    left = choices(lambda x: CONTINUOUS[name](x).sum(), 3)
    assert set(left) == {"switch"}


@pytest.mark.parametrize("name", JUMPS)
def test_selects_that_are_not(name):
    assert "switch" not in choices(lambda x: JUMPS[name](x).sum(), 3)


def test_directions():
    leaves = [jnp.zeros(()), jnp.zeros(5), jnp.zeros((3, 4)), jnp.zeros(10_000)]
    for draw in (random_directions, rank_one_directions):
        first, again, other = (draw(jax.random.key(k), leaves) for k in (0, 0, 1))
        for d, same, new, leaf in zip(first, again, other, leaves, strict=True):
            d, same, new = (getattr(v, "array", v) for v in (d, same, new))
            assert d.shape == leaf.shape
            assert np.all(np.asarray(d) != 0)
            assert np.unique(np.abs(d)).size > 0.99 * leaf.size
            np.testing.assert_array_equal(d, same)
            assert np.all(np.asarray(d) != np.asarray(new))
    matrix = np.asarray(rank_one_directions(jax.random.key(0), leaves)[2].array)
    assert np.linalg.matrix_rank(matrix) == 1


@pytest.mark.parametrize("first", range(6))
def test_a_name_of_a_constant_is_no_number_of_the_list(monkeypatch, first):
    """The first values of a process have the names 0, 1, …, as the variables have the places."""
    monkeypatch.setattr(_value, "_names", itertools.count(first))
    f = lambda x, c: c[0] * jnp.maximum(x[0], 0.0) + c[1] * x[1]
    x, c = jnp.array([1.0, 4.0]), jnp.array([2.0, 3.0])
    np.testing.assert_array_equal(jax.jit(subgradient(f))(x, c), c)
    np.testing.assert_array_equal(subgradient(f)(x, c), c)
