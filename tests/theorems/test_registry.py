import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError, SolverError
from unchecked import unchecked


def test_every_theorem_is_listed_and_found_by_name_and_id():
    names = st.theorems.list()
    assert {"descent_lemma", "stationary_point", "gradient_descent_quadratic"} <= set(names)
    assert all(callable(getattr(st.theorems, name)) for name in names)
    p = st.Problem(lambda x: x**2, 1.0)
    assert st.certify("D3", p, steps=3).statement.name == "gradient_descent_quadratic"
    assert st.certify("descent_lemma", p, steps=3).statement.id == "D1"


def test_an_unknown_theorem_offers_the_nearest():
    with pytest.raises(ArgumentError, match="descent_lemma"):
        st.certify("descent_lema", None)


@pytest.mark.parametrize("value", ["a", None, 1])
def test_worst_case_is_true_or_false(value):
    with pytest.raises(ArgumentError, match=r"worst_case is .*; it must be True or False"):
        unchecked(st.certify)("D1", st.Problem(lambda x: x**2, 1.0), worst_case=value)


@pytest.mark.parametrize(
    ("constants", "says"),
    [
        ({"smoothness": 0.0}, "smoothness"),
        ({"smoothness": float("nan")}, "smoothness"),
        ({"strong_convexity": -1.0}, "strong_convexity"),
        ({"smoothness": 1.0, "strong_convexity": 2.0}, "μ cannot exceed β"),
        ({"minimum": float("nan")}, "minimum"),
        ({"hessian_lipschitz": -1.0}, "hessian_lipschitz"),
    ],
)
def test_bad_constants_are_named(constants, says):
    with pytest.raises(ArgumentError, match=says):
        st.Problem(lambda x: x**2, 1.0, **constants)


def test_zero_strong_convexity_says_convex():
    assert st.Problem(lambda x: x**2, 1.0, strong_convexity=0.0).strong_convexity == 0.0


def test_f_not_finite_at_the_start():
    with pytest.raises(SolverError, match="nan at x0"):
        st.Problem(lambda x: np.nan * x, 1.0)
