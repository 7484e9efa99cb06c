"""What a theorem is handed besides the problem."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError
from unchecked import unchecked


def _p():
    return st.Problem(lambda w: (w[0] @ w[1] - 1.0) ** 2, [jnp.ones(2), jnp.ones(2)])


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("gradient_flow_limit", "time"),
        ("norm_drift", "time"),
        ("norm_preservation", "tolerance"),
        ("momentum_limits", "damping"),
    ],
)
def test_an_array_for_a_number_is_named(name, argument):
    theorem = unchecked(getattr(st.theorems, name))
    with pytest.raises(ArgumentError, match=rf"{argument} has shape \(2,\)"):
        theorem(_p(), **{argument: np.ones(2)})


def test_an_option_that_is_none_is_named():
    with pytest.raises(
        ArgumentError, match="unexpected keyword argument 'step'; it takes p, steps"
    ):
        st.certify("D8", _p(), step=3)


def test_momentum_is_a_number():
    with pytest.raises(ArgumentError, match="momentum is None"):
        unchecked(st.theorems.momentum_limits)(_p(), momentum=None)


def test_one_eps_is_a_flag():
    with pytest.raises(ArgumentError, match="one_eps is 'yes'"):
        unchecked(st.theorems.adadelta_units)(_p(), one_eps="yes")


def test_a_minimum_may_be_a_jax_number_and_no_flag():
    f = lambda x: jnp.sum(x**2) + 1.0
    assert st.Problem(f, jnp.ones(2), minimum=jnp.float32(1.0)).minimum == 1.0
    for wrong in (True, float("nan"), jnp.float32("inf")):
        with pytest.raises(ArgumentError, match="minimum is"):
            st.Problem(f, jnp.ones(2), minimum=wrong)
