"""Gradient inclusion against closed forms, invariants and the least-norm property."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import lsq_linear

import steepest as st

relu = jax.nn.relu


def kinds(run):
    return [(event.kind, round(event.time, 7)) for event in run.events]


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_l1_and_a_diagonal_quadratic(tolerance):
    a, c, weight = np.array([1.0, 2.0, 0.5]), np.array([0.5, -2.0, 0.1]), 0.3
    x0 = np.array([1.0, -1.0, 0.4])
    ts = np.linspace(0.0, 3.0, 7)
    run = st.gradient_inclusion(
        lambda x: jnp.sum(0.5 * a * x**2 - c * x + weight * jnp.abs(x)),
        x0,
        3.0,
        tolerance,
        tolerance,
        saveat=ts,
    )
    ends = (c - weight * np.sign(x0)) / a
    exact = ends + (x0 - ends) * np.exp(-np.outer(ts, a))
    exact[:, 2] = np.maximum(exact[:, 2], 0.0)  # it reaches 0 and stays, since |c| < weight
    np.testing.assert_allclose(run.xs, exact, atol=10 * tolerance)
    assert kinds(run) == [("slide", pytest.approx(2 * np.log(2), abs=1e-5))]


def test_the_largest_component():
    """x(t) = x0 − the projection of x0 on t times the unit ball of l1."""
    run = st.gradient_inclusion(
        lambda x: jnp.max(jnp.abs(x)), np.array([1.0, -2.0, 3.0]), 6.5, saveat=[2.5, 4.5, 6.5]
    )
    np.testing.assert_allclose(run.xs, [[1, -1.25, 1.25], [0.5, -0.5, 0.5], [0, 0, 0]], atol=1e-7)
    assert run.events[-1].kind == "stop"


def test_total_variation_is_its_proximal_map():
    rng = np.random.default_rng(0)
    y = np.cumsum(rng.standard_normal(8))
    D = np.diff(np.eye(8), axis=0)
    times = [0.4, 1.3]
    run = st.gradient_inclusion(lambda x: jnp.sum(jnp.abs(jnp.diff(x))), y, 8.0, saveat=[*times, 8])
    for t, x in zip(times, np.array(run.xs), strict=False):
        dual = lsq_linear(D.T, y, bounds=(-t, t), method="bvls").x
        np.testing.assert_allclose(x, y - D.T @ dual, atol=1e-10)
    np.testing.assert_allclose(run.xs[-1], np.full(8, y.mean()), atol=1e-10)


def test_it_enters_slides_and_leaves_tangentially():
    """|x| − xy − y/2: on x = 0 it slides while |y| < 1, and leaves at y = 1."""
    f = lambda x: jnp.abs(x[0]) - x[0] * x[1] - 0.5 * x[1]
    run = st.gradient_inclusion(f, np.array([0.3, 0.0]), 4.0, saveat=[4.0])
    (slides, _), (leaves, left) = kinds(run)
    assert (slides, leaves) == ("slide", "release")
    # For x > 0: x' = y − 1, y' = x + 1/2; with a third coordinate that is 1.
    A = np.array([[0, 1, -1], [1, 0, 0.5], [0, 0, 0]])
    x, y, _ = expm(A * run.events[0].time) @ [0.3, 0.0, 1.0]
    assert abs(x) < 1e-7
    assert left == pytest.approx(run.events[0].time + (1 - y) / 0.5, abs=1e-6)
    end = expm(A * (4.0 - run.events[1].time)) @ [0.0, 1.0, 1.0]
    np.testing.assert_allclose(run.xs[0], end[:2], atol=1e-6)


def test_a_concave_kink_is_left_or_crossed():
    run = st.gradient_inclusion(lambda x: -jnp.abs(x), 0.0, 1.0, saveat=[1.0])
    assert run.xs[0] == 0.0
    assert run.events[0].unique is False
    run = st.gradient_inclusion(lambda x: -jnp.abs(x) - 3 * x, -1.0, 1.0, saveat=[1.0])
    assert kinds(run) == [("cross", 0.5)]
    assert run.xs[0] == pytest.approx(2.0, abs=1e-7)


def test_a_kink_on_a_curve_and_another():
    center = jnp.array([1.0, 2.0, 0.3])
    f = lambda x: jnp.abs(x[0] - x[1] ** 2) + jnp.abs(x[2]) + 0.5 * jnp.sum((x - center) ** 2)
    run = st.gradient_inclusion(f, np.array([0.2, 0.1, 0.5]), 30.0, saveat=[2.0, 30.0])
    assert [event.kind for event in run.events][:2] == ["slide", "slide"]
    x = np.array(run.xs)
    np.testing.assert_allclose(x[:, 0], x[:, 1] ** 2, atol=1e-8)
    np.testing.assert_allclose(x[:, 2], 0, atol=1e-10)
    # The end is the stationary point of f on the curve.
    y = x[-1, 1]
    assert 2 * y * (y**2 - 1.0) + (y - 2.0) == pytest.approx(0, abs=1e-6)


def network(activation):
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    W = [rng.standard_normal(s) / np.sqrt(s[1]) for s in ((8, 3), (8, 8), (1, 8))]

    def loss(w):
        h = X.T
        for layer in w[:-1]:
            h = activation(layer @ h)
        return 0.5 * jnp.mean((w[-1] @ h - Y) ** 2)

    return loss, W


def balances(xs):
    a, b, c = (np.array(leaf) ** 2 for leaf in xs)
    return [a.sum(-1) - b.sum(1), b.sum(-1) - c.sum(1)]


def test_a_network_keeps_its_balances_through_slides_and_moves_by_the_least_norm():
    loss, W = network(relu)
    ts = [0.0, 1.0, 1.2199, 1.22, 1.2201, 1.5]
    run = st.gradient_inclusion(loss, W, 1.5, saveat=ts)
    assert {"slide", "cross", "release"} <= {event.kind for event in run.events}
    for balance in balances(run.xs):
        assert np.max(np.ptp(balance, axis=0)) < 1e-7
    # At t = 1.22 two units are held on their kinks.
    at = [np.array(leaf[3]) for leaf in run.xs]
    D = st.clarke(loss, tie_tol=1e-8)(at)
    assert not D.is_singleton
    for leaf, least in zip(run.xs, D.min_norm(), strict=True):
        velocity = (leaf[4] - leaf[2]) / (ts[4] - ts[2])
        np.testing.assert_allclose(velocity, -np.array(least), atol=1e-5)


@pytest.mark.parametrize("activation", [jnp.abs, jax.nn.leaky_relu], ids=["abs", "leaky"])
def test_other_activations_keep_their_balances(activation):
    loss, W = network(activation)
    run = st.gradient_inclusion(loss, W, 1.0, saveat=[0.0, 0.5, 1.0])
    for balance in balances(run.xs):
        assert np.max(np.ptp(balance, axis=0)) < 1e-7


def test_convex_solutions_never_part():
    f = lambda x: jnp.max(jnp.array([x[0] + x[1], -x[0], 2 * x[1] - x[0], 0.0])) + jnp.abs(x[1])
    ts = np.linspace(0.0, 2.0, 9)
    runs = [
        st.gradient_inclusion(f, np.array(x), 2.0, saveat=ts) for x in ([1.0, 0.7], [0.6, -0.8])
    ]
    apart = np.linalg.norm(np.array(runs[0].xs) - np.array(runs[1].xs), axis=1)
    assert np.all(np.diff(apart) < 1e-8)


def test_zero_weights_and_zero_rows_are_no_kinks():
    X = np.array([[0.0, 0.0], [1.0, 0.5]])
    f = lambda w: 0.5 * jnp.sum((relu(X @ w[0]) @ w[1] - 1.0) ** 2)
    run = st.gradient_inclusion(f, [np.zeros((2, 3)), np.zeros((3,))], 1.0, saveat=[1.0])
    assert all(np.all(np.array(leaf) == 0) for leaf in run.xs)
    start = [np.array([[0.5, -1.0, 0.2], [0.3, -0.2, 0.1]]), np.array([0.4, 1.0, -0.3])]
    run = st.gradient_inclusion(f, start, 1.0, saveat=[1.0])
    assert run.values[-1] < float(f(start))


def test_a_jump_on_the_way_is_refused():
    with pytest.raises(st.NotLocallyLipschitzError, match="test_gradient_inclusion"):
        st.gradient_inclusion(lambda x: jnp.where(x > 0, x, x - 1.0), 0.5, 1.0)


@pytest.mark.parametrize(
    ("f", "velocity"),
    [(lambda x: jnp.minimum(-x, -2 * x), 2.0), (lambda x: -jnp.abs(x) + 2 * x, -3.0)],
)
def test_from_a_concave_kink_it_leaves_to_the_side_that_takes_it(f, velocity):
    """The least norm at the kink is that of the side which the flow does not enter."""
    run = st.gradient_inclusion(f, 0.0, 1.0, saveat=[0.5, 1.0])
    np.testing.assert_allclose(run.xs, [0.5 * velocity, velocity], atol=1e-8)


def test_times_increase_and_f_falls():
    """No step is saved twice: not when the one after it is rejected, not when two events meet."""
    f = lambda x: jnp.linalg.norm(x) + 0.5 * jnp.sum((x - np.array([0.5, -0.3])) ** 2)
    run = st.gradient_inclusion(f, np.array([1.3, 0.8]), 3.0)
    assert run.stats["rejected"] > 0
    assert np.all(np.diff(run.ts) > 0)
    assert np.all(np.diff(run.values) <= 1e-12)


def test_leaves_without_entries():
    f = lambda p: jnp.sum(jnp.abs(p["a"])) + jnp.sum(jnp.abs(p["b"])) + p["a"][0] ** 2
    run = st.gradient_inclusion(f, {"a": np.array([1.0]), "b": np.zeros((0, 3))}, 1.0, saveat=[1.0])
    assert run.xs["a"][0, 0] == pytest.approx(0.0, abs=1e-12)
    assert run.xs["b"].shape == (1, 0, 3)


@pytest.mark.parametrize("wrong", ["a", 1j, True, None, np.nan, 1.5, -0.1])
def test_a_time_that_is_none(wrong, dense_run):
    with pytest.raises(st.ArgumentError, match="t is "):
        dense_run(wrong)


def test_a_traced_time(dense_run):
    with pytest.raises(st.ArgumentError, match="traced"):
        jax.vmap(dense_run)(jnp.array([0.1, 0.2]))


@pytest.fixture(scope="module")
def dense_run():
    return st.gradient_inclusion(lambda x: jnp.sum(jnp.abs(x)), np.array([1.0]), 1.0, dense=True)
