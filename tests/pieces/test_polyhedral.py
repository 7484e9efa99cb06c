"""Programs read as sparse affine forms: equal to the program, and sparse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.pieces import trace
from steepest.pieces._polyhedral import read_polyhedral

rng = np.random.default_rng(0)
A = rng.standard_normal((4, 5, 6))
X = rng.standard_normal((7, 6))
G = np.arange(60.0).reshape(4, 5, 3)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x: jnp.sum(jnp.abs(jnp.diff(x))), (9,)),
        (lambda x: jnp.mean(jax.nn.relu(1 - X @ x)), (6,)),
        (lambda x: jnp.max(X @ x + 1) - jnp.min(x) - 2 * x[3], (6,)),
        (lambda x: jnp.sum(G * jnp.abs(jnp.einsum("bij,bjk->bik", A, x))), (4, 6, 3)),
        (lambda x: jnp.sum(G.T * jnp.abs(jnp.einsum("bjk,bij->kib", x, A))), (4, 6, 3)),
        (lambda x: jnp.sum(jnp.abs(jnp.cumsum(x) - jnp.cumsum(x[::-1])[::-1])), (5,)),
        (lambda x: jnp.sum(jnp.abs(x[jnp.array([0, 2, 2])] / jnp.array([1.0, 3.0, 7.0]))), (3,)),
        (lambda x: jnp.sum(jnp.abs(jnp.pad(x, 1) @ jnp.arange(20.0).reshape(5, 4))), (3,)),
        (lambda x: jnp.sum(jnp.max(x.T[:, None] + jnp.ones((1, 2, 1)), axis=(1, 2))), (4, 3)),
        (lambda x: jnp.sum(jnp.abs(jnp.where(jnp.arange(4) < 2, x, 2.0))), (4,)),
        (lambda x: jnp.sum(jnp.max(jnp.where(jnp.eye(3) > 0, x, -jnp.inf), axis=1)), (3,)),
        (lambda x: jnp.sum(jnp.maximum(x, x)) + jnp.linalg.norm(x, 1) + jnp.ptp(x), (4,)),
        (lambda x: jnp.sum(jnp.abs(x - jnp.roll(x, 1)) * jnp.array([0.0, 1.0, 2.0])), (3,)),
        (lambda x: jax.jit(jax.checkpoint(jnp.abs))(x) * 3, ()),
        (lambda x: 3 * x[0] - x[1], (2,)),
    ],
)
def test_it_is_the_program(f, shape):
    start = np.asarray(rng.standard_normal(shape))
    program = trace(f, start)
    read = read_polyhedral(program)
    assert read is not None
    for scale in (0.0, 1.0, 10.0):
        x = scale * rng.standard_normal(start.size)
        with jax.enable_x64(True):
            value = float(program(program.leaves(x)))
        assert read(x) == pytest.approx(value, rel=1e-13, abs=1e-13 * (1 + scale))


def test_it_is_sparse():
    read = read_polyhedral(trace(lambda x: jnp.sum(jnp.abs(jnp.diff(x))), np.zeros(10_000)))
    assert read is not None
    assert read.rows.nnz == 2 * 9_999
    assert len(read.places) == 9_999


def test_choices_that_are_none_drop_out():
    """Equal candidates, masked ones, weights of zero."""

    def f(x):
        size = jnp.abs(x[1])
        same = jnp.max(jnp.stack([x[0], x[0] - 1, x[0]]))
        return same + jnp.maximum(x[1], -jnp.inf) + 0.0 * jnp.abs(x[0]) + size - size

    read = read_polyhedral(trace(f, np.ones(2)))
    assert read is not None
    assert read.places == []
    np.testing.assert_array_equal(read.linear, [1.0, 1.0])


def test_the_place_is_named():
    read = read_polyhedral(trace(lambda x: jnp.sum(jnp.abs(x[1:])), np.ones(3)))
    assert read is not None
    line, primitive, element = read.places[1]
    assert (primitive, element) == ("abs", 1)
    assert "test_polyhedral.py" in line


@pytest.mark.parametrize(
    "f",
    [
        lambda x: jnp.sum(x * x),
        lambda x: jnp.max(jnp.abs(x)),
        lambda x: -jnp.max(x),
        lambda x: jnp.min(x),
        lambda x: jnp.abs(x[0]) / x[1],
        lambda x: jnp.floor(x[0]),
        lambda x: jnp.where(x[0] > 0, x[0], 0.0),
        lambda x: jnp.float32(1) * jnp.asarray(x[0], int),
        lambda x: jnp.argmax(x) * x[0],
        lambda x: jnp.maximum(x[0], jnp.inf),
    ],
)
def test_anything_else_is_not_read(f):
    assert read_polyhedral(trace(f, np.ones(3))) is None
