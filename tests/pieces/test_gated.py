"""The program with its choices as data is read alike, however JAX traces it."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import nn

from steepest.pieces import trace
from steepest.pieces._gated import Gated

Y = np.array([0.1, 1.2, 4.3])
TURNS = [
    nn.relu, nn.elu, jnp.abs, lambda r: jnp.logaddexp(0.0, r),
    lambda r: jnp.where(r > 0, r, 0.0) ** 2, lambda r: jnp.minimum(-r, 0.0),
]  # fmt: skip


def twice(first, second):
    return lambda q: jnp.sum(first(q - Y) + second(q - Y) + nn.softplus(q))


def once(first, second):
    def f(q):
        r = q - Y
        return jnp.sum(first(r) + second(r) + nn.softplus(q))

    return f


@pytest.mark.parametrize("start", [3.0, np.float32(3.0)], ids=["weak", "strong"])
def test_a_scalar_beside_data(start):
    """A number not yet as wide as the data is made so at each use, which may be a new one or not;
    each reading checks that it meets the choices that were found."""
    for first, second in itertools.pairwise([*TURNS, TURNS[0]]):
        with jax.enable_x64(True):
            gated, plain = (
                Gated(trace(make(first, second), start, name="x0")) for make in (twice, once)
            )
            assert [site.shape for site in gated.sites] == [site.shape for site in plain.sites]
            q, w = np.asarray(3.0), np.ones(gated.size)
            value = lambda q, w, g=gated: g([q], w)[0]
            slope = jax.grad(value)
            jax.eval_shape(value, q, w)
            jax.eval_shape(slope, q, w)
            jax.eval_shape(lambda q, w, s=slope: jax.jvp(s, (q, w), (q, w)), q, w)
            jax.eval_shape(jax.vmap(value, (0, None)), q[None], w)
