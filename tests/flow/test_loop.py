"""Events made within the compiled loop are those that `Meeting`, which sees more, decides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as strategy

import steepest as st
from steepest.flow import _meeting, _solver

KINKED = {
    "relu": jax.nn.relu,
    "leaky": lambda z: jnp.where(z > 0, z, 0.1 * z),
    "abs": jnp.abs,
    "clip": lambda z: jnp.clip(z, -1.0, 1.0),
    "concave": lambda z: jnp.minimum(z, 0.5 * z),
}


def network(names, seed, width=5, count=8):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((2, count)), rng.standard_normal(count)
    sizes = [2, *[width] * len(names), 1]
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    W = [rng.standard_normal(shape) / np.sqrt(shape[1]) for shape in shapes]

    def f(w):
        h = X
        for name, layer in zip(names, w[:-1], strict=True):
            h = KINKED[name](layer @ h)
        return 0.5 * jnp.mean((w[-1] @ h - Y) ** 2)

    return f, W


def told(run):
    return [
        (event.kind, event.unique, [kink.element for kink in event.kinks]) for event in run.events
    ]


@pytest.fixture
def counted(monkeypatch):
    """How often a decision was asked for."""
    calls = []
    decided = _meeting.Meeting.event

    def event(self, *args, **kwargs):
        calls.append(args[0])
        return decided(self, *args, **kwargs)

    monkeypatch.setattr(_meeting.Meeting, "event", event)
    return calls


def by_meeting(f, W, T):
    """A run in which the loop makes no event."""
    limits = _solver.Solver.limits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _solver.Solver, "limits", lambda self, mode: limits(self, mode)._replace(events=0)
        )
        return st.gradient_inclusion(f, W, T, 1e-9, 1e-9, saveat=[T])


@given(
    strategy.lists(strategy.sampled_from(sorted(KINKED)), min_size=1, max_size=3),
    strategy.integers(0, 10**6),
)
def test_a_loop_makes_the_events_that_are_decided_without_it(names, seed):
    f, W = network(names, seed)
    run = st.gradient_inclusion(f, W, 5.0, 1e-9, 1e-9, saveat=[5.0])
    other = by_meeting(f, W, 5.0)
    assert told(run) == told(other)
    times = [[event.time for event in r.events] for r in (run, other)]
    np.testing.assert_allclose(*times, atol=1e-6)
    for a, b in zip(run.final, other.final, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)


@pytest.mark.parametrize("options", [{"saveat": [8.0]}, {"dense": True}], ids=["rows", "dense"])
def test_few_events_need_a_decision(counted, options):
    f, W = network(["relu", "relu"], 2, width=8, count=12)
    run = st.gradient_inclusion(f, W, 8.0, 1e-8, 1e-8, **options)
    assert {"cross", "slide", "release"} <= {event.kind for event in run.events}
    assert len(counted) <= len(run.events) / 3


def test_a_dense_run_has_a_segment_on_each_side_of_an_event_made_in_the_loop():
    run = st.gradient_inclusion(lambda x: jnp.maximum(x, 2 * x), 1.0, 1.5, dense=True)
    assert [event.kind for event in run.events] == ["cross"]
    for t in (0.3, 0.5, 0.7, 1.2):
        exact = 1 - 2 * t if t < 0.5 else -(t - 0.5)
        np.testing.assert_allclose(run(t), exact, atol=1e-9)
