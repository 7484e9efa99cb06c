"""Kinks between the points of a path, against closed forms."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st_

import steepest as st
from random_problems import SEEDS
from steepest.flow import (
    Derivatives,
    KinksByHalving,
    KinksPassed,
    TooManyTurns,
    _passed_kinks as module,
    straight,
)
from steepest.pieces import trace

# Each of one number, with the place at 0, and whether ∇f, or ∇²f, is Lipschitz there.
UNITS = {
    "relu": (jax.nn.relu, False, False),
    "abs": (jnp.abs, False, False),
    "root": (lambda z: jnp.sqrt(z * z), False, False),
    "power": (lambda z: jnp.abs(z) ** 1.5, False, False),
    "square of relu": (lambda z: jax.nn.relu(z) ** 2, True, False),
    "elu": (jax.nn.elu, True, False),
    "huber": (lambda z: jnp.where(jnp.abs(z) < 1, z**2 / 2, jnp.abs(z) - 0.5), True, False),
    "cube of abs": (lambda z: jnp.abs(z) ** 3, True, True),
    "two relus": (lambda z: jax.nn.relu(z) - jax.nn.relu(-z), True, True),
    "softplus": (jax.nn.softplus, True, True),
    "square of a root": (lambda z: jnp.sqrt(z * z) ** 2, True, True),
    "logsumexp": (lambda z: jax.nn.logsumexp(jnp.stack([z, 1 - z])), True, True),
}


def kinks_of(f, points, nearest=0.0, **options):
    points = np.asarray(points, float)
    derivatives = Derivatives(trace(f, points[0]), **options)
    return KinksPassed(derivatives, nearest).first(straight(points))


@given(SEEDS, st_.integers(1, 3), st_.integers(1, 4), st_.sampled_from([1e-3, 1.0, 1e4]))
def test_the_first_kink_of_random_sums_of_units(seed, d, units, unit):
    """A unit of w·x − b has its place on a way where that changes its sign."""
    rng = np.random.default_rng(seed)
    names = rng.choice(list(UNITS), units)
    w, b = rng.standard_normal((units, d)), unit * rng.standard_normal(units)
    size = 10.0 ** rng.uniform(-6, 1, units)  # small beside the smooth part, or large
    f = lambda x: (
        jnp.sum(x**4) / unit**4
        + sum(
            s * UNITS[name][0]((wi @ x - bi) / unit)
            for s, name, wi, bi in zip(size, names, w, b, strict=True)
        )
    )
    points = unit * rng.standard_normal((4, d))
    found = kinks_of(f, points)
    at = points @ w.T - b
    expected = [
        (k + at[k, i] / (at[k, i] - at[k + 1, i]))
        for k, i in itertools.product(range(3), range(units))
        if not UNITS[names[i]][1] and at[k, i] * at[k + 1, i] < 0
    ]
    if not expected:
        assert found is None
    else:
        assert found is not None
        assert found.jump.order == 1
        assert found.way + found.share == pytest.approx(min(expected), abs=1e-9)


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("through", [[2.0, -3.0], [2.0, 0.0, -3.0], [-1e-5, 2e-5], [1e6, -1.0]])
def test_each_unit_by_itself_to_the_second_derivative(name, through):
    unit, first, second = UNITS[name]
    # Of the huber ±1 are places, too.
    f = lambda x: unit(x[0]) + jnp.cosh(x[0] / 1e6)
    points = np.array(through)[:, None]
    assert (kinks_of(f, points) is None) == first
    found = kinks_of(f, points, order=2)
    if name == "huber":
        assert (found is None) == (max(map(abs, through)) < 1)
    else:
        assert (found is None) == second


def test_only_jumps_count_where_a_continuous_derivative_will_do():
    f = lambda x: jnp.sum(jnp.abs(x) ** 1.5)
    assert kinks_of(f, [[1.0], [-2.0]]) is not None
    assert kinks_of(f, [[1.0], [-2.0]], lipschitz=False) is None
    assert kinks_of(lambda x: jnp.sum(jnp.abs(x)), [[1.0], [-2.0]], lipschitz=False) is not None


def test_a_jump_of_f_is_told_from_one_of_its_slope():
    found = kinks_of(lambda x: jnp.sum(jnp.where(x > 1, x**2 + 1e-3, x**2)), [[3.0], [0.0]])
    assert found is not None
    assert found.jump.order == 0
    assert found.jump.change == pytest.approx(1e-3, rel=1e-5)
    assert found.x == pytest.approx(np.array([1.0]), abs=1e-9)


def test_what_turns_and_turns_back_between_two_points_is_seen():
    hat = lambda x: jnp.sum(x**2 + jax.nn.relu(1 - jnp.abs(x - 6)))
    found = kinks_of(hat, [[20.0], [0.0]])
    assert found is not None
    assert abs(found.x[0] - 6) == pytest.approx(1, abs=1e-9) or found.x[0] == pytest.approx(6)
    assert "abs" in found.what or "max" in found.what
    assert __file__ in found.what


def q(x):
    return 0.5 * jnp.sum((x - 1.03) ** 2)


# From −0.83 to 1.03: the choice has turned back at all places that are looked at first.
TURN_BACK = {
    "bump": lambda x: 0.5 * jax.nn.relu(0.01 - (x - 0.2) ** 2),
    "floor": lambda x: jnp.maximum(0.1 * (x - 0.137) ** 2, 1e-3),
    "narrow floor": lambda x: jnp.maximum(1e-9, (x - 0.21) ** 2 / 2),
    "wave": lambda x: 0.05 * jax.nn.relu(jnp.cos(5 * (x - 0.137)) - 0.99),
    "where": lambda x: jnp.where((x - 0.2) ** 2 < 0.01, 0.01 - (x - 0.2) ** 2, 0) * 0.5,
}
# Kinks at 0.21 that no choice, and no root of a number, tells of.
UNTOLD = {
    "complex abs": lambda u: jnp.abs(u + 0j),
    "complex root": lambda u: jnp.real(jnp.sqrt(u**2 + 0j)),
    "eigenvalue": lambda u: jnp.linalg.eigvalsh(jnp.diag(jnp.array([1.0, -1.0])) * u)[-1],
    "nuclear norm": lambda u: jnp.linalg.norm(jnp.array([[1.0, 2], [0.5, -1]]) * u, "nuc"),
    "reciprocal root": lambda u: u**2 * jax.lax.rsqrt(u**2),
    "angle": lambda u: jnp.arccos(jnp.cos(u)),
}


@pytest.mark.parametrize("theorem", ["D1", "D5", "D7"])
@pytest.mark.parametrize("name", [*TURN_BACK, *UNTOLD])
def test_no_certificate_holds_beside_kinks_that_are_hard_to_see(name, theorem):
    g = TURN_BACK.get(name) or (lambda x: 0.05 * UNTOLD[name](x - 0.21))
    assert st.certify(theorem, st.Problem(lambda x: q(x) + g(x), -0.83)).holds is False


def test_a_jump_is_followed_beside_a_larger_change_that_is_smooth():
    """Between −0.83 and 1.03 the derivative of e^x/2 changes by 1.2, most of it at the right."""
    f = lambda x: jnp.exp(x[0]) / 2 + 0.05 * UNTOLD["eigenvalue"](x[0] + 0.3)
    ways = straight(np.array([[-0.83], [1.03]]))
    found = KinksByHalving(Derivatives(trace(f, np.ones(1)))).first(ways)
    assert found is not None
    assert found.x == pytest.approx(np.array([-0.3]), abs=1e-7)


@pytest.mark.parametrize("theorem", ["D1", "D5", "D7"])
def test_smooth_programs_that_are_searched_by_derivatives_hold(theorem):
    avoided = lambda x: jnp.linalg.eigvalsh(jnp.array([[x, 1.0], [1.0, -x]]))[-1]
    f = lambda x: q(x) + jnp.abs(jnp.exp(1j * x) - 1) ** 2 + 0.05 * avoided(x)
    assert st.certify(theorem, st.Problem(f, -0.83)).holds


@pytest.mark.parametrize("size", [1 / 16, 1e-3])
@pytest.mark.parametrize("theorem", ["D1", "D5"])
def test_a_derivative_that_is_even_about_where_it_is_not_lipschitz(theorem, size):
    f = lambda x: q(x) + size * (x - 0.21) * jnp.sqrt(jnp.abs(x - 0.21))
    assert st.certify(theorem, st.Problem(f, -0.83)).holds is False


# Of parts that fit each other: with the constants of a user in single precision to their rounding.
FITTED = {
    "line": (lambda x: jnp.where(x < 0.7, x**2, 1.4 * x - 0.49), False),
    "cube": (
        lambda x: jnp.where(jnp.abs(x) < 1, jnp.abs(x) ** 3 / 3, x**2 - jnp.abs(x) + 1 / 3),
        True,
    ),
    "exponential": (
        lambda x: 0.2 * jnp.where(x < 0.5, jnp.exp(x), np.exp(0.5) * (0.625 + x / 2 + x**2 / 2)),
        True,
    ),
}


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("name", FITTED)
def test_functions_in_parts_that_fit_to_the_users_precision_are_smooth(name, double):
    g, twice = FITTED[name]
    x0 = np.float64(-1.83) if double else np.float32(-1.83)
    p = st.Problem(lambda x: 0.5 * (x - 2.03) ** 2 + 0.3 * g(x), x0)
    assert st.certify("D1", p).holds
    assert st.certify("D5", p).holds
    assert st.certify("D7", p).holds is twice
    broken = st.Problem(lambda x: p.f(x) + jnp.where(x > 0.2, 1e-3 * (x - 0.2), 0.0), x0)
    assert st.certify("D1", broken).holds is False


def test_a_corner_on_a_kink():
    """The path comes to |x| = 0 exactly and goes on; that it comes back from there is no turn."""
    f = lambda x: jnp.abs(x[0]) + x[1] ** 2
    found = kinks_of(f, [[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    assert found is not None
    assert (found.way, found.share) == (0, 1.0)
    smooth = lambda x: jax.nn.relu(x[0]) - jax.nn.relu(-x[0]) + x[1] ** 2
    assert kinks_of(smooth, [[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]]) is None


def test_norms_that_are_passed_through_and_passed_by():
    norm = lambda x: jnp.linalg.norm(x - jnp.array([0.5, 0.25]))
    assert kinks_of(norm, [[1.0, 0.5], [0.0, 0.0]]) is not None
    assert kinks_of(norm, [[1.0, 0.5], [0.0, 1e-9]]) is None
    assert kinks_of(norm, [[1.0, 0.5], [0.0, 1e-9]], nearest=1e-8) is not None
    # 1e-6 on a way of 3e10 is no zero.
    assert kinks_of(lambda x: jnp.sum(jnp.sqrt(x**2 + 1e-12)), [[0.3], [-3e10]]) is None


@pytest.mark.parametrize("seed", range(5))
def test_rounding_of_a_gradient_is_no_jump(seed):
    """Terms that cancel leave 1e-8 of it at random, on both sides of a choice."""
    w = np.random.default_rng(seed).standard_normal(3)
    smooth = lambda x: jnp.sum(jax.nn.relu(x @ w - 0.1) ** 2 + jnp.cosh(x))
    f = lambda x: (1e8 + 1) * smooth(x) - 1e8 * smooth(x)
    points = np.stack([w, -w])
    assert kinks_of(f, points) is None
    assert kinks_of(lambda x: f(x) + 1e-3 * jnp.abs(x @ w - 0.1), points) is not None


def test_ways_of_rounding_and_points_that_are_none():
    f = lambda x: jnp.sum(jnp.abs(x))
    assert kinks_of(f, [[1.0], [1.0], [1.0 + 1e-16]]) is None
    assert kinks_of(f, [[1.0], [np.inf], [np.nan], [2.0]]) is None
    assert kinks_of(f, [[1.0]]) is None
    assert kinks_of(lambda x: jnp.sum(x**2), [[1.0], [-1.0]]) is None


def test_ways_in_blocks_are_those_in_one(monkeypatch):
    f = lambda x: jnp.sum(jax.nn.relu(x) ** 2) + jnp.abs(x[0] - 0.37)
    points = np.linspace([1.0, 1.0], [-1.0, -1.0], 40)
    whole = kinks_of(f, points)
    monkeypatch.setattr(module, "_AT_ONCE", 64)
    part = kinks_of(f, points)
    assert (part.way, part.share) == (whole.way, whole.share)
    assert part.x[0] == pytest.approx(0.37)


def test_a_limit_on_what_is_looked_at(monkeypatch):
    monkeypatch.setattr(module, "_MOST_TURNS", 3)
    f = lambda x: jnp.sum(jax.nn.relu(x - jnp.arange(9.0)) ** 2)
    with pytest.raises(TooManyTurns):
        kinks_of(f, [[9.5] * 9, [-0.5] * 9])
    c = st.certify("D1", st.Problem(lambda x: f(x) + jnp.sum(x**2), np.full(9, 9.5)))
    assert c.holds is None, str(c)


@settings(max_examples=10)
@given(SEEDS)
def test_smooth_activations_on_random_networks_pass(seed):
    rng = np.random.default_rng(seed)
    X, V = rng.standard_normal((7, 3)), rng.standard_normal((4, 4))
    f = lambda w: jnp.mean(jax.nn.elu(jax.nn.elu(X @ w.reshape(3, 4)) @ V) ** 2)
    kinked = lambda w: f(w) + 1e-4 * jnp.mean(jax.nn.relu(X @ w.reshape(3, 4)))
    points = rng.standard_normal((3, 12))
    assert kinks_of(f, points) is None
    assert kinks_of(kinked, points) is not None


ROWS = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
FROM = np.array([-0.83, 0.4, 0.1], np.float32)
# Smooth, of residuals that all vanish at the minimum, where terms cancel and choices tie.
VANISHING = {
    "log cosh": lambda r: jnp.logaddexp(r, -r) - np.log(2),
    "two softplus": lambda r: jax.nn.softplus(r) + jax.nn.softplus(-r),
    "cosh of abs": lambda r: jnp.cosh(jnp.abs(r) / 2) - 1,
    "log of abs": lambda r: jnp.log1p(jnp.abs(r) ** 2),
}


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("name", VANISHING)
@pytest.mark.parametrize("theorem", ["D1", "D5", "D7"])
def test_residuals_that_vanish_are_no_kinks(theorem, name, double):
    kind = np.float64 if double else np.float32
    A, x0 = ROWS.astype(kind), FROM.astype(kind) * kind(0.1) + kind(0.9)
    f = lambda x: jnp.mean(VANISHING[name](A @ x - A @ np.ones(3, kind)))
    c = st.certify(theorem, st.Problem(f, x0))
    assert c.holds is not False, str(c)
    assert not any("jump" in h.detail for h in c.hypotheses)


@pytest.mark.parametrize("theorem", ["D1", "D7"])
@pytest.mark.parametrize("pick", [jnp.sort, jax.lax.cummax, lambda x: jax.lax.top_k(x, 2)[0]])
def test_choices_of_order_that_turn(pick, theorem):
    center = jnp.array([1.03, 0.1, 0.5])
    base = lambda x: 0.5 * jnp.sum((x - center) ** 2) + 0.01 * jnp.sum(jax.nn.softplus(x))
    p = st.Problem(lambda x: base(x) + 0.05 * pick(x)[-1], np.array([-0.83, 0.4, 0.1]))
    assert st.certify(theorem, p).holds is False
    smooth = st.Problem(lambda x: base(x) + 0.05 * jnp.sum(jnp.sort(x) ** 2), p.x0)
    assert st.certify(theorem, smooth).holds


def test_a_first_step_so_long_that_a_hair_of_it_spans_a_bend():
    f = lambda x: jax.nn.softplus(1000 * (1 - x)) + 1e-6 / 2 * x**2
    assert st.certify("D1", st.Problem(f, -5.0)).holds
