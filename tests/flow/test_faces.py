"""What may go on where choices tie, by the signs of rates, beside all that is consistent."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.flow import _other_ways
from steepest.flow._faces import faces, taking

relu = jax.nn.relu


def functions(seed):
    """A function with two to five choices that tie at 0, some of which feed others."""
    rng = np.random.default_rng(seed)
    A, b = rng.integers(-3, 4, (5, 3)).astype(float), rng.standard_normal(3)
    sign = rng.choice([-1.0, 1.0], 5)
    count, feeds = rng.integers(1, 4), rng.integers(0, 2, 3)

    def f(x):
        u = A @ x
        total = b @ x + 0.5 * jnp.sum(x**2)
        for i in range(count):
            z = u[i] + feeds[i] * sign[i] * relu(u[i + 1])
            total += sign[i] * (jnp.abs(z) if i else jnp.maximum(z, jnp.minimum(u[4], u[3])))
        return total

    return f


@pytest.mark.parametrize("seed", [0, 2, 5, 8, 13])
def test_nothing_that_is_consistent_is_ruled_out(seed, monkeypatch):
    seen = []

    def checked(decider, mode, ties):
        left = faces(decider, mode, ties)
        for taken in itertools.product(*every_face(ties) if left and not mode.pairs else ()):
            one = functools.reduce(taking, taken, mode)
            if decider.violations(one) == ([], []):
                seen.append(all(set(a) in map(set, b) for a, b in zip(taken, left, strict=True)))
        return left

    monkeypatch.setattr(_other_ways, "faces", checked)
    st.gradient_inclusion(functions(seed), np.zeros(3), 1e-3, rtol=1e-4)
    assert seen
    assert all(seen)


def every_face(ties):
    places = {}
    for base, other in ties:
        places.setdefault(base, [base]).append(other)
    return [
        [face for n in range(len(place)) for face in itertools.combinations(place, n + 1)]
        for place in places.values()
    ]


@pytest.mark.parametrize(("feeds", "start"), [(False, 0.0), (True, 0.0), (True, 1.0)])
def test_what_crosses_and_what_is_held_is_told_by_signs(feeds, start, monkeypatch):
    """Four kinks at one instant, two of which are crossed and two held: of 81 modes one is left."""
    left = []

    def recorded(*args):
        left.append((len(args[2]), faces(*args)))
        return left[-1][-1]

    def f(x):
        inner = x[2] + 0.1 * relu(x[0] - 1) * feeds
        crossed = -0.1 * jnp.abs(x[0] - 1) + 0.1 * jnp.abs(x[0] + x[1] - 2)
        return crossed - x[0] - x[1] + jnp.abs(inner) + jnp.abs(x[3])

    monkeypatch.setattr(_other_ways, "faces", recorded)
    run = st.gradient_inclusion(f, np.array([start, start, 0.0, 0.0]), 2.0)
    assert all(event.unique for event in run.events)
    found = [[len(place) for place in places] for count, places in left if count == 4]
    assert found
    assert all(lengths == [1] * 4 for lengths in found)
