import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_
from scipy.linalg import expm
from scipy.special import j1

import steepest as st
from random_problems import SEEDS, few, quadratic
from steepest.errors import ArgumentError
from steepest.theorems import momentum_plan
from steepest.theorems.certificate import Evidence
from steepest.theorems.fan import carried
from steepest.theorems.momentum_paths import Flow, Pair, Runner
from unchecked import unchecked

X0 = np.array([1.0, -0.4])


def smooth(x):
    return jnp.sum(jnp.cosh(x)) + 0.5 * x[0] * x[1]


def slopes(c):
    return [h.value for h in c.hypotheses if h.name.endswith(("O(h)", "O(h²)", "O(η)"))]


@given(SEEDS, st_.floats(0, 2), st_.floats(-3, 3))
@few(2)
def test_random_quadratics_hold(seed, log_condition, log_scale):
    p, _, _ = quadratic(seed, d=3, condition=10**log_condition, scale=10**log_scale)
    c = st.theorems.momentum_limits(p)
    assert c.holds, str(c)
    assert c.hypotheses[0].evidence is Evidence.PROVED
    assert slopes(c) == pytest.approx([1, 2, 1, 2, 1, 1, 1], abs=0.15)


def test_one_that_is_no_quadratic_holds_as_measured():
    c = st.theorems.momentum_limits(st.Problem(smooth, X0))
    assert c.holds, str(c)
    assert c.hypotheses[0].evidence is Evidence.MEASURED
    assert slopes(c) == pytest.approx([1, 2, 1, 2, 1, 1, 1], abs=0.1)
    assert len(c.parts) == 7
    assert np.all(c.parts[1].measured < c.parts[0].measured / 10)  # high order tells more


def test_the_bound_is_attained_on_a_concave_quadratic():
    """There every error grows as fast as β allows, in one direction."""
    c = st.theorems.momentum_limits(st.Problem(lambda x: -jnp.sum(x**2), X0))
    assert c.slack == pytest.approx(1.0, abs=1e-6)
    heavy_ball = c.parts[0]
    assert heavy_ball.with_bound(0.99 * heavy_ball.bound).holds is False


def test_half_the_bound_fails_for_a_quadratic_too():
    c = st.theorems.momentum_limits(st.Problem(lambda x: 0.5 * x**2, 1.0))
    assert [part.with_bound(part.bound / 4).holds for part in c.parts] == [False] * 7


@pytest.mark.parametrize("wrong", ["damping", "curvature"])
def test_another_equation_is_seen_by_the_order(monkeypatch, wrong):
    right = momentum_plan._high_order

    def planted(m, of):
        flow = right(m, of)
        change = {"damping": flow.damping + of[0], "curvature": 0.0}
        numbers = {**flow.__dict__, wrong: change[wrong]}
        return Flow(**numbers)

    monkeypatch.setattr(momentum_plan, "_high_order", planted)
    c = st.theorems.momentum_limits(st.Problem(lambda x: 0.5 * jnp.sum(x**2), X0))
    assert c.holds is False
    assert all("high order" in h.name for h in c.violated)
    assert any("Nesterov" in h.name for h in c.violated)


def test_the_paths_against_closed_forms_and_the_methods():
    a, n, T, gamma = 2.0, 64, 2.0, 0.8
    h = T / n
    p = st.Problem(lambda x: 0.5 * a * x**2, 1.0)
    m = 1 - gamma * h
    flows = [Flow(gamma), Flow(vanishing=3.0), Flow(first_order=True)]
    pairs = [Pair("Nesterov", np.full(n, m), h**2, flow, T) for flow in flows]
    low, vanishing, first_order = Runner(p, n, 4).states(pairs)
    t = np.linspace(0, T, n + 1)
    A = np.array([[0.0, 1.0], [-a, -gamma]])
    exact = [(expm(s * A) @ [1.0, 0.0])[0] for s in t]
    np.testing.assert_allclose(low.limit[:, 0], exact, atol=1e-9)
    z = np.sqrt(a) * t[1:]
    np.testing.assert_allclose(vanishing.limit[1:, 0], 2 * j1(z) / z, atol=1e-8)
    np.testing.assert_allclose(first_order.limit[:, 0], np.exp(-a * t), atol=1e-8)
    x, v = 1.0, 0.0
    for _ in range(n):
        v = m * v - a * (x + h**2 * m * v)
        x = x + h**2 * v
    assert low.xs[-1, 0] == pytest.approx(x, rel=1e-12)


def test_the_high_order_flow_is_that_of_momentum_flow():
    n, T, gamma = 40, 2.0, 1.0
    h = T / n
    flow = momentum_plan._high_order(1 - gamma * h, (h, "Nesterov"))
    pair = Pair("Nesterov", np.full(n, 1 - gamma * h), h**2, flow, T)
    (ours,) = Runner(st.Problem(smooth, X0), n, 4).states([pair])
    run = st.momentum_flow(smooth, X0, T, "nesterov", gamma, "high", step=h**2, saveat=[T])
    np.testing.assert_allclose(ours.limit[-1], run.final, atol=1e-7)


@given(SEEDS)
def test_errors_are_carried_as_the_recursion_carries_them(seed):
    """Against the recursion itself, with random Hessians of norm at most β."""
    rng = np.random.default_rng(seed)
    n, beta, step = 12, 2.0, 0.3
    for momenta in (np.full(n, 0.7), rng.uniform(0, 1, n)):
        for lookahead in (False, True):
            defects = rng.standard_normal((n, 3))
            e = d = np.zeros(3)
            norms = []
            for m, tau in zip(momenta, defects, strict=True):
                H = rng.standard_normal((3, 3))
                H = beta * (H + H.T) / np.linalg.norm(H + H.T, 2)
                at = e + m * d if lookahead else e
                d = m * d - step * H @ at - tau
                e = e + d
                norms.append(np.linalg.norm(e))
            sizes = np.linalg.norm(defects, axis=1)[None]
            bound = carried(momenta, step, np.array([-beta]), lookahead, sizes)[0]
            assert np.all(norms <= bound * (1 + 1e-12))


def test_equal_and_unequal_momenta_carry_alike():
    errors = np.abs(np.random.default_rng(0).standard_normal((2, 20)))
    equal = np.full(20, 0.8)
    nearly = equal + 1e-13 * np.arange(20)
    for curvatures in (np.array([-1.0]), np.array([0.1, 3.0])):
        a, b = (carried(m, 0.2, curvatures, True, errors) for m in (equal, nearly))
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_kink_on_the_way_violates_and_softplus_has_none():
    c = st.theorems.momentum_limits(st.Problem(lambda x: jnp.abs(x) + x**2, 1.0))
    assert c.holds is False
    assert any("kink" in h.detail and "abs" in h.detail for h in c.violated)
    soft = st.theorems.momentum_limits(st.Problem(jax.nn.softplus, 0.1), counts=[32, 64, 128])
    assert soft.holds, str(soft)


def test_a_smoothness_given_is_held_against_the_runs():
    good = st.theorems.momentum_limits(st.Problem(jnp.cosh, 1.0, smoothness=3.0))
    assert good.holds
    assert good.hypotheses[0].evidence is Evidence.GIVEN
    bad = st.theorems.momentum_limits(st.Problem(jnp.cosh, 1.0, smoothness=0.5))
    assert bad.holds is False
    assert "x = (" in bad.violated[0].detail
    A = st.Problem(lambda x: jnp.sum(x**2), X0, smoothness=1.0)
    assert st.theorems.momentum_limits(A).holds is False


@pytest.mark.parametrize("f", [lambda x: -jnp.sum(x**4), lambda x: jnp.sum(jnp.sqrt(x + 0.41))])
def test_leaving_the_finite_numbers_is_no_crash(f):
    assert st.theorems.momentum_limits(st.Problem(f, X0)).holds is False


def test_steps_too_large_violate():
    p = st.Problem(lambda x: 50.0 * x**2, 1.0)
    c = st.theorems.momentum_limits(p, time=1, damping=0, counts=[5, 10])
    assert c.holds is False
    assert any(h.name == "ηβ ≤ 1" for h in c.violated)


def test_a_momentum_that_has_not_forgotten_the_start_is_no_failure():
    """The orders of small steps show after some 1/(1 − m) steps only."""
    c = st.theorems.momentum_limits(st.Problem(lambda x: x**2, 1.0), momentum=0.99)
    assert c.holds is None
    assert c.slack < 1


def test_where_nothing_moves_nothing_is_wrong():
    c = st.theorems.momentum_limits(st.Problem(jnp.cosh, 0.0))
    assert c.holds
    assert not slopes(c)
    flat = st.Problem(lambda x: 0.0 * x, 1.0)
    assert st.theorems.momentum_limits(flat, time=1, counts=[16, 32]).holds


def test_pytrees_float32_and_ints():
    f = lambda x: jnp.sum(jnp.cosh(x["a"])) + x["b"] ** 2
    p = st.Problem(f, {"a": jnp.ones(2), "b": np.float32(2.0)})
    c = st.theorems.momentum_limits(p, time=1, damping=1, momentum=0, counts=[16, 32, 64])
    assert c.holds, str(c)
    assert not any(type(panel).__name__ == "Landscape" for panel in c.figure)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"time": 0}, "time"),
        ({"time": float("nan")}, "time"),
        ({"time": 1e9}, "time"),
        ({"damping": -1.0}, "damping"),
        ({"damping": 50.0, "time": 1.0, "counts": [10, 20]}, "damping"),
        ({"momentum": 1}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
        ({"momentum": [0.1, 0.2]}, "momentum"),
        ({"counts": [8]}, "counts"),
        ({"counts": [8, 12]}, "counts"),
        ({"counts": [1.5, 3.0]}, "counts"),
        ({"counts": [16, 8]}, "counts"),
    ],
)
def test_bad_arguments_are_named(arguments, says):
    with pytest.raises(ArgumentError, match=says):
        unchecked(st.theorems.momentum_limits)(st.Problem(lambda x: x**2, 1.0), **arguments)
