"""Choices that feed others: relu inside abs, as a layer's does the next one's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

relu = jax.nn.relu
absolute = {
    "abs": jnp.abs,
    "max": lambda z: jnp.maximum(z, -z),
    "where": lambda z: jnp.where(z > 0, z, -z),
    "norm": lambda z: jnp.linalg.norm(z[None]),
}
inner = {
    "relu": relu,
    "sort": lambda x: jnp.sort(jnp.stack([x, 0 * x]))[1],
    "clip": lambda x: jnp.clip(x, 0, 9),
}


@pytest.mark.parametrize(
    ("outer", "kind"), [*((outer, "relu") for outer in absolute), ("abs", "sort"), ("max", "clip")]
)
def test_a_kink_inside_of_one_that_is_held(outer, kind):
    """|relu(x) + y − 0.3| + (x − 2)²/2 from (−1, 0.2): nothing pushes against the outer kink while
    x < 0, so that no gradient turns as x comes to 0, and yet the tie does: x + y = 0.3 from then.
    """
    f = lambda x: absolute[outer](inner[kind](x[0]) + x[1] - 0.3) + 0.5 * (x[0] - 2) ** 2
    x = 2 - 2 * np.exp(-(2 - np.log(1.5)) / 2)
    for tolerance in (1e-4, 1e-8):
        run = st.gradient_inclusion(f, np.array([-1.0, 0.2]), 2.0, tolerance, tolerance)
        np.testing.assert_allclose(run.final, [x, 0.3 - x], atol=10 * tolerance)
        assert [event.kind for event in run.events] == ["slide", "cross"]
        assert run.events[1].time == pytest.approx(np.log(1.5), abs=10 * tolerance)
        assert all(event.unique for event in run.events)


def test_two_that_are_held_turn_together():
    f = lambda x: (
        jnp.abs(relu(x[0]) + x[1] - 0.3) + jnp.abs(relu(x[0]) + x[2] + 0.1) + 0.5 * (x[0] - 2) ** 2
    )
    x = 2 - 2 * np.exp(-(2 - np.log(1.5)) / 3)
    run = st.gradient_inclusion(f, np.array([-1.0, 0.2, 0.1]), 2.0)
    np.testing.assert_allclose(run.final, [x, 0.3 - x, -0.1 - x], atol=1e-7)


largest = lambda x: jnp.maximum(x[0], x[1]) + x[2]
OTHER_WAYS = {
    # ½(1, 1) + ½(−1, −1): the sides go together, and hold the point (0, 0.3).
    "a product of weights": (
        lambda x: jnp.abs(2 * relu(x[0]) + x[1] - 0.3) + 0.5 * (x[0] - 1) ** 2,
        [-1.0, 0.2],
        np.log(2.0),
    ),
    "read twice": (
        lambda x: jnp.maximum(relu(x[0]) + x[1], -relu(x[0]) - x[1]) + 0.25 * (x[0] - 1) ** 2,
        [-1.0, 0.2],
        np.log(4.0),
    ),
    "two products": (
        lambda x: (
            jnp.abs(2 * relu(x[0]) + x[1] - 0.3)
            + jnp.abs(2 * relu(x[0]) + x[2] - 0.3)
            + 0.5 * (x[0] - 1) ** 2
        ),
        [-1.0, 0.2, 0.4],
        np.log(2.0),
    ),
    "beside a kink that depends on them": (
        lambda x: jnp.abs(relu(x[0]) + x[1]) - 0.5 * x[0] + 0.1 * jnp.abs(x[0] - 3 * x[1]),
        [-0.4, -1.3],
        1.0,
    ),
    "from there": (
        lambda x: jnp.abs(relu(x[0]) + x[1]) - 0.5 * x[0] + 0.2 * jnp.abs(x[0] - x[1]),
        [0.0, 0.0],
        0.0,
    ),
    "beside a norm": (
        lambda x: jnp.abs(relu(x[0]) + x[1]) - 0.5 * x[0] + jnp.linalg.norm(x[2:]),
        [-0.5, -1.0, 0.6, 0.8],
        1.0,
    ),
    "along a corner": (lambda x: jnp.abs(largest(x)) - 0.5 * x[1], [0.2, -1.0, 0.1], 2.1),
    "from a corner": (lambda x: jnp.abs(largest(x)) - 0.5 * x[1], [0.0, 0.0, 0.0], 0.0),
    "at a corner": (
        lambda x: jnp.abs(relu(x[0]) + x[1]) + 0.25 * (x[0] - 1) ** 2,
        [0.0, 0.0],
        0.0,
    ),
}


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_another_way_on_is_told(name):
    f, start, time = OTHER_WAYS[name]
    run = st.gradient_inclusion(f, np.array(start), 3.0)
    told = {event.unique for event in run.events if abs(event.time - time) < 1e-7}
    assert told == {False}
    assert all(event.unique for event in run.events if event.time < time - 1e-7)


CONVEX = {
    "relu of abs": lambda x: (
        relu(jnp.abs(x[0]) + x[1] - 0.2) + 0.5 * jnp.sum((x - jnp.array([0.5, -0.2, 0.0])) ** 2)
    ),
    "max of max": lambda x: (
        jnp.maximum(jnp.maximum(x[0], x[1]), jnp.maximum(x[2], -x[0]))
        + 0.5 * jnp.sum((x - jnp.array([0.3, 0.2, 0.3])) ** 2)
    ),
    "abs of abs": lambda x: jnp.abs(jnp.abs(x[0]) + x[1] ** 2 + 1) + jnp.abs(x[2] - x[0]),
}


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("start", [(-1.0, 0.9, 0.5), (0.0, 0.0, 0.0), (0.0, 0.2, 0.0)])
def test_where_f_is_convex_there_is_one_way(name, start):
    run = st.gradient_inclusion(CONVEX[name], np.array(start), 4.0)
    assert all(event.unique for event in run.events)


def test_a_norm_that_is_pushed_off_its_zero_is_told_as_long_as_it_is_held():
    """−‖(x, y)‖ + |z|: from any time on it may leave in any direction."""
    f = lambda x: -jnp.linalg.norm(x[:2]) + jnp.abs(x[2])
    run = st.gradient_inclusion(f, np.array([0.0, 0.0, 1.0]), 2.0)
    assert [event.kind for event in run.events] == ["slide", "slide", "stop"]
    assert not any(event.unique for event in run.events)
    f = lambda x: -x[1] - relu(x[1] + 0.3 * jnp.linalg.norm(x[2:]))  # it counts from x[1] = 0 on
    run = st.gradient_inclusion(f, np.array([0.0, -1.0, 0.0, 0.0]), 2.0)
    assert [event.unique for event in run.events] == [False]


def test_three_crossings_at_once_with_two_ways_each():
    def f(x):
        return sum(-b - relu(b + jnp.abs(a)) for a, b in ((x[0], x[1]), (x[2], x[3]), (x[4], x[5])))

    run = st.gradient_inclusion(f, np.array([0.0, -1.0] * 3), 2.0)
    assert run.events
    assert not any(event.unique for event in run.events)


c = jnp.array([0.7, -0.4, 0.3, 1.1])
CONVEX_WITH_NORMS = {
    "a network": (
        lambda x: relu(relu(x[0] + x[1]) + 2 * jnp.abs(x[2]) + x[3] - 0.2) + jnp.linalg.norm(x[:2]),
        [-1.0, 0.2, 0.3, 0.4],
    ),
    "max of max": (
        lambda x: jnp.linalg.norm(x) + jnp.maximum(jnp.maximum(*x[:2]), jnp.maximum(*x[2:])),
        [1.0, 0.5, 0.2, 0.8],
    ),
}


@pytest.mark.parametrize("name", CONVEX_WITH_NORMS)
def test_one_way_with_norms_that_come_to_zero(name):
    f, start = CONVEX_WITH_NORMS[name]
    smooth = lambda x: f(x) + 0.5 * jnp.sum((x - c) ** 2)
    run = st.gradient_inclusion(smooth, np.array(start), 4.0)
    assert len(run.events) >= 3
    assert all(event.unique for event in run.events)
