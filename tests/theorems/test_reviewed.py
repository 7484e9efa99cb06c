"""Wrong answers that a reviewer found, each kept from coming back."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

import steepest as st
from steepest.errors import ArgumentError, UnsupportedPrimitiveError
from steepest.theorems.certificate import Evidence
from unchecked import unchecked

P, C = st.Problem, st.certify


@pytest.mark.parametrize(
    ("f", "x0"),
    [
        (lambda x: 1e6 * (x[0] - 1000.0) ** 2 + 0.1 * x[1], np.zeros(2)),
        (lambda x: (x[0] - 1) ** 2 + 1e-11 * x[1], np.zeros(2)),
        (lambda x: 1e16 * x[0] ** 2 - x[1] ** 2, np.ones(2)),
        (lambda x: x[0] ** 2 - 1e-15 * x[1] ** 2, np.array([1.0, 1e6])),
    ],
)
def test_no_minimum_is_proved_where_f_is_unbounded_below(f, x0):
    c = C("D2", P(f, x0), steps=20)
    assert all(h.evidence is not Evidence.PROVED for h in c.hypotheses[1:])
    flow = C("C2", P(f, x0), counts=[4, 8])
    assert flow.hypotheses[0].evidence is not Evidence.PROVED


def test_a_given_minimum_is_held_against_the_quadratic():
    bowl = lambda x: x[0] ** 2 + 1e-3 * x[1] ** 2
    assert C("D2", P(bowl, np.array([1.0, 100.0]), minimum=5.0), steps=20).holds is False
    saddle = lambda x: x[0] ** 2 - x[1] ** 2
    assert C("D2", P(saddle, np.array([1.0, 0.0]), minimum=-1.0), steps=20).holds is False


def test_cancellation_in_the_program_widens_what_is_proved():
    Z = np.random.default_rng(0).standard_normal((50, 2)) + 1e6 * np.array([1.0, 0.0])
    true = np.linalg.eigvalsh(2 * np.cov(Z.T, bias=True))
    q = P(lambda x: jnp.mean((Z @ x) ** 2) - jnp.mean(Z @ x) ** 2, np.ones(2)).quadratic
    assert q.least <= true[0]
    assert q.largest >= true[1]


def test_a_run_that_lands_on_a_kink_is_not_called_smooth():
    c = C("D1", P(lambda x: jnp.abs(x), 1.0), steps=20)
    assert c.holds is False
    assert c.violated[0].name == "f is differentiable at the last point"


FEATURES = np.random.default_rng(0).standard_normal((20, 2)) * 1e6


@pytest.mark.parametrize(
    ("f", "x0", "beta"),
    [
        (lambda x: jnp.sum(jnp.logaddexp(x - 1e8, 1e8 - x)), np.array([1e8 + 1, 1e8 - 1]), 1.0),
        (lambda x: (x[0] / 1e6 - 1) ** 2 + jnp.log(jnp.cosh(x[1])), np.array([1e8, 1.0]), None),
        (lambda x: jnp.sum(jnp.log(jnp.cosh(1e8 * x))), np.array([1e-8, 2e-8]), 1e16),
        (lambda x: (x[0] / 1e5) ** 2 - jnp.log(x[1]) + x[1], np.array([1e5, 0.01]), None),
        (lambda w: jnp.mean(jnp.logaddexp(0.0, -FEATURES @ w)), np.array([1e-6, 2e-6]), None),
        (lambda x: jnp.sum(jnp.abs(jnp.exp(1j * x) - 1) ** 2), np.ones(2), None),
    ],
)
def test_smooth_functions_of_any_scale_hold(f, x0, beta):
    c = C("D1", P(f, x0, smoothness=beta), steps=20)
    assert c.holds, str(c)


def test_true_minima_below_zero_by_rounding_only():
    rng = np.random.default_rng(1)
    M, w = rng.standard_normal((6, 3)), rng.standard_normal(3) * 100
    G, b, c = M.T @ M, M.T @ (M @ w), (M @ w) @ (M @ w)
    f = lambda x: x @ (G @ x) - 2 * b @ x + c
    for start in (np.zeros(3), np.linalg.solve(G, b)):
        assert C("D2", P(f, start, minimum=0.0), steps=600).holds
    third = np.array([1 / 3])
    near = P(lambda x: jnp.sum((x - 1 / 3) ** 2), third, minimizer=np.float32([1 / 3]))
    assert C("D3", near, steps=3).holds


def test_a_layer_of_zeros_can_be_rescaled():
    p = P(lambda w: (w[0] @ w[1] - 1.0) ** 2, [np.array([1.0, 2.0]), np.zeros(2)])
    assert C("C5", p).holds


def test_a_smoothness_given_in_float32_is_enough():
    A = np.array([[3.0, 1.0], [1.0, 2.0]])
    beta = float(np.linalg.eigvalsh(A.astype(np.float32))[-1])
    assert C("D1", P(lambda x: x @ A @ x / 2, np.ones(2), smoothness=beta), steps=5).holds


def test_many_variables_without_curvature():
    c = C("D1", P(lambda x: jnp.sum(jnp.where(x > 0, x, 0.5 * x)), np.ones(300)), steps=3)
    assert c.slack is not None


def test_a_loop_that_cannot_be_differentiated_is_named():
    f = lambda x: lax.while_loop(
        lambda y: jnp.abs(y * y - x) > 1e-6, lambda y: 0.5 * (y + x / y), x
    )
    with pytest.raises(UnsupportedPrimitiveError, match=r"`while` at .*test_reviewed.py"):
        C("D1", P(f, 2.0), steps=3)


def test_a_stiff_flow_is_refused_instead_of_run_for_hours():
    with pytest.raises(ArgumentError, match="time"):
        C("C2", P(lambda x: 1e10 * x[0] ** 2 + x[1] ** 2, np.ones(2)))


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_operator_norms_out_of_the_range_of_squares(scale):
    c = C("X1", scale * np.array([[0.0, 1.0], [0.0, 0.0]]))
    assert c.holds
    assert c.bound[0] == pytest.approx(scale)
    assert "not normal" in c.notes[0]


@pytest.mark.parametrize("A", [[[0, 2j], [2j, 0]], [[1, 2], [3]], [["a"]]])
def test_what_is_no_real_matrix(A):
    with pytest.raises(ArgumentError, match="real matrix"):
        C("X1", A)


def with_constant(name, value):
    """A problem with a constant of a type that the tests' type checker would refuse first."""
    p = P(lambda x: x**2, 1.0)
    object.__setattr__(p, name, value)
    p.__post_init__()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: with_constant("minimum", "0"),
        lambda: with_constant("smoothness", np.array([2.0, 3.0])),
        lambda: C("D1", lambda x: x),
        lambda: C("D1"),
        lambda: unchecked(C)(["D1"], 1),
    ],
)
def test_wrong_use_is_an_error_of_ours(wrong):
    with pytest.raises(ArgumentError):
        wrong()


def test_a_method_that_takes_no_extra_arguments_whatever_it_says():
    method = optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.05), sync_period=2)
    run = st.descend(lambda x: jnp.sum(x**2), jnp.ones(2), method, 20)
    assert run.values[-1] < run.values[0]


def test_the_limit_of_jit_is_not_the_limit_of_theorems():
    """Theorems leave JAX's global flag alone."""
    before = jax.config.jax_enable_x64
    C("D1", P(lambda x: x**2, 1.0), steps=2)
    assert jax.config.jax_enable_x64 is before
