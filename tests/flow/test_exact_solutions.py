"""Gradient inclusion against solutions known in closed form or by another solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import minimize

import steepest as st

relu = jax.nn.relu


def kinds(run):
    return [event.kind for event in run.events]


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_a_norm_is_at_zero_in_finite_time_and_stays(tolerance):
    x0, ts = np.array([3.0, 4.0]), np.array([1.0, 4.9, 5.0, 6.0, 10.0])
    run = st.gradient_inclusion(jnp.linalg.norm, x0, 10.0, tolerance, tolerance, saveat=ts)
    np.testing.assert_allclose(run.xs, np.maximum(1 - ts / 5, 0)[:, None] * x0, atol=10 * tolerance)
    assert kinds(run) == ["slide", "stop"]
    assert run.events[0].time == pytest.approx(5, abs=10 * tolerance)
    assert run.events[0].kinks[0].primitive == "norm"


def test_groups_of_a_group_lasso_reach_zero_and_leave_it():
    center = np.array([0.5, 0.2, 2.0, 1.0])
    group_lasso = lambda x: (
        0.5 * jnp.sum((x - center) ** 2) + jnp.sum(jnp.linalg.norm(x.reshape(2, 2), axis=1))
    )
    shrunk = lambda v: max(0.0, 1 - 1 / np.linalg.norm(v)) * v
    end = np.concatenate([shrunk(center[:2]), shrunk(center[2:])])
    for start in (np.array([1.0, -1.0, -1.0, 3.0]), np.zeros(4)):
        run = st.gradient_inclusion(group_lasso, start, 30.0, saveat=[30.0])
        np.testing.assert_allclose(run.xs[0], end, atol=1e-7)
        assert np.all(np.array(run.xs[0])[:2] == pytest.approx(0, abs=1e-12))


def test_errors_of_the_steps_do_not_keep_a_norm_from_zero():
    """The coupled group turns as it shrinks: without an end, once, at the tolerance from zero."""
    rng = np.random.default_rng(0)
    start, M = rng.standard_normal(6), rng.standard_normal((5, 6))
    norms = lambda x: jnp.sum(jnp.linalg.norm(x.reshape(3, 2), axis=1))
    f = lambda x: norms(x) + 0.5 * jnp.sum((M @ x - 1) ** 2)
    run = st.gradient_inclusion(f, start, 6.0, saveat=[6.0], max_steps=1000)
    assert kinds(run) == ["slide"]
    at = run.xs[0]
    np.testing.assert_allclose(at[:2], 0, atol=1e-12)
    assert np.linalg.norm((M.T @ (M @ at - 1))[:2]) < 1


def test_a_norm_is_let_go_tangentially():
    """‖u‖ − u₀z − z/2: held at u = 0 while z < 1, then u₀ grows as in one dimension."""
    f = lambda x: jnp.sqrt(x[0] ** 2 + x[1] ** 2) - x[0] * x[2] - 0.5 * x[2]
    run = st.gradient_inclusion(f, np.array([0.2, 0.1, 0.0]), 4.0, saveat=[1.0, 4.0])
    held, free = run.events
    assert (held.kind, free.kind) == ("slide", "release")
    np.testing.assert_allclose(run.xs[0][:2], 0, atol=1e-12)
    A = np.array([[0, 1, -1], [1, 0, 0.5], [0, 0, 0]])
    x, z, _ = expm(A * (4.0 - free.time)) @ [0.0, 1.0, 1.0]
    np.testing.assert_allclose(run.xs[1], [x, 0, z], atol=1e-6)


@pytest.mark.parametrize("starts", [(0.3, 0.3), (0.3, 0.2)], ids=["together", "one by one"])
def test_two_that_enter_slide_and_leave(starts):
    """Σ |x| − xy − y/2, twice: each as if alone, whether they meet at one time or not."""
    f = lambda z: jnp.sum(jnp.abs(z[0]) - z[0] * z[1] - 0.5 * z[1])
    run = st.gradient_inclusion(f, np.array([starts, (0.0, 0.0)]), 4.0, saveat=[4.0])
    alone = [
        st.gradient_inclusion(f, np.array([[x], [0.0]]), 4.0, saveat=[4.0]).xs[0][:, 0]
        for x in dict.fromkeys(starts)
    ]
    for i, x in enumerate(starts):
        np.testing.assert_allclose(run.xs[0][:, i], alone[x != starts[0]], atol=1e-7)
    each = 1 if starts[0] == starts[1] else 2
    assert [kinds(run).count(kind) for kind in ("slide", "release")] == [each, each]


def test_a_support_vector_machine_ends_at_the_solution_of_its_quadratic_program():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 3))
    y = np.sign(X @ [1.0, -1.0, 0.5] + 0.3 * rng.standard_normal(20))
    f = lambda w: 0.5 * jnp.sum(w**2) + jnp.sum(relu(1 - y * (X @ w))) / 4
    run = st.gradient_inclusion(f, np.zeros(3), 40.0, saveat=[0.5, 40.0])
    # The dual: max Σa − ½‖Σ a y x‖² over 0 ≤ a ≤ ¼.
    Z = y[:, None] * X
    dual = lambda a: 0.5 * np.sum((a @ Z) ** 2) - np.sum(a)
    gradient = lambda a: Z @ (a @ Z) - 1
    a = minimize(dual, np.full(20, 0.1), jac=gradient, bounds=[(0, 0.25)] * 20, tol=1e-15).x
    np.testing.assert_allclose(run.xs[1], a @ Z, atol=1e-5)
    assert "slide" in kinds(run)


def test_a_neuron_freezes_on_its_kink():
    """w₁ falls to 0 in finite time, since v₁² − w₁² stays; from then the other learns alone."""
    f = lambda p: 0.5 * (jnp.sum(p[1] * relu(p[0])) - 1.0) ** 2
    start = [np.array([0.3, 0.5]), np.array([-1.0, 0.5])]
    run = st.gradient_inclusion(f, start, 30.0, saveat=[10.0, 30.0])
    w, v = (np.array(leaf)[1] for leaf in run.xs)
    assert w[0] == pytest.approx(0, abs=1e-12)
    assert v[0] == pytest.approx(-np.sqrt(1 - 0.09), abs=1e-7)
    np.testing.assert_allclose([w[1], v[1]], 1.0, atol=1e-7)
    assert len(run.events) == 1


def test_convex_flows_are_the_limit_of_the_proximal_point_method():
    """For max of affine functions with a quadratic, by resolvents in closed dual form."""
    rng = np.random.default_rng(5)
    A, b = rng.standard_normal((6, 3)), 0.3 * rng.standard_normal(6)
    f = lambda x: jnp.max(A @ x + b) + 0.1 * jnp.sum(x**2)
    x0, T = np.array([1.0, -2.0, 1.5]), 2.0
    run = st.gradient_inclusion(f, x0, T, saveat=[T])

    def resolvent(x, h):
        """argmin of f + ‖· − x‖²/2h, by its dual over the simplex."""
        scale = 1 / (1 / h + 0.2)
        value = lambda p: 0.5 * scale * np.sum((x / h - p @ A) ** 2) - p @ b
        slope = lambda p: -scale * A @ (x / h - p @ A) - b
        p = minimize(
            value,
            np.full(6, 1 / 6),
            jac=slope,
            bounds=[(0, 1)] * 6,
            constraints={"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: np.ones(6)},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 300},
        ).x
        return scale * (x / h - p @ A)

    errors = []
    for count in (20, 40, 80):
        x = x0
        for _ in range(count):
            x = resolvent(x, T / count)
        errors.append(np.linalg.norm(x - np.array(run.xs[0])))
    assert errors[0] < 0.2
    assert errors[2] < 0.4 * errors[0]
