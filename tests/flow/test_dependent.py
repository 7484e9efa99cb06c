"""Ties whose gradients depend on each other: their weights are not determined, the flow is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

import steepest as st


def kinds(run):
    return [event.kind for event in run.events]


def test_kinks_on_one_surface_whose_gradients_vanish_further_on():
    """max(x) and max(x² − 1) tie where x₁ = x₂ = −x₃ with weights that are not determined, and are
    let go where no choice of them is left. Without the others' weights the steps shrank to nothing;
    with a look at the ends of the steps alone the tie was held up to where it has no gradient."""
    f = lambda x: jnp.max(x) + jnp.max(x**2 - 1) + 0.05 * jnp.sum((x - 0.3) ** 2)
    # Each stretch is linear: a′ = −(u + v a) gives a by time, and the time of an a.
    after = lambda a, u, v, t: (a + u / v) * np.exp(-v * t) - u / v
    until = lambda a, b, u, v: np.log((a + u / v) / (b + u / v)) / v
    free, two, three, rest = (0.97, 2.1), (0.5, 1.1), (0.97 / 3, 2.3 / 3), (0.91 / 3, 2.3 / 3)
    to_rest = lambda a, t: after(a, -0.03, 0.1, t)
    first = brentq(lambda t: after(1.7, *free, t) + to_rest(-0.9, t), 0.0, 1.0)
    a, x1 = after(1.7, *free, first), to_rest(0.6, first)
    second = brentq(lambda t: after(a, *two, t) - to_rest(x1, t), 0.0, 1.0)
    third = until(after(a, *two, second), 0.22, *three)
    pair = lambda t: after(0.22, 0.47, 0.1, t)
    alone = lambda t: after(-0.22, -0.03, 2.1, t)
    fourth = brentq(lambda t: pair(t) - alone(t), 0.1, 1.0)
    ends = np.cumsum([first, second, third, fourth])
    end = after(pair(fourth), *rest, 2.0 - ends[-1])
    for tolerance in (1e-6, 1e-9):
        run = st.gradient_inclusion(
            f, np.array([1.7, 0.6, -0.9]), 2.0, tolerance, tolerance, saveat=[2.0]
        )
        assert [event.kind for event in run.events] == ["slide", "slide", "release", "slide"]
        found = [event.time for event in run.events]
        np.testing.assert_allclose(found, ends, atol=30 * tolerance)
        np.testing.assert_allclose(run.xs[0], np.full(3, end), atol=10 * tolerance)
        assert run.stats["rhs"] < 3000


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_a_tie_is_let_go_when_no_weights_are_left(tolerance):
    """x₁ = x₂ = −x₃ = s in two maxima: the weight of x₃ in the second, (0.05 + s)/(3 s), comes to 1
    at s = 0.025."""
    center = np.array([0.15, 0.15, 0.3])
    f = lambda x: jnp.max(x) + jnp.max(x**2 - 1) + 0.5 * jnp.sum((x - center) ** 2)
    start = np.array([1.0, 1.0, -1.0])
    run = st.gradient_inclusion(f, start, 1.05, tolerance, tolerance, saveat=[1.05])
    free = 0.6 * np.log(1.2 / 0.225)
    assert kinds(run) == ["slide", "release"]
    assert run.events[1].time == pytest.approx(free, abs=10 * tolerance)
    s = 0.375 * np.exp(free - 1.05) - 0.35
    x3 = 0.1 - 0.125 * np.exp(3 * (free - 1.05))
    np.testing.assert_allclose(run.xs[0], [s, s, x3], atol=10 * tolerance)


def test_of_several_that_are_not_determined_some_are_let_go():
    center = np.array([0.1, 0.2, 0.3, 0.15])
    f = lambda x: jnp.max(x) + jnp.max(x**2 - 1) + 0.5 * jnp.sum((x - center) ** 2)
    start = np.array([1.0, 1.0, -1.0, -1.0])
    run = st.gradient_inclusion(f, start, 1.1, 1e-8, 1e-8, saveat=[1.1])
    free = np.log(1.1916666666666667 / 0.3166666666666667) / 1.5
    assert run.events[1].kind == "release"
    assert run.events[1].time == pytest.approx(free, abs=1e-7)
    s = 0.475 * np.exp(free - 1.1) - 0.35
    np.testing.assert_allclose(run.xs[0][:2], s, atol=1e-7)


def test_maxima_of_powers():
    """All of x is s, with s′ = −(s² + s + 0.4333), until s = 1/√6."""
    f = lambda x: jnp.max(x) + jnp.max(x**3) + 0.5 * jnp.sum((x - np.array([0.5, -0.2, -0.6])) ** 2)
    run = st.gradient_inclusion(f, np.ones(3), 0.5, 1e-8, 1e-8)
    free = quad(lambda s: 1 / (s**2 + s + 1.3 / 3), 1 / np.sqrt(6), 1)[0]
    assert kinds(run) == ["slide", "release"]
    assert run.events[1].time == pytest.approx(free, abs=1e-7)


def test_a_norm_and_absolute_values_at_one_zero():
    """(1.6, −1.5) stays within what the norm and the absolute values hold."""
    f = lambda x: (
        jnp.linalg.norm(x[:2]) * (1 + x[2])
        + jnp.sum(jnp.abs(x[:2])) * x[2] ** 2
        + 0.5 * ((x[0] - 1.6) ** 2 + (x[1] + 1.5) ** 2)
        + 2 * x[2]
    )
    run = st.gradient_inclusion(f, np.array([0.0, 0.0, 1.5]), 0.4)
    assert kinds(run) == ["slide"]
    np.testing.assert_allclose(run.final, [0.0, 0.0, 0.7], atol=1e-12)
    assert run.stats["rhs"] < 2000


def test_a_kink_written_twice_that_matters_once():
    """Of the row sums of |P Pᵀ − I| only the largest counts, and each entry is in two of them."""
    M = np.random.default_rng(0).standard_normal((3, 3))
    f = lambda P: jnp.linalg.norm(P @ P.T - jnp.eye(3), jnp.inf) + 0.05 * jnp.sum((P - M) ** 2)
    start = 2 * np.eye(3) + 0.1 * M.T
    run = st.gradient_inclusion(f, start, 2.0, saveat=[0.5, 2.0])
    assert run.stats["rhs"] < 3000
    with jax.enable_x64(True):
        gradient = jax.grad(f)
        step = jax.jit(lambda P, n: jax.lax.fori_loop(0, n, lambda _, P: P - 5e-6 * gradient(P), P))
        at = step(jnp.asarray(start), 100_000)
        np.testing.assert_allclose(run.xs[0], at, atol=3e-5)
        np.testing.assert_allclose(run.xs[1], step(at, 300_000), atol=3e-5)


def test_a_norm_and_an_absolute_value_that_hold_a_tie_together():
    """With u = x₁ − x₂: neither √2 0.3 |u| nor |u| alone holds it at 0, where it comes from −1."""
    f = lambda x: (
        jnp.abs(x[0] - x[1])
        + 0.3 * jnp.linalg.norm(x - x[::-1])
        - 1.2 * (x[0] - x[1])
        + 0.5 * jnp.sum((x - np.array([0.5, 0.1])) ** 2)
    )
    run = st.gradient_inclusion(f, np.array([0.0, 1.0]), 2.0, 1e-8, 1e-8, saveat=[2.0])
    # u′ = 2 (1 + 0.3 √2 + 1.2) − (u − 0.4) up to 0; held there by less than 1 + 0.3 √2.
    rate = 2 * (2.2 + 0.3 * np.sqrt(2)) + 0.4
    assert kinds(run) == ["slide"]
    assert run.events[0].time == pytest.approx(np.log((rate + 1) / rate), abs=1e-6)
    mean = 0.3 + 0.2 * np.exp(-2.0)
    np.testing.assert_allclose(run.xs[0], [mean, mean], atol=1e-6)


@pytest.mark.parametrize(
    "norm", [lambda p: 0.7 * jnp.linalg.norm(p), lambda p: jnp.sum(jnp.abs(p))]
)
def test_smooth_choices_that_tie_where_all_comes_to_rest(norm):
    """Each softplus ties at 0 and turns nothing: what balances there is the penalty alone."""
    A = np.array([[0.3, 0.3], [-2.0, 1.0], [-1.0, -2.0]])
    f = lambda p: jnp.mean(jax.nn.softplus(-A @ p)) + norm(p)
    run = st.gradient_inclusion(f, np.array([1.0, -0.5]), 10.0, saveat=[10.0])
    np.testing.assert_allclose(run.xs[0], 0, atol=1e-12)
    assert [event.kind for event in run.events].count("stop") == 1
    assert all(event.unique for event in run.events)


def test_a_norm_that_is_squared_turns_nothing_at_its_zero():
    """x' = −x − sign x, with the ridge as a norm squared: what balances is the other term."""
    f = lambda x: 0.5 * jnp.linalg.norm(x) ** 2 + jnp.sum(jnp.abs(x))
    run = st.gradient_inclusion(f, np.array([3.0, 4.0]), 3.0, saveat=[1.0, 3.0])
    np.testing.assert_allclose(run.xs[0], np.array([4, 5]) * np.exp(-1) - 1, atol=1e-7)
    np.testing.assert_allclose(run.xs[1], 0, atol=1e-12)
    np.testing.assert_allclose([e.time for e in run.events], np.log([4, 5, 5]), atol=1e-6)
    group = lambda x: 0.5 * jnp.linalg.norm(x) ** 2 + 0.6 * jnp.linalg.norm(x) - x @ PULL
    run = st.gradient_inclusion(group, np.array([1.0, -0.2]), 3.0, saveat=[3.0])
    np.testing.assert_allclose(run.xs[0], 0, atol=1e-12)
    assert [event.kind for event in run.events] == ["slide", "stop"]


PULL = np.array([0.4, -0.3])


def test_a_norm_within_a_norm():
    """The inner one is held at 0, where the outer one does not see it, and x₂ goes on alone."""
    norm, at = jnp.linalg.norm, np.array([0.1, 0.1, 3.0])
    f = lambda x: (
        norm(jnp.stack([norm(x[:2]), x[2]])) + 0.6 * norm(x[:2]) + 0.5 * jnp.sum((x - at) ** 2)
    )
    run = st.gradient_inclusion(f, np.array([0.4, -0.7, 0.9]), 6.0, saveat=[2.0, 6.0])
    np.testing.assert_allclose(run.xs[:, :2], 0, atol=1e-12)
    away = 2 - run.xs[:, 2]  # x₂' = 2 − x₂
    assert away[1] == pytest.approx(away[0] * np.exp(-4.0), abs=1e-7)
    assert [event.kind for event in run.events] == ["slide"]


def test_norms_that_are_zero_together():
    """With the first at the tolerance from zero the others are at zero, too."""
    x0 = np.array([0.6, -0.8, 1.0])
    f = lambda x: 3 * jnp.sqrt(jnp.sum(x[:2] ** 2)) + jnp.linalg.norm(0.25 * x[:2]) + x[2] ** 2
    run = st.gradient_inclusion(f, x0, 1.0, saveat=[0.2, 1.0])
    np.testing.assert_allclose(run.xs[0], [*((1 - 0.2 * 3.25) * x0[:2]), np.exp(-0.4)], atol=1e-7)
    np.testing.assert_allclose(run.xs[1], [0, 0, np.exp(-2.0)], atol=1e-7)
    assert [event.kind for event in run.events] == ["slide"]
    assert run.events[0].time == pytest.approx(1 / 3.25, abs=1e-7)
