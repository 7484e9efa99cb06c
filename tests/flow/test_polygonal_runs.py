"""What is told of a polygonal flow: events, values, counts; and which programs have none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from polygons import flow, kinds, total_variation
from steepest.flow._arguments import as_request
from steepest.flow._polygonal import polygonal

relu = jax.nn.relu


def test_events_of_one_instant_are_one():
    run, _ = flow(lambda x: jnp.sum(jnp.abs(x)), np.array([1.0, -1.0, 1.0, 2.0]), 3.0)
    assert kinds(run) == [("slide", 1.0, 3), ("slide", 2.0, 1), ("stop", 2.0, 4)]
    kink = run.events[0].kinks[1]
    assert kink.element == 1
    assert kink.primitive == "abs"
    assert "test_polygonal_runs.py" in kink.line
    # Two merges that touch.
    run, _ = flow(total_variation, np.array([1.0, 0.0, 1.0]), 3.0)
    assert kinds(run) == [("slide", round(1 / 3, 9), 2), ("stop", round(1 / 3, 9), 2)]


def test_a_minimizer_stays():
    for f, x0 in [
        (lambda x: jnp.sum(jnp.abs(x)), np.zeros(3)),
        (lambda x: jnp.max(x) - jnp.min(x), np.ones(3)),
        (lambda x: jnp.sum(relu(x)), -np.ones(3)),
    ]:
        run, _ = flow(f, x0, 5.0, [0.0, 5.0])
        np.testing.assert_array_equal(run.xs, [x0, x0])
        assert run.events[-1].kind == "stop"
        assert run.events[-1].time == 0.0


def test_without_kinks_it_is_a_line():
    run, path = flow(lambda x: 2 * x[0] - x[1] + 1, np.ones(2), 2.0, [1.0, 2.0])
    np.testing.assert_allclose(run.xs, [[-1, 2], [-3, 3]])
    assert run.events == ()
    assert run.stats["steps"] == 1
    np.testing.assert_array_equal(path.breakpoints, [0.0])


def test_an_unbounded_one_goes_on():
    run, _ = flow(lambda x: jnp.max(jnp.stack([-x, -3 * x - 1])), 0.0, 1e6, [1e6])
    assert run.final == pytest.approx(1e6)


def test_values_monitors_and_counts():
    y = np.array([0.0, 3.0, 1.0])
    run, _ = flow(total_variation, y, 2.0, monitors={"mean": jnp.mean, "pair": lambda x: (x[0], x)})
    assert run.xs is None
    assert len(run.ts) == len(run.values) == 1000
    np.testing.assert_allclose(run.monitors["mean"], np.full(1000, 4 / 3), rtol=1e-14)
    assert run.monitors["pair"][1].shape == (1000, 3)
    assert run.stats["compile_seconds"] > 0
    assert (run.stats["gradients"], run.stats["steps"], run.stats["events"]) == (2, 3, 3)


def test_float32_and_scalars():
    run, _ = flow(lambda x: jnp.abs(x - 0.25), jnp.float32(1.0), 2.0)
    assert run.final == 0.25
    assert run.final.dtype == np.float64
    assert kinds(run) == [("slide", 0.75, 1), ("stop", 0.75, 1)]


def test_an_event_at_the_end_is_told():
    run, _ = flow(jnp.abs, 1.0, 1.0)
    assert kinds(run) == [("slide", 1.0, 1), ("stop", 1.0, 1)]


def test_too_many_events():
    request = as_request(
        total_variation, np.arange(9.0) ** 2, 90.0, 1e-8, 1e-8, [1.0, 90.0], None, states=True
    )
    with pytest.raises(st.errors.SolverError, match="3 events were met") as caught:
        polygonal(request, 3)
    trajectory = caught.value.trajectory
    assert len(trajectory.events) == 3
    assert len(trajectory.ts) == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: jnp.sum(x**2),
        lambda x: jnp.max(jnp.abs(x)),
        lambda x: -jnp.sum(jnp.abs(x)),
        lambda x: jnp.abs(x[0]) - jnp.abs(x[1]),
        lambda x: jnp.min(x),
        lambda x: jnp.sin(x[0]),
        lambda x: relu(x[0]) * x[1],
        lambda x: x[0] / x[1],
        lambda x: jnp.sum(jnp.where(x > 0, x, 0.0)),
        lambda x: jnp.linalg.norm(x),
        lambda x: jnp.exp(jnp.max(x)),
        lambda x: jax.lax.fori_loop(0, 3, lambda i, s: s + jnp.abs(x[i]), 0.0),
        lambda x: jnp.sort(x)[0],
    ],
)
def test_other_programs_are_not_read(f):
    request = as_request(f, np.ones(3), 1.0, 1e-8, 1e-8, None, None, states=True)
    assert polygonal(request, 10) is None
