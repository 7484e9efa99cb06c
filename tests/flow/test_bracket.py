"""The first root of some numbers, and how many points it takes to find it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as some
from jax import lax

from steepest.flow._bracket import Bracket

WIDTH = 2.0**-30


def narrowed(numbers, low, high, width=WIDTH):
    """The bracket where it is narrower than this share of the first."""
    with jax.enable_x64(True):
        begin = Bracket.of(*map(jnp.asarray, (low, high, numbers(low), numbers(high))))

        def narrow(b):
            t = b.point()
            return b.narrowed(t, numbers(t))

        goes_on = lambda b: (b.points < 100) & (b.high - b.low > width * (high - low))
        return jax.tree.map(np.asarray, lax.while_loop(goes_on, narrow, begin))


@given(seed=some.integers(0, 2**16))
def test_it_is_where_the_first_of_them_turns_negative(seed):
    rng = np.random.default_rng(seed)
    roots, rates, bends = rng.uniform(0.1, 0.9, 5), rng.uniform(0.1, 10, 5), rng.uniform(0, 3, 5)
    later = rng.uniform(2, 5, 3)

    def numbers(t):
        falling = rates * (jnp.expm1(bends * (roots - t)) + 0.01 * (roots - t))
        return jnp.concatenate([falling, later - t])

    b = narrowed(numbers, 0.0, 1.0)
    assert b.low <= np.min(roots) <= b.high
    assert b.high - b.low <= WIDTH
    assert b.points <= 15


@pytest.mark.parametrize(
    "number",
    [
        lambda t: 1e-9 - t**9,
        lambda t: jnp.where(t < 0.7, 1.0, -1e-8),
        lambda t: jnp.exp(-50 * t) - jnp.exp(-49.0),
        lambda t: jnp.minimum(0.5 - t, 1e9 * (0.123456 - t)),
        lambda t: jnp.minimum(1e-6, 1e-5 - t),
        lambda t: jnp.where(t < 0.3, jnp.inf, -1.0),
    ],
)
def test_no_function_takes_more_than_a_few_points_more_than_halving(number):
    b = narrowed(number, 0.0, 1.0)
    assert b.points <= 30 + 4
    with jax.enable_x64(True):
        assert number(b.low) >= 0
        assert number(b.high) < 0


def test_a_smooth_number_takes_few_points():
    counts = [narrowed(lambda t, c=c: jnp.cos(t) - c, 0.0, 1.5).points for c in (0.2, 0.5, 0.8)]
    assert max(counts) <= 11


def test_ends_that_are_neighbours_come_to_an_end():
    with jax.enable_x64(True):
        low = jnp.asarray(0.5)
        b = Bracket.of(low, jnp.nextafter(low, 1.0), jnp.asarray(1.0), jnp.asarray(-1.0))
        assert b.low <= b.point() <= b.high
