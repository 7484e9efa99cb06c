"""Numbers with cases: the program's own values, and linear in the weights of each choice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from idioms import IDIOMS
from steepest.pieces import trace
from steepest.pieces._gated import Gated

NESTED = {
    "nested": lambda x: jnp.where(x > 0, jnp.where(x > 0, 3 * x, -9.0), jnp.where(-x > 0, -x, x)),
    "and": lambda x: jnp.where((x > 0) & (x[0] > -5), 3 * x, jnp.where(x > 0, 7 * x, -x)),
    "squared": lambda x: jnp.where(x > 0, 1.0, 2.0) ** 2 * jnp.abs(x),
    "quotient": lambda x: jnp.maximum(x, 0) / jnp.where(x > 0, 1.0, 4.0),
    "clipped": lambda x: jnp.minimum(jnp.maximum(x, -1), 0) * jnp.where(x > 0, 5.0, 1.0),
}
PROGRAMS = {name: pair[0] for name, pair in IDIOMS.items()} | NESTED


@pytest.mark.parametrize("name", PROGRAMS)
def test_own_values_and_linear_in_the_weights_of_each_choice(name):
    part = PROGRAMS[name]
    reference = IDIOMS[name][1] if name in IDIOMS else part
    with jax.enable_x64(True):
        gated = Gated(trace(lambda x: jnp.sum(part(x)), np.ones(3), name="x"))
        both = jax.jit(jax.value_and_grad(lambda x, w: gated([x], w)[0]))
        truth = jax.jit(jax.value_and_grad(lambda x: jnp.sum(reference(x))))
        actual = jax.jit(lambda x: gated.actual([x]))
        for x in np.random.default_rng(0).uniform(-2, 2, (6, 3)):
            value, _, own = actual(x)
            np.testing.assert_allclose(value, truth(x)[0], rtol=1e-12)
            np.testing.assert_allclose(both(x, own)[1], truth(x)[1], rtol=1e-12)
            for site in gated.sites:
                for place in range(site.places):
                    at = site.start + place + site.places * np.arange(site.candidates)
                    here, there, between = (np.array(own) for _ in range(3))
                    there[at] = np.roll(here[at], 1)
                    between[at] = (here[at] + there[at]) / 2
                    ends = [both(x, w) for w in (here, there)]
                    for got, a, b in zip(both(x, between), *ends, strict=True):
                        np.testing.assert_allclose(got, (a + b) / 2, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "choices"),
    [
        (lambda x: jnp.maximum(x, 0) + jnp.minimum(0, -x) + jnp.abs(2 * x) + jnp.sign(x) * x, 1),
        (lambda x: jax.nn.softplus(x) + jnp.where(x >= 0, x, 0) + jnp.clip(x, -1, 0), 2),
        (lambda x: jnp.maximum(x, 1) - jnp.minimum(1, x) + jnp.where(x - 1 > 0, x, 1), 1),
    ],
)
def test_what_compares_the_same_numbers_is_one_choice(f, choices):
    with jax.enable_x64(True):
        assert len(Gated(trace(f, 0.5, name="x")).sites) == choices
