"""The keys of one row are those of the whole program, and so are their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as some

from steepest.pieces import _gated, trace
from steepest.pieces._gated import Gated

rng = np.random.default_rng(0)
X, IMAGES = rng.standard_normal((12, 3)), rng.standard_normal((10, 1, 6, 6))
SEQUENCES, P = rng.standard_normal((9, 4, 2)), rng.standard_normal((3, 4))


def network(w):
    """Data points in columns."""
    hidden = jax.nn.relu(w[0] @ X.T)
    return jnp.mean(jnp.abs(w[1] @ hidden - 1.0))


def by_rows(w):
    """Data points in rows, with a norm's penalty."""
    hidden = jnp.maximum(X @ w[0].T, -0.1 * X @ w[0].T)
    return jnp.mean(jnp.max(hidden @ w[1].T, axis=1)) + jnp.sum(jnp.linalg.norm(w[0], axis=1))


def biased(w):
    """One row of biases for all data points."""
    hidden = jax.nn.relu(X @ w[0].T + w[1][0])
    return jnp.mean(jnp.abs(hidden @ w[1].T + w[0][0, 0]))


def mapped(w):
    """One data point, under vmap."""
    one = lambda x: jnp.sum(jax.nn.leaky_relu(w[1] @ jax.nn.relu(w[0] @ x)))
    return jnp.sum(jax.vmap(one)(jnp.asarray(X)) ** 2)


def convolutions(w):
    hidden = jax.lax.conv_general_dilated(
        jnp.asarray(IMAGES), w[0].reshape(4, 1, 3, 1), (1, 1), "SAME"
    )
    pooled = jnp.max(jax.nn.relu(hidden).reshape(10, 4, 9, 4), axis=3)
    return jnp.mean(jnp.abs(jnp.sum(pooled, axis=(1, 2)) * jnp.sum(w[1])))


def recurrent(w):
    state = jnp.zeros((9, 4))
    for k in range(4):
        state = jax.nn.relu(state @ w[1].T @ w[1] + SEQUENCES[:, k] @ w[0][:2].reshape(2, 3) @ P)
    return jnp.sum(state)


def attention(w):
    """Products with two axes beside the contracted one, and over the batch's own."""
    x = SEQUENCES @ w[0][:2, :2] + w[1][1:2, :2]
    scores = jnp.einsum("nsi,nti->nst", x, x) - 0.3
    return jnp.sum(jnp.einsum("nst,ntj,jk->nsk", jax.nn.relu(scores), SEQUENCES, w[1][:2]) ** 2)


def pivot(w):
    """One number beside all others."""
    x = w[1].ravel()
    chosen = jnp.where(np.arange(6) % 2, x[8:9], x[:6])
    kinks = jnp.abs(x[:6] - x[7:8]), jnp.abs(chosen), jnp.maximum(x[10:] * x[9:10], 0.1 * x[10:])
    return sum(map(jnp.sum, kinks))


def variation(w):
    """No row stands for itself, and those of the two sums are of two lengths."""
    x = w[1].ravel()
    return jnp.sum(jnp.abs(jnp.diff(x))) + jnp.sum(jnp.abs(jnp.diff(x, 2))) + jnp.sum(x**2)


def pairs(w):
    """Norms of differences of neighbours, and every other one's absolute value."""
    moved = w[1][1:] - w[1][:-1]
    return jnp.sum(jnp.sqrt(jnp.sum(moved**2, axis=1))) + jnp.sum(jnp.abs(w[1][::2]))


def whole(w):
    """Each key depends on all of a layer's outputs."""
    hidden = w[0] @ X.T
    hidden = hidden - jnp.mean(hidden, axis=1, keepdims=True)
    return jnp.sum(jax.nn.relu(hidden)) + jnp.sum(jnp.sort(w[1], axis=0)[0])


PROGRAMS = [network, by_rows, mapped, convolutions, recurrent, attention, pivot, variation]
PROGRAMS += [pairs, whole, biased]


@pytest.mark.parametrize("f", PROGRAMS)
@given(seed=some.integers(0, 2**16))
def test_rows_are_those_of_the_program(f, seed):
    with jax.enable_x64(True), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gated, "_WORTH", np.inf)
        rng = np.random.default_rng(seed)
        gated = Gated(trace(f, [rng.standard_normal((6, 3))[:4], rng.standard_normal((5, 4))]))
        y = jnp.asarray(rng.standard_normal(gated.program.point.dimension))
        weights = rng.random(gated.size)
        leaves, rows = gated.program.leaves, gated.rows
        at = jnp.asarray(rows.row), jnp.asarray(rows.place)
        of_row = lambda y, k: rows(leaves(y), weights, at[0][k])[at[1][k]]
        of_all = lambda y, k: gated(leaves(y), weights)[1][k]
        keys = rng.integers(0, gated.size, 40)
        both = [jax.jit(jax.vmap(jax.value_and_grad(f), (None, 0))) for f in (of_row, of_all)]
        for a, b in zip(*(f(y, keys) for f in both), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


COUNTS = {network: 12, by_rows: 12, mapped: 12, convolutions: 10, recurrent: 9, variation: 20}
COUNTS |= {attention: 9, biased: 12}


@pytest.mark.parametrize(("f", "count"), COUNTS.items())
def test_a_row_costs_its_share(f, count):
    gated = Gated(trace(f, [np.ones((4, 3)), np.ones((5, 4))]))
    assert gated.rows is not None
    # Beside it there may be what is not data: a norm of the weights, a product of them.
    assert 1 / count <= gated.rows.share <= 1.5 / count + 0.06


def test_what_needs_the_whole_is_not_cut():
    assert Gated(trace(whole, [np.ones((4, 3)), np.ones((5, 4))])).rows is None
    assert Gated(trace(lambda x: jnp.abs(x[0] - x[1]), np.ones(2))).rows is None


def test_where_a_choice_has_no_such_row_it_is_its_last():
    """And no number that the program does not have: a derivative of it might be NaN."""
    with jax.enable_x64(True):
        gated = Gated(trace(variation, [np.ones((4, 3)), np.ones((5, 4))]))
        y = np.random.default_rng(0).standard_normal(32)
        weights = np.ones(gated.size)
        leaves, rows = gated.program.leaves(jnp.asarray(y)), gated.rows
        keys = gated(leaves, weights)[1]
        last = np.concatenate([rows.row[:38] == 18, rows.row[38:] == 17])
        np.testing.assert_allclose(
            rows(leaves, weights, 100)[rows.place[last]], keys[last], atol=1e-15
        )
