"""A start on many kinks at once, a search among many held ones, and starts that are one number."""

import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

rng = np.random.default_rng(0)
X = rng.standard_normal((12, 3))
Y = (X[:, 0] > 0) * 1.0


def test_a_dead_start_of_a_network_is_at_rest_and_not_the_only_solution():
    f = lambda W: jnp.mean((jax.nn.relu(X @ W[0]) @ W[1] - Y) ** 2)
    run = st.gradient_inclusion(f, [np.zeros((3, 4)), np.ones(4)], 1.0)
    assert not any(event.unique for event in run.events)
    assert run.events[-1].kind == "stop"
    assert not np.any(run.final[0])


def test_a_start_on_convex_kinks_alone_has_one_way_on():
    f = lambda w: 0.5 * jnp.mean((X @ w - Y) ** 2) + 0.02 * jnp.sum(jnp.abs(w))
    run = st.gradient_inclusion(f, np.zeros(3), 1.0)
    assert run.events
    assert all(event.unique for event in run.events)


def test_a_mode_among_many_held_kinks_is_found():
    """The absolute loss holds up to seven residuals at 0; depth first the search went astray."""
    draw = np.random.default_rng(0)
    draw.standard_normal((12, 3)), draw.integers(0, 3, 12), draw.standard_normal((3, 4))
    W = [draw.standard_normal((3, 4)), draw.standard_normal(4)]  # on which it was seen to
    f = lambda W: jnp.mean(jnp.abs(jax.nn.relu(X @ W[0]) @ W[1] - Y))
    run = st.gradient_inclusion(f, W, 3.0, 1e-7, 1e-7, dense=True)
    assert len(run.dense.held(2.99)) >= 6


def test_a_scalar_start_beside_data():
    """q' = −1 − 2 (q − 0.1) − 2 (q − 1.2) − 1 + 1, the difference written at two places."""
    y = jnp.array([0.1, 1.2, 4.3])
    f = lambda q: jnp.sum(jnp.abs(q - y)) + jnp.sum(jnp.where(q - y > 0, q - y, 0.0) ** 2)
    run = st.gradient_inclusion(f, 3.0, 0.1)
    assert float(run.final) == pytest.approx(0.4 + 2.6 * np.exp(-0.4), abs=1e-6)


def test_a_scalar_start_to_several_powers():
    """x' = −2x − 3x²."""
    powers = jnp.array([2.0, 3.0])
    run = st.gradient_flow(lambda x: jnp.sum(x**powers), 1.0, 0.1)
    assert float(run.final) == pytest.approx(2 / (5 * np.exp(0.2) - 3), abs=1e-7)


@pytest.mark.parametrize("wider", [operator.mul, operator.truediv])
def test_a_scalar_squared_beside_data(wider):
    """Its square times or over an array is a square of as many numbers."""
    data = np.array([0.5, 4.0, 2.0, 0.25])
    weights = wider(1.0, data)
    run = st.gradient_flow(lambda x: jnp.mean(wider(x**2, data)), 1.7, 0.1)
    assert float(run.final) == pytest.approx(1.7 * np.exp(-0.2 * weights.mean()), abs=1e-7)
    roots = lambda x: jnp.sum(jnp.sqrt(wider(x**2, data)))
    run = st.gradient_inclusion(roots, 1.7, 1.0, saveat=[0.1, 1.0])
    speed = np.sqrt(weights).sum()
    np.testing.assert_allclose(run.xs, [1.7 - 0.1 * speed, 0.0], atol=1e-7)
    assert [len(event.kinks) for event in run.events] == [4, 4]


norm = jnp.linalg.norm
THREE = np.array([1.0, 0.2, 2.0])


@pytest.mark.parametrize("run", [st.gradient_flow, st.gradient_inclusion])
@pytest.mark.parametrize(
    ("f", "x0", "t1", "final"),
    [
        (lambda x: norm(x) ** 2 / 2 + x[0], [0.0, 0.0], 1.0, [np.exp(-1) - 1, 0.0]),
        (lambda x: norm(x) ** 2 / 2, [0.0, 0.0], 1.0, [0.0, 0.0]),
        (lambda x: jnp.maximum(norm(x) - 1, 0) + x[0], [0.0, 0.0], 0.5, [-0.5, 0.0]),
        (lambda x: jnp.maximum(norm(x), 1) + x[0] / 2, [0.0, 0.0], 1.5, [-0.75, 0.0]),
        (
            lambda x: jnp.where(norm(x) < 1, norm(x) ** 2 / 2, norm(x) - 0.5) + x[0] / 2,
            [0.0, 0.0],
            4.0,
            [(np.exp(-4) - 1) / 2, 0.0],
        ),
        # Its factor is 0 at x0 alone: s' = 1 + s for s = ‖x‖ = −z.
        (
            lambda x: norm(x[:2]) * x[2] + x[2] + x[0],
            [0.0, 0.0, 0.0],
            0.5,
            [1 - np.exp(0.5), 0.0, 1 - np.exp(0.5)],
        ),
        # One that leaves slower than all else moves: x' = −x + 1e-6 + y²/2 with y = t, to its
        # second order.
        (
            lambda x: norm(x[:1]) ** 2 / 2 - x[1] - 1e-6 * x[0] - x[0] * x[1] ** 2 / 2,
            [0.0, 0.0],
            1e-3,
            [1e-9 + 1e-9 / 6, 1e-3],
        ),
    ],
)
def test_a_norm_that_counts_for_nothing_at_its_zero_is_no_kink_at_x0(run, f, x0, t1, final):
    found = run(f, jnp.array(x0), t1)
    np.testing.assert_allclose(found.final, final, atol=1e-7)
    assert not found.events


def test_a_squared_norm_beside_kinks_at_x0_is_no_kink():
    """Elastic net: soft thresholding, then x' = −x + what is left."""
    f = lambda x: 0.5 * jnp.sum(jnp.abs(x)) + norm(x) ** 2 / 2 - x @ THREE
    run = st.gradient_inclusion(f, np.zeros(3), 1.0)
    np.testing.assert_allclose(
        run.final, [0.5 * (1 - np.exp(-1)), 0, 1.5 * (1 - np.exp(-1))], atol=1e-7
    )
    assert [event.kind for event in run.events] == ["slide"]


def test_a_norm_below_a_maximum_that_it_ties_counts_at_x0():
    """max(‖x‖, −x) is ‖x‖."""
    run = st.gradient_inclusion(
        lambda x: jnp.maximum(norm(x), -x[0]) + 0.5 * x[0], np.zeros(2), 1.0
    )
    np.testing.assert_array_equal(run.final, [0, 0])


@pytest.mark.parametrize("run", [st.gradient_flow, st.gradient_inclusion])
@pytest.mark.parametrize("tol", [1e-6, 1e-10])
def test_zeros_of_squared_norms_are_passed_on_time(run, tol):
    """Each pass that took no time was an error of some tolerances."""
    draw, d = np.random.default_rng(20), 20
    single = lambda a: a.astype(np.float32).astype(np.float64)  # as constants are without x64
    b, x0 = single(draw.standard_normal(d)), draw.standard_normal(d)
    rates = single(draw.uniform(0.5, 3, d))
    f = lambda x: 0.5 * sum(rates[i] * norm(x[i : i + 1]) ** 2 for i in range(d)) - b @ x
    found = run(f, x0, 1.0, tol, tol, dense=True, saveat=np.linspace(0, 1, 50))
    exact = lambda t: b / rates + (x0 - b / rates) * np.exp(-rates * t)
    np.testing.assert_allclose(found.final, exact(1.0), atol=2 * tol)
    np.testing.assert_allclose(found.xs, [exact(t) for t in found.ts], atol=2 * tol)
    assert np.sum(exact(1.0) * x0 < 0) > 3  # so many pass
    assert not found.events


def test_a_norm_is_let_go_beside_held_ties_that_leave_it_one_direction():
    """Convex, from where a norm of two numbers and two kinks are zero: held ties leave a line, to
    which what the norm is taken of is brought. The first velocity is the least-norm element's."""
    A = np.array([[-0.58, -0.16, 1.02], [-0.63, -0.52, 1.96]])
    B = np.array([[-0.49, -1.75, -1.91], [1.14, 1.65, 0.29]])
    g = np.array([-0.23, 0.7, 0.26])

    def f(x):
        kinks = 0.7 * jnp.abs(B[0] @ x) + 0.65 * jnp.abs(B[1] @ x)
        return 0.12 * norm(A @ x) + kinks + 0.25 * x @ x - g @ x

    with jax.enable_x64(True):
        least = np.asarray(st.clarke(f)(jnp.zeros(3)).min_norm())
        run = st.gradient_inclusion(f, np.zeros(3), 2.0, saveat=[1e-4, 0.1, 2.0])
    # f is positively homogeneous but for |x|²/4, which shrinks along the line.
    exact = np.outer(2 * (1 - np.exp(-np.array([1e-4, 0.1, 2.0]) / 2)), -least)
    np.testing.assert_allclose(run.xs, exact, atol=1e-7)
    assert all(event.unique for event in run.events)


@pytest.mark.parametrize(("force", "unique"), [(0.1, False), (0.9, True)])
def test_a_norm_that_is_pushed_off_its_zero_may_leave_it_in_any_direction(force, unique):
    f = lambda x: -0.5 * norm(x[:1]) - force * x[0] + x @ x
    run = st.gradient_inclusion(f, np.zeros(2), 1.0)
    assert all(event.unique is unique for event in run.events)
    end = 0.0 if not unique else (force + 0.5) / 2 * (1 - np.exp(-2))
    np.testing.assert_allclose(run.final, [end, 0.0], atol=1e-7)
    assert unique or run.events[0].kind == "slide"
