"""Choices that turn on one surface and cancel in part: each alone has a kink that f has not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import few

X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -1.0]])


def end(run):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(run.final)])


@pytest.mark.parametrize("solve", [st.gradient_flow, st.gradient_inclusion])
def test_logistic_regression_from_zero(solve):
    """All margins are 0 at once; f is smooth there."""
    f = lambda w: jnp.sum(jax.nn.softplus(-X @ w)) + 0.05 * jnp.sum(w**2)
    smooth = lambda w: jnp.sum(jnp.log(1 + jnp.exp(-X @ w))) + 0.05 * jnp.sum(w**2)
    run = solve(f, np.zeros(2), 2.0)
    assert run.events == ()
    np.testing.assert_allclose(run.final, st.gradient_flow(smooth, np.zeros(2), 2.0).final, 1e-7)


@pytest.mark.parametrize(
    ("f", "smooth"),
    [
        (lambda x: jax.nn.relu(x) - jax.nn.relu(-x), lambda x: x),
        (lambda x: jnp.logaddexp(x, -x) + 0.3 * x, lambda x: jnp.log(2 * jnp.cosh(x)) + 0.3 * x),
    ],
)
def test_a_smooth_flow_passes_what_has_a_kink_in_parts_only(f, smooth):
    run = st.gradient_flow(f, 0.7, 3.0)
    assert run.final == pytest.approx(float(st.gradient_flow(smooth, 0.7, 3.0).final), abs=1e-7)


def test_a_kink_that_is_left_over_is_no_larger_than_it_is():
    """∂f(0) = [0.5, 1] for relu(x) − relu(−x)/2; freed of each other the two reach 0."""
    f = lambda x: jax.nn.relu(x) - 0.5 * jax.nn.relu(-x)
    run = st.gradient_inclusion(f, 0.0, 1.0)
    assert float(run.final) == pytest.approx(-0.5, abs=1e-9)
    assert not any(event.kind == "stop" for event in run.events)


def test_a_slide_on_several_choices_ends_where_their_sum_lets_go():
    """∂f(0) = [−1, 1/2] for |x| − relu(x)/2: with the slope 1.5 − t from x = 0 it is left at
    t = 1, and at 0.5 if the two were free."""
    f = lambda z: jnp.abs(z[0]) - 0.5 * jax.nn.relu(z[0]) - z[0] * z[1] - z[1]
    run = st.gradient_inclusion(f, np.array([0.0, 0.0]), 0.25)
    # z1' = 1 + z0, and z0 is held while z1 is in [−1, 1/2]
    np.testing.assert_allclose(run.final, [0.0, 0.25], atol=1e-9)
    run = st.gradient_inclusion(f, np.array([0.0, 0.0]), 1.0)
    release = [event.time for event in run.events if event.kind == "release"]
    np.testing.assert_allclose(release, [0.5], atol=1e-7)
    # then z0'' = z1' = 1 + z0 from (0, 0): z0 = cosh(t) − 1, z1 = 1/2 + sinh(t)
    np.testing.assert_allclose(run.final, [np.cosh(0.5) - 1, 0.5 + np.sinh(0.5)], atol=1e-7)


def test_surfaces_that_only_touch_are_not_one():
    """relu(u) − relu(u + v²) has gradients 0 and (−1, 0) at 0: that of −u is not the mean."""
    f = lambda z: jax.nn.relu(z[0]) - jax.nn.relu(z[0] + z[1] ** 2) + 0.3 * z[0]
    run = st.gradient_inclusion(f, np.array([1.0, 1.0]), 1.0)
    assert run.final[1] != 1.0


@given(st_.integers(0, 10**6))
@few(2)
def test_any_sum_of_choices_on_one_surface_against_one_choice(seed):
    rng = np.random.default_rng(seed)
    terms, up, down = [], 0.0, 0.0
    for _ in range(rng.integers(2, 5)):
        a, k = rng.uniform(-1, 1.5), rng.uniform(0.3, 2) * rng.choice([-1, 1])
        if rng.random() < 0.5:
            terms.append(lambda u, a=a, k=k: a * jax.nn.relu(k * u))
            up, down = up + a * max(k, 0.0), down + a * min(k, 0.0)
        else:
            terms.append(lambda u, a=a, k=k: a * jnp.abs(k * u))
            up, down = up + a * abs(k), down - a * abs(k)
    if up < down:  # concave: at the kink there are two ways to go
        terms.append(lambda u: (down - up + 0.5) * jax.nn.relu(u))
        up = down + 0.5
    c, m = rng.standard_normal(2), rng.standard_normal(2)
    rest = lambda x: 0.5 * jnp.sum((x - m) ** 2)
    several = lambda x: sum(term(c @ x) for term in terms) + rest(x)
    one = lambda x: jnp.where(c @ x > 0, up * (c @ x), down * (c @ x)) + rest(x)
    x0 = rng.standard_normal(2)
    x0 = np.zeros(2) if rng.random() < 0.5 else x0
    runs = [st.gradient_inclusion(f, x0, 2.0, 1e-9, 1e-9) for f in (several, one)]
    np.testing.assert_allclose(end(runs[0]), end(runs[1]), atol=1e-7)
