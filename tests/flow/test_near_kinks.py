"""Kinks nearer to each other than the tolerance, jumps smaller than it, and other ways on."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from jax.nn import relu

import steepest as st


def half(x):
    return 0.5 * jnp.sum(x**2)


def kinds(run):
    return [(event.kind, event.unique) for event in run.events]


@pytest.mark.parametrize(
    ("scale", "offset", "jump"), [(1e-8, 0.0, 9.0), (1.0, 1e6, 1.0)], ids=["small", "on top"]
)
def test_a_jump_is_refused_whatever_the_scale_of_f(scale, offset, jump):
    def f(x):
        stair = jnp.where(x[0] > 1, x[0], x[0] + jump)
        return offset + scale * (stair + 0.01 * x[0] ** 2)

    with pytest.raises(st.NotLocallyLipschitzError, match=r"f jumps from .*gt\[0\]"):
        st.gradient_inclusion(f, np.array([2.0]), 3.0 / scale)


def test_what_is_near_a_kink_does_not_meet_it_when_another_is_met():
    """x₀ = x₁ is held and tends to 0, where |x₀| has its kink, and never comes to it."""
    f = lambda x: 3 * jnp.abs(jnp.abs(x[0]) - x[1]) + half(x[:2]) + jnp.abs(x[2])
    run = st.gradient_inclusion(f, np.array([1.0, 0.5, 20.0]), 22.0)
    assert kinds(run) == [("slide", True), ("slide", True)]
    assert run.events[1].time == pytest.approx(20.0, abs=1e-6)


@pytest.mark.parametrize(("apart", "tolerance"), [(4e-10, 1e-8), (5e-4, 1e-2)])
def test_two_kinks_nearer_to_each_other_than_the_tolerance(apart, tolerance):
    """Of | |x| − d | + (x − d)²/2 the flow comes to d and stays."""
    f = lambda x: jnp.abs(jnp.abs(x[0]) - apart) + half(x - apart)
    run = st.gradient_inclusion(f, np.array([1.0]), 3.0, tolerance, tolerance, max_events=50)
    assert [event.kind for event in run.events] == ["slide", "stop"]
    assert run.final[0] == pytest.approx(apart, abs=1e-12)


def test_a_network_at_low_accuracy():
    """Of its kinks many are nearer to each other than the tolerance."""
    rng = np.random.default_rng(7)
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal(8)
    W = [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in ((2, 4), (4, 4), (4, 1))]
    f = lambda w: 0.5 * jnp.mean((w[2] @ relu(w[1] @ relu(w[0] @ X.T)) - Y) ** 2)
    rough = st.gradient_inclusion(f, W, 5.0, 1e-2, 1e-2, saveat=[5.0])
    fine = st.gradient_inclusion(f, W, 5.0, 1e-8, 1e-8, saveat=[5.0])
    for a, b in zip(rough.final, fine.final, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-2)


@pytest.mark.parametrize(
    ("f", "start", "unique"),
    [
        (lambda x: jnp.abs(x[0]) + jnp.minimum(-x[1], -2 * x[1]), [0.0, 0.0], True),
        (lambda x: jnp.abs(x[0]) - jnp.abs(x[1]), [0.0, 0.0], False),
        (lambda x: 0.8 * jnp.abs(x[0]) - jnp.abs(x[1]), [0.4, 0.0], False),
        (lambda x: x[0] + 0.1 * relu(x[0]) - jnp.abs(x[1]), [0.4, 0.0], False),
        (lambda x: x[0] + 0.1 * relu(x[0]) + jnp.abs(x[1]), [0.4, 0.0], True),
    ],
    ids=[
        "a convex kink beside a concave one that is crossed",
        "a concave one that is held",
        "a slide that begins beside a concave one that is held",
        "a crossing beside a concave one that is held",
        "a crossing beside a convex one that is held",
    ],
)
def test_whether_there_is_one_way_on(f, start, unique):
    run = st.gradient_inclusion(f, np.array(start), 1.0)
    assert {event.unique for event in run.events} == {unique}


def test_the_concave_parts_of_a_norm_leave_one_way_on():
    run = st.gradient_inclusion(
        lambda x: jnp.hypot(x[0], x[1]) + half(x), np.array([2.0, -1.0]), 2.0, saveat=[2.0]
    )
    assert kinds(run) == [("slide", True), ("stop", True)]
    np.testing.assert_allclose(run.final, 0.0, atol=1e-8)


def test_a_root_that_reaches_zero_is_named():
    f = lambda x: jnp.linalg.norm(x, ord=4) + half(x)
    with pytest.raises(st.SolverError, match=r"a root is at zero .*test_near_kinks") as caught:
        st.gradient_inclusion(f, np.array([2.0, 1.0]), 2.0, saveat=[2.0])
    assert "ended before the first time" in str(caught.value.trajectory)


def test_a_flow_that_crosses_to_where_f_is_flat_stops():
    run = st.gradient_inclusion(lambda x: relu(x[0]) + relu(-x[0]), np.array([1.0]), 2.0)
    assert run.events[-1].kind == "stop"
    assert run.final[0] == pytest.approx(0.0, abs=1e-12)
