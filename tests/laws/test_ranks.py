"""Ranks, null spaces and decided choices, against what they must be."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies

from steepest.laws._law import short_name
from steepest.laws._model import traced_model
from steepest.laws._ranges import decided
from steepest.laws._rank import in_fractions, independent, null_space, rank


def with_values(values, seed=0):
    rng = np.random.default_rng(seed)
    n = len(values)
    left = np.linalg.qr(rng.standard_normal((2 * n, n)))[0]
    right = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return left * np.array(values) @ right


@pytest.mark.parametrize(
    ("values", "least", "clear"),
    [
        ([1, 1, 1, 0], 3, True),
        ([1, 0.1, 1e-3, 1e-17], 3, True),
        ([1, 0.1, 1e-3, 1e-5], 4, True),
        ([1, 0.1, 1e-3, 1e-10], 3, False),  # too small to be sure of, too large for rounding
        ([1, 1e-2, 1e-6, 1e-11], 3, False),
        ([0, 0, 0], 0, True),
    ],
)
def test_rank(values, least, clear):
    assert rank(with_values(values)) == (least, clear)


def test_rank_of_columns_of_other_sizes():
    rows = with_values([1.0, 1.0, 1.0, 0.0]) * np.array([1, 1e-3, 1, 1e-2])
    assert rank(rows) == (3, True)


def test_null_space_in_fractions():
    rng = np.random.default_rng(1)
    laws = np.array([[1, 0, -1, 0, 2], [0, 1, 0, 1, -0.5]])
    rows = rng.standard_normal((20, 5))
    rows -= rows @ np.linalg.pinv(laws) @ laws
    basis = null_space(rows)
    assert in_fractions(basis) == [
        {0: 1, 2: -1, 4: 2},
        {1: 1, 3: 1, 4: Fraction(-1, 2)},
    ]
    assert null_space(with_values([1, 1, 1e-8])) is None
    assert in_fractions(np.array([[1, np.sqrt(2)]])) == []


def test_independent():
    vectors = np.array([[1.0, 1, 0], [2, 2, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]])
    chosen, basis = independent(np.zeros((0, 3)), vectors)
    assert chosen == [0, 3]
    np.testing.assert_allclose(basis @ basis.T, np.eye(2), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("params", "params"),
        ("params[0]", "params[0]"),
        ("params['W1']", "W1"),
        ("params['layers'][0]['W']", "layers[0].W"),
        ("params.weight", "weight"),
        ("params['a b'].W", "params['a b'].W"),
    ],
)
def test_short_names(name, short):
    assert short_name(name) == short


@given(seed=strategies.integers(0, 10_000))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_what_is_decided_is_so_for_every_input(seed):
    rng = np.random.default_rng(seed)
    params = [rng.standard_normal((3, 2)), rng.standard_normal((3, 3)), rng.standard_normal(3)]
    params[1] = params[1] + rng.choice([-1.5, 0.0, 1.5], (3, 1))

    def before(p, x):
        return p[1] @ jax.nn.relu(p[0] @ x) + jnp.minimum(p[2], 0) - 0.1

    model = lambda p, x: jax.nn.leaky_relu(jnp.maximum(before(p, x), 0))
    with jax.enable_x64(True):
        found = traced_model(model, params, np.ones((1, 2)))
    low = [leaf - 0.1 * np.abs(leaf) for leaf in params]
    high = [leaf + 0.1 * np.abs(leaf) for leaf in params]
    (_, _, unit, leak) = decided(found.closed, low, high, [(2,)]).values()
    np.testing.assert_array_equal(leak, 1.0)  # what a ReLU gives is at least 0
    dead = np.all(high[1] <= 0, 1)
    np.testing.assert_array_equal(unit == 0, dead)
    for _ in range(20):
        at = [leaf + 0.1 * rng.uniform(-1, 1, leaf.shape) * np.abs(leaf) for leaf in params]
        x = rng.standard_normal(2) * 10 ** rng.uniform(-2, 2)
        z = np.asarray(at[1] @ np.maximum(at[0] @ x, 0) + np.minimum(at[2], 0) - 0.1)
        assert not np.any((unit == 0) & (z > 0))
        assert not np.any((unit == 1) & (z < 0))
