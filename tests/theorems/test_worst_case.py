"""The tight worst cases: against the values that are known, and against solvers that are wrong."""

import sys
from dataclasses import replace
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from random_problems import quadratic
from steepest.errors import ArgumentError, MissingExtraError
from steepest.theorems import worst_case
from unchecked import unchecked


@pytest.fixture(autouse=True)
def _pepit(request):
    if "without" not in request.node.name:
        pytest.importorskip("PEPit")


@cache
def certified(id):
    return st.certify(id, scaled(1.0), steps=5)


def scaled(scale):
    p, _, _ = quadratic(0)  # λ from 1 to 30
    return st.Problem(lambda x: scale * p.f(x), p.x0)


def test_the_descent_lemma_is_tight():
    c = st.certify("D1", scaled(1e4), steps=5, worst_case=True)
    assert c.holds
    assert c.worst_case == pytest.approx(c.measured[c.worst], rel=1e-6)
    assert c.worst_case <= c.bound[c.worst] * (1 + 1e-6)


@pytest.mark.parametrize("steps", [1, 12])
def test_the_smallest_gradient_is_off_by_what_is_known(steps):
    """4β gap/(3T − 1) for the square, in place of 2β gap/T: tight at T = 1 only."""
    c = st.certify("D2", scaled(7.0), steps=steps, worst_case=True)
    T = c.worst_case_step
    assert steps == T
    assert (c.worst_case / c.bound[int(T) - 1]) ** 2 == pytest.approx(2 * T / (3 * T - 1), rel=1e-5)


def test_gradient_descent_on_quadratics_is_tight():
    c = st.certify("D3", scaled(1e-3), steps=20, worst_case=True)
    at = list(c.steps).index(c.worst_case_step)
    assert c.worst_case == pytest.approx(c.bound[at], rel=1e-5)
    assert c.worst_case >= c.measured[at]


def test_heavy_ball_on_quadratics_is_tight():
    c = st.certify("D4", scaled(1.0), steps=20, worst_case=True)
    at = list(c.steps).index(c.worst_case_step)
    assert c.worst_case == pytest.approx(c.bound[at], rel=1e-5)
    assert any("your run" in note for note in c.notes)


def test_nesterov_has_some_slack_at_every_step():
    """1 − 1/√κ is not tight, by the same factor whatever the scale of f."""
    ratios = []
    for scale in (1.0, 1e3):
        c = st.certify("D5", scaled(scale), steps=3, worst_case=True)
        at = list(c.steps).index(c.worst_case_step)
        assert c.measured[at] <= c.worst_case <= c.bound[at]
        ratios.append(c.worst_case / c.bound[at])
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)
    assert ratios[0] < 0.99


@pytest.mark.parametrize("id", ["D3", "D5"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda ratio: (ratio / 17, True, "optimal"),  # as seen at L = 25
        lambda ratio: (ratio * 17, True, "optimal"),
        lambda ratio: (ratio, False, "optimal_inaccurate"),
        lambda ratio: (float("nan"), False, "solver_error"),
    ],
)
def test_a_solver_that_is_wrong_is_not_believed(monkeypatch, id, wrong):
    question = worst_case._QUESTIONS[id]
    lie = lambda pepit, constants, n: wrong(question.lower(constants, n))
    monkeypatch.setitem(worst_case._QUESTIONS, id, replace(question, solve=lie))
    c = worst_case.with_worst_case(certified(id))
    assert c.holds
    assert c.worst_case is c.worst_case_step is None
    assert "no worst case" in c.notes[-1]


def test_where_there_is_nothing_to_ask():
    saddle = st.Problem(lambda x: x[0] ** 2 - x[1] ** 2, np.ones(2))
    assert "violated" in st.certify("D3", saddle, steps=5, worst_case=True).notes[-1]
    round_bowl = st.Problem(lambda x: jnp.sum(x**2), np.ones(2))
    for id in ("D3", "D4", "D5"):
        c = st.certify(id, round_bowl, steps=5, worst_case=True)
        assert c.worst_case is None
        assert "precision" in c.notes[-1]


def test_not_asked_is_none():
    c = st.certify("D1", scaled(1.0), steps=2)
    assert c.worst_case is c.worst_case_step is None


def test_other_theorems_have_none():
    with pytest.raises(ArgumentError, match="worst_case"):
        st.certify("X1", np.eye(2), worst_case=True)


def test_without_pepit_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PEPit", None)
    with pytest.raises(MissingExtraError, match="worst-case"):
        unchecked(st.certify)("D1", scaled(1.0), steps=2, worst_case=True)
