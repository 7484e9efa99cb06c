"""First coefficients are those of `jax.jvp`, also where the direction is a product of vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.subgradient._directions import rank_one_directions
from steepest.subgradient._one_pass import OnePass
from steepest.subgradient._plan import plan
from steepest.subgradient._slopes import slope_of

A, B, C = (jnp.asarray(np.random.default_rng(0).standard_normal(s)) for s in ((3, 4), (4, 5), (2,)))
PRODUCTS = {
    "on the right": lambda x: jnp.sin(A) @ x["B"],
    "on the left": lambda x: x["A"] @ jnp.cos(B),
    "both": lambda x: x["A"] @ x["B"],
    "with a vector": lambda x: x["A"] @ jnp.ones(4),
    "turned": lambda x: jnp.einsum("kj,ik->ji", x["B"], x["A"]),
    "over both axes": lambda x: jnp.tensordot(x["A"], A, 2)[None],
    "outer": lambda x: jnp.tensordot(x["A"], x["C"], 0),
    "batched": lambda x: jnp.einsum("ik,ik->i", x["A"], jnp.sin(A)),
    "more axes": lambda x: jnp.einsum("bik,kj->bij", jnp.stack([A, -A]), x["B"]),
    "scattered": lambda x: jnp.zeros((3, 4)).at[1].add(x["A"][0] * 2) + x["A"][2],
    "curved": lambda x: jnp.exp(x["A"]) / (2 + jnp.sin(x["A"])) - 3 * x["A"],
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_slopes(name):
    f, leaves = PRODUCTS[name], [A, B, C]
    of_leaves = lambda v: f(dict(zip("ABC", v, strict=True)))
    directions = rank_one_directions(jax.random.key(0), leaves)
    flat = plan(jax.make_jaxpr(of_leaves)(leaves))
    for step in flat.steps:  # as if a choice came next
        step.wants = (True, True)
    read = OnePass(directions, True)
    (out,) = read.run(flat, [read.variable(leaf, i) for i, leaf in enumerate(leaves)])
    _, wanted = jax.jvp(of_leaves, (leaves,), ([d.array for d in directions],))
    np.testing.assert_allclose(slope_of(out), wanted, rtol=1e-5, atol=1e-5)
    assert np.all(np.asarray(out.size) > 0)
