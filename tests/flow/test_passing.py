"""Crossings that are lost in the error of a step are passed together, and told by their number."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st


@pytest.fixture(scope="module")
def network():
    """(loss, layers, the end of an accurate run) of a network with 11,520 kinks."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((3, 120)), rng.standard_normal(120)
    W = [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise((3, 48, 48, 1))]

    def loss(w):
        h = X
        for layer in w[:-1]:
            h = jax.nn.relu(layer @ h)
        return 0.5 * jnp.mean((w[-1] @ h - Y) ** 2)

    return loss, W, st.gradient_inclusion(loss, W, 1.0, 1e-9, 1e-9, saveat=[1.0])


def off(run, exact):
    return max(float(np.max(np.abs(a - b))) for a, b in zip(run.final, exact.final, strict=True))


@pytest.mark.parametrize(
    "saveat", [[1.0], np.linspace(0.0, 1.0, 11), None], ids=["end", "rows", "steps"]
)
def test_most_crossings_are_passed_beside_slides_at_a_loose_tolerance(network, saveat):
    loss, W, exact = network
    run = st.gradient_inclusion(loss, W, 1.0, 1e-3, 1e-3, saveat=saveat)
    held = [event for event in exact.events if event.kind == "slide"]
    assert held
    assert any(event.kind == "slide" for event in run.events)
    assert run.stats["passed"] > run.stats["events"]
    assert run.stats["rhs"] < 0.8 * exact.stats["rhs"]
    assert off(run, exact) <= 1e-3


def test_few_crossings_are_passed_at_a_tight_tolerance(network):
    loss, W, exact = network
    run = st.gradient_inclusion(loss, W, 1.0, 1e-6, 1e-6, saveat=[1.0])
    assert run.stats["passed"] < 0.2 * run.stats["events"]
    assert off(run, exact) <= 1e-5


def test_what_comes_back_once_it_turned_is_met_though_it_is_small():
    """A slide whose jump is lost in the error of a step."""
    run = st.gradient_inclusion(
        lambda x: x[0] ** 2 / 2 + 1e-4 * jnp.abs(x[1]),
        [1.0, 1e-4],
        3.0,
        1e-3,
        1e-3,
        saveat=[3.0],
    )
    assert [event.kind for event in run.events] == ["slide"]
    np.testing.assert_allclose(run.events[0].time, 1.0, atol=1e-2)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-9])
def test_what_is_met_at_one_instant_is_not_looked_for_in_ever_shorter_steps(tolerance):
    """Eight slides begin at once, two crossings before them."""
    f = lambda x: jnp.sum(jnp.abs(x)) + 0.1 * jnp.sum(jnp.abs(x[:2] - 0.5)) + x[0] * x[1] / 10
    run = st.gradient_inclusion(f, np.ones(8), 3.0, tolerance, tolerance, saveat=[3.0])
    assert run.stats["steps"] + run.stats["rejected"] <= 40
    np.testing.assert_allclose(run.final, 0, atol=10 * tolerance)
