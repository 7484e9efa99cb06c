from fractions import Fraction

import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError
from steepest.theorems import heavy_ball_cycle as certify
from steepest.theorems.certificate import Evidence
from steepest.theorems.registry import names
from unchecked import unchecked


@pytest.fixture(scope="module")
def cycling():
    return certify()


def test_it_ends_on_the_cycle_of_the_paper(cycling):
    c = cycling
    assert c.holds, str(c)
    assert c.bound[-1] < 1e-40
    last = sorted(np.asarray(c.trajectory.xs)[-3:] * 1225)
    np.testing.assert_allclose(last, [-2208, 792, 2592], rtol=1e-12)
    proved = [h for h in c.hypotheses if h.evidence is Evidence.PROVED]
    assert len(proved) == 4


@pytest.mark.parametrize("start", [3.0, 3.5, 10, -1.0])
def test_other_starts_converge_and_say_so(start):
    c = certify(start)
    assert c.holds is False
    assert "converges to 0" in c.violated[0].detail


@pytest.mark.parametrize("start", [3.07, 3.46])
def test_a_whole_interval_cycles(start):
    assert certify(start).holds


def test_the_run_in_rational_arithmetic_agrees_with_the_one_in_floating_point(cycling):
    """An oracle of its own: the recursion written out again, in fractions."""

    def slope(x):
        return 25 * x if x < 1 else x + 24 if x < 2 else 25 * x - 24

    x, before = Fraction("3.3"), Fraction("3.3")
    states = [x]
    for _ in range(60):
        x, before = x - slope(x) / 9 + Fraction(4, 9) * (x - before), x
        states.append(x)
    np.testing.assert_allclose(
        np.asarray(cycling.trajectory.xs)[:61], [float(x) for x in states], rtol=1e-11, atol=1e-11
    )


def test_a_faster_rate_fails(cycling):
    c = cycling
    early = c.steps <= c.steps[0] + 40
    quicker = np.where(early, 0.5 ** (c.steps - c.steps[0]) * c.bound[0], np.inf)
    assert c.with_bound(quicker).holds is False


def test_another_point_is_no_cycle(monkeypatch):
    import importlib

    module = importlib.import_module("steepest.theorems.heavy_ball_cycle")
    moved = (module.CYCLE[0] + Fraction(1, 1225), *module.CYCLE[1:])
    monkeypatch.setattr(module, "CYCLE", moved)
    c = certify()
    assert c.holds is False
    assert "is a cycle" in c.violated[0].name


def test_found_by_its_id_and_listed_after_d4():
    assert st.certify("D4-cycle", steps=1).statement.name == "heavy_ball_cycle"
    listed = names()
    assert listed.index("heavy_ball_cycle") == listed.index("heavy_ball_quadratic") + 1


def test_too_few_steps_to_know():
    c = certify(steps=1)
    assert c.holds is None
    assert c.slack is None


@pytest.mark.parametrize("start", [np.nan, np.inf, 1e7, None, np.ones(2)])
def test_bad_starts(start):
    with pytest.raises(ArgumentError, match="start"):
        unchecked(certify)(start)
