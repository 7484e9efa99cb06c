"""A1, A2, A3 and B7 where the Clarke differential is known, and where they must not hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS
from steepest.errors import ArgumentError, NotLocallyLipschitzError
from steepest.theorems.certificate import Evidence
from unchecked import unchecked

KINKED = {
    "l1": lambda x: jnp.sum(jnp.abs(x)),
    "largest": lambda x: jnp.max(x),
    "crossed": lambda x: jnp.abs(x[0]) - jnp.abs(x[1]),
    "smooth": lambda x: jnp.sum(jnp.sin(x)),
    "curved": lambda x: jnp.maximum(x[0] + x[1] ** 2, -x[0]),
}


@pytest.mark.parametrize("name", KINKED)
def test_limits_and_slopes_agree_with_the_computed_set(name):
    p = st.Problem(KINKED[name], np.zeros(2))
    for theorem in ("A1", "A2"):
        c = st.certify(theorem, p)
        assert c.holds, str(c)
        assert c.hypotheses[0].evidence is Evidence.PROVED


def test_a_set_that_is_too_small_is_seen(monkeypatch):
    """With the differential of another function in its place, the limits lie outside."""
    from steepest.theorems import existence_of_subgradients, limits_of_gradients

    wrong = lambda f: st.clarke(lambda x: 0.5 * f(x))
    p = st.Problem(KINKED["l1"], np.zeros(2))
    for theorem in (limits_of_gradients, existence_of_subgradients):
        monkeypatch.setitem(unchecked(theorem).__globals__, "clarke", wrong)
        assert theorem(p).holds is False
        monkeypatch.undo()


@pytest.mark.parametrize("theorem", ["A1", "A2", "A3"])
@pytest.mark.parametrize(
    "f", [lambda x: jnp.sqrt(jnp.abs(x)), lambda x: jnp.where(x > 0, 1.0, 0.0)]
)
def test_without_a_differential_there_is_nothing_to_certify(theorem, f):
    with pytest.raises(NotLocallyLipschitzError):
        st.certify(theorem, st.Problem(f, 0.0))


@pytest.mark.parametrize(
    ("f", "x", "holds"),
    [
        (lambda x: jax.nn.relu(x) - jax.nn.relu(-x), 0.0, False),
        (lambda x: jax.nn.relu(x), 0.0, True),
        (lambda x: jnp.abs(x), 0.0, True),
        (lambda x: jnp.abs(x), 0.3, True),
        (lambda x: jnp.linalg.norm(x), np.zeros(2), False),
    ],
)
def test_whether_autodiff_returns_a_subgradient(f, x, holds):
    assert st.certify("A3", st.Problem(f, x)).holds is holds


@given(SEEDS, st_.sampled_from([2, 3]))
def test_euler_for_networks_at_kinks(seed, layers):
    rng = np.random.default_rng(seed)
    x = np.array([1.0, -2.0])
    W = [rng.standard_normal((3, 2)), *[rng.standard_normal((3, 3)) for _ in range(layers - 2)]]
    W.append(rng.standard_normal((1, 3)))
    W[0][0] = [2.0, 1.0]  # on its kink

    def f(W):
        z = x
        for layer in W[:-1]:
            z = jax.nn.relu(layer @ z)
        return (W[-1] @ z)[0]

    p = st.Problem(f, W)
    c = st.certify("B7", p, degree=layers)
    # A deeper network's set may be bracketed only: then the theorem is not confirmed, nor denied.
    assert c.holds is (True if st.clarke(f)(W).exact else None), str(c)
    assert st.certify("B7", p, degree=layers + 1).holds is False


def test_euler_needs_a_homogeneous_function():
    p = st.Problem(lambda x: jnp.abs(x) + 1.0, 2.0)
    c = st.certify("B7", p, degree=1)
    assert c.holds is False
    assert "α" not in c.violated[0].detail
    with pytest.raises(ArgumentError, match="degree"):
        st.certify("B7", p, degree=float("nan"))
