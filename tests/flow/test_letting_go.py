"""When what is held on a kink leaves it, and the states from there on: against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import steepest as st


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def leaving_at(level, a, f, start, t1, tolerance, **more):
    """The run of y' = |x| + a, x' = y − level once y is past the level, else x = 0; (times of
    release less the true one, ‖x‖ and y less the true ones at the end), in tolerances."""
    run = st.gradient_inclusion(f, (start, np.array(0.2)), t1, tolerance, tolerance, **more)
    release = (level - 0.2) / a
    x, y = run.final
    off = (
        run.events[-1].time - release,
        np.linalg.norm(x) - a * (np.cosh(t1 - release) - 1),
        y - level - a * np.sinh(t1 - release),
    )
    return run, np.array(off) / tolerance


A, U = 0.5, np.array([0.6, 0.8])
NORM = lambda z: jnp.linalg.norm(z[0]) - z[1] * jnp.dot(U, z[0]) - A * z[1]


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-10])
@pytest.mark.parametrize(
    ("level", "f", "start"),
    [
        (1.0, NORM, np.zeros(2)),
        (
            1.5,
            lambda z: 1.5 * jnp.linalg.norm(z[0]) - z[1] * jnp.dot(U, z[0]) - A * z[1],
            np.zeros(2),
        ),
        (
            1.0,
            lambda z: (
                0.5 * jnp.linalg.norm(z[0] * jnp.array([1.0, 2.0])) - z[1] * z[0][1] - A * z[1]
            ),
            np.zeros(2),
        ),
        (1.0, lambda z: jnp.abs(z[0]) - z[1] * z[0] - A * z[1], np.array(0.0)),
        (1.0, lambda z: jnp.maximum(z[0], -z[0]) - z[1] * z[0] - A * z[1], np.array(0.0)),
    ],
)
def test_release_is_on_time_and_what_follows_is_exact(level, f, start, tolerance):
    run, off = leaving_at(level, A, f, start, 3.5, tolerance)
    assert [event.kind for event in run.events] == ["slide", "release"]
    assert np.all(np.abs(off) <= 10)
    if f is NORM:  # what the norm was until it is followed has moved y, by three tolerances
        assert np.all(np.abs(off[1:]) <= 1)


def test_states_just_after_a_norm_is_let_go():
    run, _ = leaving_at(1.0, A, NORM, np.zeros(2), 3.5, 1e-6, dense=True)
    after = np.geomspace(1e-4, 1.0, 30)
    x, y = run(1.6 + after)
    np.testing.assert_allclose(x @ U, A * (np.cosh(after) - 1), atol=1e-5)
    np.testing.assert_allclose(y, 1 + A * np.sinh(after), atol=1e-5)
    saved = st.gradient_inclusion(NORM, (np.zeros(2), np.array(0.2)), 3.5, saveat=1.6 + after)
    np.testing.assert_allclose(saved.xs[0] @ U, A * (np.cosh(after) - 1), atol=1e-5)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-10])
def test_a_norm_that_is_let_go_at_once(tolerance):
    c = np.array([1.2, 1.6])
    f = lambda x: jnp.linalg.norm(x) - c @ x + 0.5 * x @ x
    ts = np.array([0.0, 1e-3, 0.01, 0.1, 1.0])
    run = st.gradient_inclusion(f, np.zeros(2), 1.0, tolerance, tolerance, saveat=ts)
    np.testing.assert_allclose(run.xs, np.outer(1 - np.exp(-ts), c / 2), atol=10 * tolerance)


def test_a_run_that_ends_while_a_norm_is_let_go():
    run, off = leaving_at(1.0, A, NORM, np.zeros(2), 1.6 + 1e-4, 1e-6)
    assert [event.kind for event in run.events] == ["slide", "release"]
    assert np.all(np.abs(off) <= 10)
    assert run.ts[-1] == 1.6 + 1e-4


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
@pytest.mark.parametrize("points", [5, 23, 101])
def test_a_release_is_one_whatever_times_are_saved(points, tolerance):
    """The state may be off the tie by rounding: it was met again and again there."""
    f = lambda x: jnp.abs(x[0]) - x[0] * x[1] - A * x[1]
    ts = np.linspace(0, 5, points)
    run = st.gradient_inclusion(f, np.array([0.3, -0.5]), 5.0, tolerance, tolerance, saveat=ts)
    assert [event.kind for event in run.events] == ["slide", "release"]
    # Before the slide x'' = x + a with x = 0.3, x' = −1.5; on it y' = a.
    enters = run.events[0].time
    x = (0.3 + A) * np.cosh(enters) - 1.5 * np.sinh(enters) - A
    y = 1 + (0.3 + A) * np.sinh(enters) - 1.5 * np.cosh(enters)
    assert x == pytest.approx(0, abs=10 * tolerance)
    assert run.events[1].time == pytest.approx(enters + (1 - y) / A, abs=20 * tolerance)


FAR = {
    "plane": (lambda x: jnp.linalg.norm(x[:2]), np.array([-3.0, -4.0, 0.0]), [0.0, 0.0, 1.0]),
    "line": (lambda x: jnp.sqrt(x[0] ** 2), np.array([-3.0, 0.0]), [0.0, 1.0]),
    "other side": (lambda x: jnp.linalg.norm(x[:1]), np.array([3.0, 0.0]), [0.0, 1.0]),
}


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-10])
@pytest.mark.parametrize("name", FAR)
def test_a_norm_that_is_let_go_and_moves_nothing_else(name, tolerance):
    """What is off its zero turns the norm's own growth, if nothing else."""
    norm, c, x0 = FAR[name]
    f = lambda x: norm(x) + 0.5 * jnp.sum((x - c) ** 2)
    ts = np.array([0.0, 0.01, 0.1, 0.5, 2.0])
    run = st.gradient_inclusion(f, np.array(x0), 2.0, tolerance, tolerance, saveat=ts)
    length = np.linalg.norm(c)
    along = np.outer(1 - np.exp(-ts), c * (1 - 1 / length))
    along[:, -1] = np.exp(-ts)
    np.testing.assert_allclose(run.xs, along, atol=10 * tolerance)


THROUGH = {
    "line": (lambda x: jnp.sqrt(x[0] ** 2), [1.0, 1.0], [-3.0, 0.0]),
    "weak": (lambda x: 0.1 * jnp.linalg.norm(x[:1]), [1.0, 0.5], [-3.0, 0.0]),
    "up": (lambda x: jnp.linalg.norm(x[:1]), [-1.0, 0.0], [4.0, 1.0]),
    "plane": (lambda x: jnp.linalg.norm(x), [1.0, 1.0], [-3.0, -3.0]),
}


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8])
@pytest.mark.parametrize("name", THROUGH)
def test_a_norm_that_comes_to_zero_too_fast_to_be_held(name, tolerance):
    """It is gone through, on the way that |x| takes; the gradient flow says so and ends there."""
    norm, x0, c = THROUGH[name]
    f = lambda x: norm(x) + 0.5 * jnp.sum((x - np.array(c)) ** 2)
    run = st.gradient_inclusion(f, np.array(x0), 2.0, tolerance, tolerance, saveat=[2.0])
    weight, plane = (0.1 if name == "weak" else 1.0), name == "plane"
    x, far = (np.sqrt(2), -3 * np.sqrt(2)) if plane else (abs(x0[0]), -abs(c[0]))
    # x' = far − weight − x down to 0, then x' = far + weight − x.
    zero = np.log((x - far + weight) / (weight - far))
    end = (far + weight) * (1 - np.exp(zero - 2.0))
    truth = [end / np.sqrt(2)] * 2 if plane else [end * np.sign(x0[0]), np.nan]
    if not plane:
        truth[1] = c[1] + (x0[1] - c[1]) * np.exp(-2.0)
    np.testing.assert_allclose(run.final, truth, atol=10 * tolerance)
    assert [event.kind for event in run.events] == ["cross"]
    assert run.events[0].time == pytest.approx(zero, abs=10 * tolerance)
    with pytest.raises(st.SolverError, match="meets a kink at t = 0"):
        st.gradient_flow(f, np.array(x0), 2.0, tolerance, tolerance, saveat=[2.0])


@pytest.mark.parametrize(
    ("tolerance", "d", "weight", "start"),
    [(1e-5, 2, 0.01, 0.7), (1e-6, 4, 0.5, 0.7), (1e-7, 3, 1.0, 0.7), (1e-7, 2, 0.01, 1.0)],
)
def test_a_zero_that_the_dense_output_misplaces(tolerance, d, weight, start):
    """The norm is zero for a shorter time than that is off."""
    c = np.full(d, -3.0)
    f = lambda x: weight * jnp.linalg.norm(x) + 0.5 * jnp.sum((x - c) ** 2)
    with pytest.raises(st.SolverError, match="meets a kink at t = 0"):
        st.gradient_flow(f, np.full(d, start), 2.0, tolerance, tolerance, saveat=[2.0])


@pytest.mark.parametrize("tolerance", [1e-6, 1e-8])
def test_a_norm_that_counts_for_nothing_at_its_zero(tolerance):
    """‖x‖² + x₁ is smooth."""
    f = lambda x: jnp.linalg.norm(x) ** 2 + x[0]
    run = st.gradient_inclusion(f, np.array([1.0, 0.0]), 1.0, tolerance, tolerance, saveat=[1.0])
    truth = [-0.5 + 1.5 * np.exp(-2), 0.0]
    np.testing.assert_allclose(run.final, truth, atol=10 * tolerance)
    assert run.events == ()


@pytest.mark.parametrize("share", [1.0, 0.75])
@pytest.mark.parametrize("x0", [[1.0, 0.0], [0.0, 0.0]])
def test_norms_that_take_each_other_back_are_not_held(x0, share):
    """‖x‖ − ‖−x‖ is 0: the flow does not stop at 0, and is not said to."""
    f = lambda x: jnp.linalg.norm(x) - share * jnp.linalg.norm(-x) + x[0]
    with pytest.raises(st.SolverError, match=r"no con\w+ "):
        st.gradient_inclusion(f, np.array(x0), 2.0, saveat=[2.0])


def smoothed(f, x0, ts):
    """The states at these times by an implicit integrator, with √(‖u‖² + ε²) for ‖u‖ and |u|."""
    norm = lambda u: jnp.sqrt(jnp.sum(u**2) + 1e-12)
    g = jax.jit(jax.grad(lambda x: f(norm, x)))
    slope = lambda t, x: -np.asarray(g(x))
    jacobian = jax.jit(jax.jacfwd(lambda x: -g(x)))
    found = solve_ivp(
        slope, (0, ts[-1]), x0, "Radau", ts, jac=lambda t, x: jacobian(x), rtol=1e-8, atol=1e-9
    )
    return found.y.T


A3 = np.array([[-0.7, -0.5, -0.3], [0.4, 1.0, -0.1]])
B3 = np.array([[1.4, -0.7, 0.4], [0.9, 0.1, -0.7]])


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("x0", [[1.0, 0.0, 0.0], [-0.7, -0.3, 0.4]])
def test_norms_of_shared_variables_come_to_zero_together(x0, tolerance):
    """Neither is held at its zero alone: each was gone through again and again."""
    f = lambda norm, x: norm(A3 @ x) + norm(B3 @ x)
    ts = np.array([0.2, 0.45, 0.8])
    run = st.gradient_inclusion(
        lambda x: f(jnp.linalg.norm, x), np.array(x0), 2.0, tolerance, tolerance, saveat=ts
    )
    np.testing.assert_allclose(run.xs, smoothed(f, x0, ts), atol=10 * tolerance + 3e-6)
    np.testing.assert_allclose(run.final, 0, atol=1e-12)
    assert run.events[-1].kind == "stop"
    assert run.stats["steps"] < 600


FORCES = np.array([[-1.3, 0.8, -0.5, -1.0], [-0.381, -0.221, 0.288, 0.73]])


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_a_norm_is_let_go_as_another_kink_is_met(tolerance):
    """At 0.5 |x₃ − x₂| comes to be held, and then pushes the norm by more than it can hold."""
    f = lambda norm, x: norm(x[1:3] - x[0]) + norm(x[3] - x[2]) - FORCES[0] @ x
    x0, ts = np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.4, 0.9])
    run = st.gradient_inclusion(
        lambda x: jnp.linalg.norm(x[1:3] - x[0]) + jnp.abs(x[3] - x[2]) - FORCES[0] @ x,
        x0, 0.9, tolerance, tolerance, saveat=ts,
    )  # fmt: skip
    np.testing.assert_allclose(run.xs, smoothed(f, x0, ts), atol=10 * tolerance + 3e-6)
    assert abs(run.final[3] - run.final[2]) < 1e-12
    assert [event.kind for event in run.events] == ["slide", "slide", "release"]
    assert run.events[-1].time == pytest.approx(0.5, abs=tolerance)


@pytest.mark.parametrize("x0", [[-0.755, 1.689, -0.287, 1.574], [-0.433, -0.735, 0.25, 1.031]])
def test_two_norms_and_a_tie_come_to_rest_together(x0):
    def f(norm, x):
        far = norm(jnp.stack([x[1], x[3]]))
        return norm(x[1:3] - x[0]) + norm(x[3] - x[2]) + far - FORCES[1] @ x

    run = st.gradient_inclusion(lambda x: f(jnp.linalg.norm, x), np.array(x0), 3.0)
    np.testing.assert_allclose(run.final, smoothed(f, x0, np.array([3.0]))[0], atol=1e-5)
    assert run.events[-1].kind == "stop"


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-10])
def test_kinks_of_norms_are_gone_through_on_time(tolerance):
    """Eight of them in a row, x' = 1 ∓ 0.05 for each before or behind; and a norm that another
    number is larger than, whose zero is none."""
    c = 0.125 * np.arange(8)
    f = lambda x: 0.05 * sum(jnp.linalg.norm(x - ci) for ci in c) - x[0]
    run = st.gradient_inclusion(f, np.array([-0.5]), 2.0, tolerance, tolerance)
    times = np.cumsum([0.5 / 1.4, *(0.125 / (1.4 - 0.1 * np.arange(1, 8)))])
    assert float(run.final[0]) == pytest.approx(c[-1] + 0.6 * (2 - times[-1]), abs=tolerance)
    np.testing.assert_allclose([event.time for event in run.events], times, atol=tolerance)
    level = lambda x: jnp.maximum(1.0, jnp.linalg.norm(x)) - x[0]
    run = st.gradient_inclusion(level, np.array([-0.5, 0.0]), 0.9, tolerance, tolerance, dense=True)
    ts = np.linspace(0, 0.9, 31)
    np.testing.assert_allclose(run(ts)[:, 0], ts - 0.5, atol=1e-12)


MIXED = [  # weights, and which are norms
    ([0.1, 0.05, -0.05], "nnn"),  # one that is concave
    ([0.1, 0.05, 0.02], "nkk"),  # kinks after a norm's zero
    ([0.05, -0.03, 0.08], "knk"),
    ([-0.04, 0.06, 0.03], "nkn"),
]


@pytest.mark.parametrize(("weights", "kinds"), MIXED)
def test_kinks_after_a_norm_s_zero_are_met(weights, kinds):
    """x' is constant off the norm's zero: all the rest of the run was taken in one leap."""
    c, norm = np.array([0.0, 0.2, 0.4]), lambda u: jnp.linalg.norm(u)
    of = {"n": norm, "k": lambda u: jnp.abs(u[0])}
    f = lambda x: (
        sum(w * of[k](x - at) for w, k, at in zip(weights, kinds, c, strict=True)) - 0.5 * x[0]
    )
    speeds = [0.5 + sum(weights[i:]) - sum(weights[:i]) for i in range(4)]
    times = np.cumsum(np.array([0.5, 0.2, 0.2]) / speeds[:3])
    run = st.gradient_inclusion(f, np.array([-0.5]), 3.0)
    assert float(run.final[0]) == pytest.approx(0.4 + speeds[3] * (3 - times[2]), abs=1e-9)
    assert [event.kind for event in run.events] == ["cross"] * 3
    np.testing.assert_allclose([event.time for event in run.events], times, atol=1e-9)


def test_where_all_of_f_comes_to_zero_its_rounding_is_no_jump():
    """f and the state are 1e-50 where two norms come to zero together."""
    f = lambda x: (
        0.55 * jnp.linalg.norm(jnp.array([[-0.72, 0.5]]) @ x)
        + 1.19 * jnp.linalg.norm(jnp.array([[0.04, 1.34]]) @ x)
        + 0.25 * x @ x
        - jnp.array([0.2, 0.35]) @ x
    )
    run = st.gradient_inclusion(f, np.array([-1.12, 1.35]), 6.0)
    np.testing.assert_allclose(run.final, 0, atol=1e-12)
    assert run.events[-1].kind == "stop"
