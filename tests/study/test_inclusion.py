"""The table of inclusions: each row against the methods themselves, and when a row applies."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from planted_study import method
from steepest.study.comparison import compare_all
from steepest.study.inclusion import inclusions

M = st.methods
BASE = (0.10, 0.12, 0.11, 0.13, 0.10)
WORSE = (0.120, 0.141, 0.129, 0.150, 0.122)
SMALL = (0.1201, 0.1199, 0.1102, 0.1301, 0.0998)


def path(rule, steps=60):
    f = lambda x: jnp.sum(jnp.array([1.0, 4.0]) * x**2) + jnp.sum(jnp.cos(x))
    return np.asarray(st.descend(f, jnp.array([1.0, -0.7]), rule, steps).final)


@pytest.mark.parametrize(
    ("general", "special"),
    [
        (M.heavy_ball(0.05, 0.0), M.gradient_descent(0.05)),
        (M.nesterov(0.05, 0.0), M.gradient_descent(0.05)),
        (
            M.adam(0.05, 0.0, 0.9, 1e-3, bias_correction=False, eps_in_sqrt=True),
            M.rmsprop(0.05, 0.9, 1e-3),
        ),
    ],
)
def test_the_exact_inclusions_are_exact(general, special):
    np.testing.assert_allclose(path(general), path(special), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("general", "special"),
    [
        (M.adagrad(0.05e6, 1e6), M.gradient_descent(0.05)),
        (M.rmsprop(0.05e4, eps=1e8), M.gradient_descent(0.05)),
        (M.rmsprop(0.05e6, eps=1e6, eps_in_sqrt=False), M.gradient_descent(0.05)),
        (M.adam(0.05e6, 0.0, eps=1e6), M.gradient_descent(0.05)),
        # The averages of Adam start at 0: without bias correction this is the heavy ball's v.
        (M.adam(0.05e6 / 0.1, 0.9, eps=1e6, bias_correction=False), M.heavy_ball(0.05, 0.9)),
    ],
)
def test_the_limits_are_limits(general, special):
    np.testing.assert_allclose(path(general), path(special), rtol=2e-3, atol=2e-3)
    assert not np.allclose(path(general), path(M.heavy_ball(0.05, 0.5)), atol=2e-3)


def check(general, special, mine=WORSE, theirs=BASE, metric="test error"):
    comparisons = compare_all(metric, {general.label: mine, special.label: theirs})
    (only,) = inclusions((general, special), comparisons)
    return only


GD = method("gradient_descent")


@pytest.mark.parametrize(
    ("general", "special", "absent"),
    [
        (method("heavy_ball"), GD, "momentum 0 was not tried (only 0.9)"),
        (method("heavy_ball", fixed={"momentum": 0}), GD, ""),
        (method("nesterov", tune={"momentum": (0.0, 0.9)}), GD, ""),
        (method("nesterov", tune={"momentum": (0.5, 0.9)}), GD, "momentum 0 was not tried (only 0"),
        (method("rmsprop"), GD, "no ε of 1 or more was tried (only 1e-08)"),
        (method("rmsprop", tune={"eps": (1e-8, 1.0)}), GD, ""),
        (method("adagrad", tune={"eps": (1e-8, 10)}), GD, ""),
        (method("adam", tune={"eps": (1e-8, 10)}), GD, "b1 = 0 was not tried (only 0.9)"),
        (method("adam", tune={"b1": (0, 0.9)}), GD, "no ε of 1 or more"),
        (method("adam", tune={"b1": (0, 0.9), "eps": (1e-8, 10)}), GD, ""),
        (method("adam", tune={"eps": (1e-8, 10)}), method("heavy_ball"), ""),
        (method("adam"), method("heavy_ball"), "no ε of 1 or more"),
        (
            method("adam", tune={"eps": (1e-8, 10)}),
            method("heavy_ball", tune={"momentum": (0.9, 0.99)}),
            "b1 = 0.99 was not tried (only 0.9)",
        ),
        (method("adam", fixed={"b1": 0}), method("rmsprop"), "with bias correction its first"),
        (
            method("adam", fixed={"b1": 0, "bias_correction": False, "eps_in_sqrt": True}),
            method("rmsprop"),
            "b2 = 0.9 was not tried (only 0.999)",
        ),
        (
            method("adam", fixed={"b1": 0, "b2": 0.9, "bias_correction": False}),
            method("rmsprop"),
            "eps_in_sqrt = True was not tried (only False)",
        ),
    ],
)
def test_a_check_applies_where_the_search_holds_the_special_case(general, special, absent):
    found = check(general, special)
    assert found.absent.startswith(absent)
    assert found.applies == found.at_fault == (absent == "")


def test_worse_by_more_than_the_noise_is_the_tunings_fault():
    ball = method("heavy_ball", tune={"momentum": (0.0, 0.9)}, label="ball")
    found = check(ball, GD)
    assert str(found) == (
        "ball is gradient_descent at momentum 0, and yet comes out worse in test error by more "
        "than the noise: the tuning of ball is at fault, and no conclusion should be drawn "
        "against it."
    )
    assert not check(ball, GD, mine=SMALL).at_fault
    assert not check(ball, GD, mine=BASE, theirs=WORSE).at_fault
    assert "does not come out worse" in str(check(ball, GD, mine=BASE, theirs=WORSE))
    assert "the check does not apply: momentum 0" in str(check(method("heavy_ball"), GD))


def test_methods_of_others_are_not_known_and_nothing_is_said_of_them():
    mine = replace(method("rules.py:mine"), label="mine")
    comparisons = compare_all("test error", {"mine": WORSE, GD.label: BASE})
    assert inclusions((mine, GD), comparisons) == ()
