"""Every row of the table says what its primitive does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from steepest.pieces import CHOICES

UNARY = {"abs": lax.abs, "sign": lax.sign, "floor": lax.floor, "ceil": lax.ceil, "round": lax.round}
BINARY = {
    "max": lax.max, "min": lax.min, "gt": lax.gt, "ge": lax.ge, "lt": lax.lt, "le": lax.le,
}  # fmt: skip


def frozen(name, values, params):
    row = CHOICES[name]
    data = row.freeze([values[0]], params)
    keys = row.keys(values, params, data)
    return row, keys, row.output(values, params, data, jnp.argmax(keys, axis=0))


@pytest.mark.parametrize("name", [*UNARY, *BINARY, "trunc"])
def test_the_winner_gives_the_primitive_s_value(name):
    rng = np.random.default_rng(0)
    x = jnp.asarray(3 * rng.standard_normal(200), jnp.float32)
    if name in BINARY:
        values = [x, jnp.asarray(3 * rng.standard_normal(200), jnp.float32)]
        wanted = BINARY[name](*values)
    else:
        values = [x]
        wanted = jnp.trunc(x) if name == "trunc" else UNARY[name](x)
    row, keys, out = frozen(name, values, {})
    np.testing.assert_allclose(out, wanted)
    if row.continuous:
        np.testing.assert_allclose(row.sign * keys.max(axis=0), out)


@pytest.mark.parametrize("name", ["reduce_max", "reduce_min", "argmax", "argmin"])
def test_reductions(name):
    x = jnp.asarray(np.random.default_rng(1).standard_normal((3, 4, 5)), jnp.float32)
    params = {"axes": (1,), "index_dtype": np.int32}
    _, keys, out = frozen(name, [x], params)
    assert keys.shape == (4, 3, 5)
    wanted = {"reduce_max": x.max(1), "reduce_min": x.min(1)}
    wanted |= {"argmax": x.argmax(1), "argmin": x.argmin(1)}
    np.testing.assert_allclose(out, wanted[name])


def test_a_frozen_step_extends_past_its_threshold():
    row = CHOICES["floor"]
    data = row.freeze([jnp.asarray(2.0)], {})
    above, below = (row.output([jnp.asarray(7.5)], {}, data, p) for p in (0, 1))
    assert (above, below) == (2, 1)


def test_rows_can_be_traced():
    f = lambda a, b: CHOICES["max"].output([a, b], {}, None, jnp.asarray(1))
    assert jax.grad(f, argnums=(0, 1))(3.0, 2.0) == (0.0, 1.0)
