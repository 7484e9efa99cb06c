"""What broke prototypes: each once."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from compilations import compilations

relu = jax.nn.relu


def times(run, kind):
    return [event.time for event in run.events if event.kind == kind]


def test_one_kink_written_many_times():
    """Dependent switches: their multipliers are not unique, and the flow is."""
    f = lambda x: (
        (jnp.abs(x[0]) + relu(x[0]) + relu(-x[0]) + jnp.maximum(2 * x[0], -x[0]) - x[0] * x[1])
        - 0.5 * x[1]
    )
    run = st.gradient_inclusion(f, np.array([0.5, 0.0]), 12.0, saveat=[1.0, 12.0])
    # On x₀ = 0 it slides until x₁ is the largest slope, 1 + 1 + 2.
    assert run.xs[0][0] == pytest.approx(0, abs=1e-12)
    (left,) = set(times(run, "release"))
    assert left == pytest.approx(times(run, "slide")[0] + (4 - run_at(run, f)) / 0.5, abs=1e-5)


def test_a_kink_inside_of_a_comparison_turns_with_the_one_that_is_held():
    """Its copy in the comparison changes no gradient, and what keeps the comparison tied."""
    first = lambda x: (
        jnp.abs(-2 * x[0] - x[1] - x[2] - 1) + 0.5 * jnp.abs(-x[0] + 2 * x[1] - 2 * x[2] + 1)
    )
    second = lambda x: jnp.max(jnp.abs(x)) + jnp.abs(x[0] - 2 * x[1] + x[2])
    spelled = (
        lambda x: jnp.maximum(first(x), second(x)),
        lambda x: jnp.where(first(x) > second(x), first(x), second(x)),
    )
    ts = [0.2, 0.3, 0.7, 1.5]
    start = np.array([0.0, 1.0, 2.0])
    runs = [st.gradient_inclusion(f, start, 1.5, saveat=ts) for f in spelled]
    np.testing.assert_allclose(runs[1].xs, runs[0].xs, atol=1e-9)
    assert np.array(runs[0].xs)[-1] == pytest.approx([-0.6, 0.0225, 0.645], abs=1e-9)


def run_at(run, f):
    """x₁ when the sliding began."""
    began = times(run, "slide")[0]
    return st.gradient_inclusion(f, np.array([0.5, 0.0]), began, saveat=[began]).xs[0][1]


def test_it_grazes_a_kink():
    """x₁ = (x₀ − ½)² touches the kink of |x₁|: nothing happens, whatever is told."""
    flow = lambda x: -x[0] + 0.0 * x[1]
    touch = lambda x: 10.0 * relu(1e-3 - jnp.abs(x[0] - 0.5)) ** 2
    run = st.gradient_inclusion(lambda x: flow(x) + touch(x), np.zeros(2), 1.0, saveat=[1.0])
    assert run.xs[0][0] == pytest.approx(1.0, abs=1e-3)
    assert len({event.time for event in run.events}) <= 3


def test_two_crossings_in_one_step():
    """A bump far narrower than a step is entered and left."""
    bump = lambda x: 1e3 * relu(1e-2 - jnp.abs(x - 0.5))
    f = lambda x: -100.0 * x + 0.05 * bump(x)
    run = st.gradient_inclusion(f, 0.0, 0.01, saveat=[0.01])
    # 50 over the first half of the bump and 150 over the second: 0.49, 0.01, 0.01, the rest.
    spent = 0.49 / 100 + 0.01 / 50 + 0.01 / 150
    assert run.xs[0] == pytest.approx(0.51 + 100 * (0.01 - spent), abs=1e-7)
    assert len(times(run, "cross")) == 3


def test_a_released_kink_does_not_fire_again():
    f = lambda x: jnp.abs(x[0]) - x[0] * x[1] - 0.5 * x[1]
    run = st.gradient_inclusion(f, np.array([0.3, 0.0]), 6.0)
    assert [event.kind for event in run.events] == ["slide", "release"]
    assert np.all(np.diff([event.time for event in run.events]) > 0)


def test_a_zero_in_the_data_dead_neurons_and_large_data_by_closure():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((200, 3)).astype(np.float32)
    X[0] = 0.0
    Y = rng.standard_normal(200).astype(np.float32)
    W = [rng.standard_normal((6, 3)).astype(np.float32), rng.standard_normal(6).astype(np.float32)]
    W[0][:, 0] = 0.0
    W[0][1] = [0.0, 0.0, 0.0]
    W[1][1] = 0.0  # dead for good

    @jax.jit
    def f(w):
        return 0.5 * jnp.mean((w[1] @ relu(w[0] @ X.T) - Y) ** 2)

    run = st.gradient_inclusion(f, W, 0.5, 1e-6, 1e-6, saveat=[0.0, 0.5])
    assert run.values[1] < run.values[0]
    assert np.all(np.array(run.xs[0])[1, 1] == 0)
    balance = (np.array(run.xs[0]) ** 2).sum(-1) - np.array(run.xs[1]) ** 2
    np.testing.assert_allclose(balance[1], balance[0], atol=1e-5)


def test_events_without_an_end_are_told_with_the_run_so_far():
    f = lambda x: jnp.sum(jnp.abs(x))
    with pytest.raises(st.SolverError, match="max_events") as error:
        st.gradient_inclusion(f, np.array([1.0, 2.0, 3.0]), 4.0, max_events=2)
    assert len(error.value.trajectory.events) == 2


def test_one_program_serves_every_mode():
    """Few compilations a solve, however many events."""
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    W = [rng.standard_normal(s) / np.sqrt(s[1]) for s in ((8, 3), (8, 8), (1, 8))]
    f = lambda w: 0.5 * jnp.mean((w[2] @ relu(w[1] @ relu(w[0] @ X.T)) - Y) ** 2)
    # What JAX compiles once for all.
    st.gradient_inclusion(lambda w: 2.0 * f(w), W, 0.01, saveat=[0.01])
    with compilations() as count:
        run = st.gradient_inclusion(f, W, 20.0, saveat=[20.0])
    assert len(run.events) > 20
    assert 0 < count() <= 8
    assert run.stats["rhs"] <= 4000
    balances = [
        (np.array(a) ** 2).sum(-1) - (np.array(b) ** 2).sum(0)
        for w in (W, run.final)
        for a, b in itertools.pairwise(w)
    ]
    for before, after in zip(balances[:2], balances[2:], strict=True):
        np.testing.assert_allclose(after, before, atol=1e-8)


def test_a_dense_run_can_be_called_and_told():
    run = st.gradient_inclusion(
        lambda p: jnp.sum(jnp.abs(p["x"])), {"x": np.array([1.0, -2.0])}, 3.0, dense=True
    )
    np.testing.assert_allclose(run(0.5)["x"], [0.5, -1.5], atol=1e-10)
    np.testing.assert_allclose(run([0.0, 1.5, 3.0])["x"], [[1, -2], [0, -0.5], [0, 0]], atol=1e-10)
    assert str(run).count("slide abs[") == 2
    with pytest.raises(st.ArgumentError, match="0 … 3"):
        run(3.5)
    plain = st.gradient_inclusion(lambda x: x**2, 1.0, 1.0)
    with pytest.raises(st.ArgumentError, match="dense=True"):
        plain(0.5)


@pytest.mark.parametrize("side", [1, -1])
def test_a_slide_that_both_sides_lead_away_from_ends_on_the_other_side(side):
    """x′ = sign(x) + y stays at 0, among others, until y = 1, and is 2 there on the one side."""
    f = lambda v: -jnp.abs(v[0]) - side * v[0] * v[1] - v[1]
    run = st.gradient_inclusion(f, np.zeros(2), 1.5, 1e-8, 1e-8, saveat=[1.5])
    assert [event.kind for event in run.events] == ["slide", "release"]
    assert not run.events[0].unique
    assert run.events[1].time == pytest.approx(1, abs=1e-7)
    s = 0.5  # x′ = 1 + y, y′ = 1 + x
    a, b = (np.exp(s) * 1.5, np.exp(-s) * 0.5)
    np.testing.assert_allclose(run.xs[0], [side * (a - b - 1), a + b - 1], atol=1e-7)


def test_a_release_in_a_step_as_short_as_rounding():
    """Five things at t = 1: the bracket of the release shrank to the last digit of a time and began
    anew, without an end."""

    def f(z):
        pulled = jnp.abs(z[0]) - z[0] * z[1] - 0.8 * z[1]
        stops = jnp.linalg.norm(z[2:4]) + 2 * relu(z[5])
        return pulled + stops + z[4] + relu(z[4])

    start = np.array([0.0, 0.2, 0.6, 0.8, 2.0, 2.0])
    run = st.gradient_inclusion(f, start, 2.0, 1e-8, 1e-8, max_steps=500)
    end = [0.8 * (np.cosh(1) - 1), 1 + 0.8 * np.sinh(1), 0, 0, -1, 0]
    np.testing.assert_allclose(run.final, end, atol=1e-7)
    assert times(run, "release") == pytest.approx([1.0], abs=1e-7)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_a_norm_that_falls_more_slowly_than_it_turns(tolerance):
    """At u = 0 a pull of ‖v‖ → 1⁻ brings u back to its zero, and turns: errors of the tolerance's
    size, which turned u as well, kept it from coming there."""
    Q, b, w = group_lasso(7)

    def f(x):
        groups = w[0] * jnp.linalg.norm(x[:2]) + w[1] * jnp.linalg.norm(x[2:4])
        return groups + 0.3 * jnp.sum(jnp.abs(x[4:])) + 0.5 * x @ Q @ x - b @ x

    run = st.gradient_inclusion(f, np.zeros(6), 3.0, tolerance, tolerance, saveat=[0.35, 3.0])
    assert run.stats["rhs"] < 20_000
    for t, x in zip(run.ts, run.xs, strict=True):
        np.testing.assert_allclose(x, proximal(Q, b, w, t), atol=10 * tolerance + 3e-5)
    # One comes back to zero at 0.2649, with 0.006 of its pull.
    assert times(run, "slide")[1:] == pytest.approx([0.2649], abs=tolerance / 0.003 + 1e-4)
    assert np.all(run.xs[0][2:4] == pytest.approx(0, abs=1e-12))


def group_lasso(seed):
    """(Q, b, weights)."""
    rng = np.random.default_rng(seed)
    Q = rng.standard_normal((6, 6))
    Q = Q @ Q.T / 6 + 0.05 * np.eye(6)
    return Q, rng.standard_normal(6), rng.uniform(0.2, 0.8, 2)


def proximal(Q, b, w, t, steps=8000):
    """Proximal gradient steps from 0, with Richardson's extrapolation."""

    def run(n):
        x, h = np.zeros(6), t / n
        for _ in range(n):
            z = x - h * (Q @ x - b)
            for group, weight in ((slice(0, 2), w[0]), (slice(2, 4), w[1])):
                length = np.linalg.norm(z[group])
                z[group] *= max(0.0, 1 - h * weight / length) if length else 0.0
            z[4:] = np.sign(z[4:]) * np.maximum(np.abs(z[4:]) - 0.3 * h, 0)
            x = z
        return x

    return 2 * run(steps) - run(steps // 2)


@pytest.mark.parametrize("saveat", [None, [0.5], [0.5, 2.0, 3.0]])
@pytest.mark.parametrize("flow", [st.gradient_flow, st.gradient_inclusion])
def test_a_flow_that_leaves_where_f_is_defined_though_its_gradient_is(flow, saveat):
    """The gradient of x + 0·log(x) is 1 for negative x, too, where f is NaN."""
    with pytest.raises(st.SolverError, match=r"f is nan at t = .* where f is defined") as caught:
        flow(lambda x: jnp.sum(x + 0 * jnp.log(x)), np.array([1.0]), 3.0, saveat=saveat)
    assert np.isfinite(caught.value.trajectory.values).all()
    assert np.max(caught.value.trajectory.ts) < 1.0


WINDOWS = {
    "both": lambda x: jnp.where((x < 0.5) & (x > 0.4), x + 1, x),
    "wide": lambda x: jnp.where((x < 0.5) & (x > 0.1), x + 1, x),
    "two": lambda x: x + jnp.where(x < 0.5, 1.0, 0.0) - jnp.where(x < 0.4, 1.0, 0.0),
    "nested": lambda x: jnp.where(x < 0.5, jnp.where(x < 0.4, x, x + 1), x),
    "near": lambda x: jnp.where(jnp.abs(x - 0.45) < 0.05, x + 1, x),
}


@pytest.mark.parametrize("flow", [st.gradient_flow, st.gradient_inclusion])
@pytest.mark.parametrize("name", WINDOWS)
def test_a_jump_that_is_taken_back_within_a_step(name, flow):
    """f and its gradient are the same again at the step's end."""
    with pytest.raises(st.NotLocallyLipschitzError, match=r"from 0.5 to 1.5 at t = 0.5"):
        flow(WINDOWS[name], 1.0, 2.0, saveat=[2.0])


NARROW = {
    "one": (lambda x: -x + jnp.where((x > 0.1) & (x < 0.1001), 10.0, 0.0), 0.0),
    "two": (lambda x: -x + jnp.where(x > 0.1, 5.0, 0.0) - jnp.where(x > 0.1001, 5.0, 0.0), 0.0),
    "surfaces": (
        lambda x: (
            -x[0] - x[1] + jnp.where(x[0] > 0.1, 5.0, 0.0) - jnp.where(x[1] > 0.1001, 5.0, 0.0)
        ),
        [0.0, 0.0],
    ),
}


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("flow", [st.gradient_flow, st.gradient_inclusion])
@pytest.mark.parametrize("name", NARROW)
def test_a_jump_that_is_taken_back_nearer_than_the_tolerance(name, flow, tolerance):
    f, start = NARROW[name]
    with pytest.raises(st.NotLocallyLipschitzError, match="f jumps"):
        flow(f, start, 1.0, tolerance, tolerance, saveat=[1.0])


def test_jumps_on_one_surface_that_take_each_other_back_are_none():
    """Rounding parts them, that of constants in single precision, too."""
    for key in (lambda x: 3 * x - 0.3, lambda x: x**2 + x - 0.11):
        f = lambda x, key=key: (
            x**2 / 2 - x + jnp.where(x > 0.1, 5.0, 0.0) - jnp.where(key(x) > 0, 5.0, 0.0)
        )
        for tolerance in (1e-3, 1e-6):
            run = st.gradient_inclusion(f, 0.0, 1.0, tolerance, tolerance, saveat=[1.0])
            assert run.final == pytest.approx(1 - np.exp(-1), abs=10 * tolerance)


@pytest.mark.parametrize("flow", [st.gradient_flow, st.gradient_inclusion])
@pytest.mark.parametrize("value", [jnp.nan, -jnp.inf])
def test_where_f_ends_is_no_kink(value, flow):
    window = lambda x: jnp.where((x < 0.5) & (x > 0.4), value, x)
    edge = lambda x: jnp.where(x > 0.5, x, value)
    for f in (window, edge):
        with pytest.raises(st.SolverError, match=rf"f is {value} beyond t = 0.5: .t\[0\] at"):
            flow(f, 1.0, 2.0, saveat=[2.0])
