"""What users write for a kink, each beside the same function of three numbers with max and abs."""

import jax
import jax.numpy as jnp
from jax import lax

relu = jax.nn.relu
stairs = lambda x: jnp.maximum(relu(x), 2 * x - 1)
IDIOMS = {
    "truth times number": (lambda x: (x > 0) * 2 * x, lambda x: 2 * relu(x)),
    "truth as int": (lambda x: (x > 0).astype(int) * x, relu),
    "select": (lambda x: jnp.select([x > 1, x > 0], [2 * x - 1, x], 0.0), stairs),
    "piecewise": (
        lambda x: jnp.piecewise(
            x, [x < 0, x > 1], [lambda u: -u, lambda u: 2 * u - 1, lambda u: u]
        ),
        lambda x: jnp.maximum(jnp.abs(x), 2 * x - 1),
    ),
    "switch": (
        lambda x: lax.switch(
            (x[0] > 0).astype(int) + (x[0] > 1),
            [lambda u: 0 * u, lambda u: u, lambda u: 2 * u - 1],
            x,
        )[0],
        lambda x: stairs(x[0]),
    ),
    "select_n": (
        lambda x: lax.select_n((x > 0).astype(jnp.int32) + (x > 1), 0 * x, x, 2 * x - 1),
        stairs,
    ),
    "heaviside": (lambda x: jnp.heaviside(x, 0.0) * x, relu),
    "sign": (lambda x: jnp.sign(x) * x, jnp.abs),
    "max by equality": (lambda x: jnp.where(x == jnp.max(x), x, 0.0), jnp.max),
    "argmax": (lambda x: x[jnp.argmax(x)], jnp.max),
    "one hot": (lambda x: jax.nn.one_hot(jnp.argmin(x), 3) @ x, jnp.min),
    "take along axis": (
        lambda x: jnp.take_along_axis(x[None], jnp.argmax(x[None], 1)[:, None], 1),
        jnp.max,
    ),
    "weights by sign": (
        lambda x: jnp.where(x > 0, 1.0, 4.0) * jnp.abs(x),
        lambda x: jnp.maximum(x, -4 * x),
    ),
    "all": (
        lambda x: jnp.where(jnp.all(x > -1), jnp.min(x) + 1, 0.0),
        lambda x: relu(jnp.min(x) + 1),
    ),
}
