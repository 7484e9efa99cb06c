import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

import steepest as st
from random_problems import SEEDS, quadratic
from steepest.theorems.certificate import Evidence
from steepest.theorems.convexity import convexity


def of(f, points, **stated):
    """What is said of f at these points, its gradients by `jax.grad` in double."""
    with jax.enable_x64(True):
        x = jnp.asarray(points, jnp.float64)
        values, gradients = map(np.asarray, jax.vmap(jax.value_and_grad(f))(x))
    p = st.Problem(f, np.asarray(points, np.float64)[0], **stated)
    return convexity(p, np.asarray(x), values, gradients)


@given(SEEDS)
def test_proved_for_a_definite_quadratic_whatever_the_user_says(seed):
    p, A, _ = quadratic(seed)
    points = np.random.default_rng(seed).standard_normal((5, 4))
    said = of(p.f, points)
    assert said.evidence is Evidence.PROVED
    assert f"{np.linalg.eigvalsh(A)[0]:.4g}" in said.detail
    assert of(p.f, points, strong_convexity=0.5).evidence is Evidence.PROVED


def test_proved_for_an_affine_program():
    assert of(lambda x: 3.0 * x[0] - x[1], np.eye(2)).evidence is Evidence.PROVED


def test_given_where_the_user_says_so_and_unknown_where_nobody_does():
    f = lambda x: jnp.sum(jnp.exp(x))
    assert of(f, np.eye(3), strong_convexity=0.0).evidence is Evidence.GIVEN
    assert of(f, np.eye(3)).evidence is Evidence.UNKNOWN


def test_a_singular_quadratic_is_not_called_convex_by_itself():
    f = lambda x: (x[0] - x[1]) ** 2
    assert of(f, np.eye(2)).evidence is Evidence.UNKNOWN
    assert of(f, np.eye(2), strong_convexity=0.0).evidence is Evidence.GIVEN


@given(SEEDS)
def test_two_points_contradict_what_is_given_and_are_named(seed):
    rng = np.random.default_rng(seed)
    x = np.pi + rng.uniform(-0.5, 0.5, (2, 1))
    said = of(lambda x: -jnp.sum(jnp.cos(x)), x, strong_convexity=0.0)  # concave about π
    assert said.evidence is Evidence.VIOLATED
    assert said.detail.count("x = (") == 2


def test_a_saddle_is_violated_even_where_the_points_do_not_see_it():
    f = lambda x: x[0] ** 2 - 1e-3 * x[1] ** 2
    said = of(f, [[0.0, 0.0], [1.0, 0.0]], strong_convexity=0.0)
    assert said.evidence is Evidence.VIOLATED
    assert "λ" in said.detail


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_passed_over(bad):
    p = st.Problem(lambda x: jnp.sum(jnp.exp(x)), np.zeros(1), strong_convexity=0.0)
    x = np.array([[0.0], [bad], [1.0]])
    values = np.array([1.0, bad, np.e])
    said = convexity(p, x, values, values[:, None])
    assert said.evidence is Evidence.GIVEN
    assert convexity(p, x[1:2], values[1:2], x[1:2]).evidence is Evidence.GIVEN


def test_cancellation_far_from_the_minimum_refutes_nothing():
    """(x − 10⁶)² written out loses five digits of f: rounding, not a lack of convexity."""
    f = lambda x: jnp.sum(x**2 - 2e6 * x + 1e12) + 0.0 * jnp.sum(jnp.abs(x))
    points = 1e6 + np.linspace(-1e-3, 1e-3, 9)[:, None]
    assert of(f, points, strong_convexity=0.0).evidence is Evidence.GIVEN


def test_a_curve_downwards_that_the_points_do_not_see():
    """Between points along its convex coordinate the sum of cosines looks convex."""
    f = lambda x: jnp.sum(jnp.cos(x))
    points = np.array([[1.0, 2.0], [1.0, 2.1]])
    assert of(f, points, strong_convexity=0.0).evidence is Evidence.VIOLATED
    p = st.Problem(f, points[0], strong_convexity=0.0)
    assert st.theorems.adagrad_regret(p, learning_rate=0.5).holds is False


def test_a_kink_at_the_start_is_no_curve_downwards():
    f = lambda x: jnp.sum(jnp.abs(x)) + jnp.linalg.norm(x) + jnp.sum(jax.nn.relu(x) ** 2)
    assert (
        of(f, np.array([[0.0, 1.0], [0.5, 1.0]]), strong_convexity=0.0).evidence is Evidence.GIVEN
    )
