"""B1 and B6: degrees proved, degrees refuted, and what they say of each layer."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS
from steepest.errors import ArgumentError
from steepest.theorems.certificate import Evidence

HOMOGENEOUS = {
    "relu": (jax.nn.relu, np.float64(0.7), 1),
    "relu at its kink": (jax.nn.relu, np.float64(0.0), 1),
    "norm": (jnp.linalg.norm, np.array([1.0, -2.0, 0.5]), 1),
    "quotient": (lambda x: x[0] / jnp.linalg.norm(x), np.array([1.0, -2.0]), 0),
    "root": (lambda x: jnp.sqrt(x[0]) * x[1] ** 2, np.array([1.0, -2.0]), Fraction(5, 2)),
    "reciprocal": (lambda x: 1 / x**3, np.array(2.0), -3),
    "in float32": (lambda x: x ** (1 / 3), np.float32(2.0), Fraction(1, 3)),
}
NOT_HOMOGENEOUS = {
    "two degrees": lambda x: x**2 + x,
    "bias": lambda x: jax.nn.relu(x + 0.3),
    "softplus": jax.nn.softplus,
    "bounded": jnp.tanh,
    "periodic in log": lambda x: x * (2 + jnp.sin(2 * jnp.pi * jnp.log2(jnp.abs(x)))),
}


@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_a_degree_is_proved_and_confirmed_and_no_other_is(name):
    f, x, degree = HOMOGENEOUS[name]
    p = st.Problem(f, x)
    for asked in (None, degree, float(degree)):
        c = st.certify("B1", p, degree=asked)
        assert c.holds, str(c)
        assert c.hypotheses[0].evidence is Evidence.PROVED
    c = st.certify("B1", p, degree=float(degree) + 0.5)
    assert c.holds is False
    assert f"degree {degree}" in c.violated[0].detail
    assert c.slack > (1e4 if np.asarray(x).dtype == np.float32 else 1e10)


@pytest.mark.parametrize("name", NOT_HOMOGENEOUS)
@pytest.mark.parametrize("degree", [None, 1, 2.0])
def test_what_has_no_degree_is_refuted_in_numbers(name, degree):
    c = st.certify("B1", st.Problem(NOT_HOMOGENEOUS[name], np.float64(1.3)), degree=degree)
    assert c.holds is False
    assert "f(x) f(" in c.violated[0].detail
    assert c.slack is None if degree is None else c.slack > 1e6


def test_the_numbers_alone_refute_a_wrong_degree(monkeypatch):
    """Were the rules wrong, the comparison would still see it."""
    from steepest.homogeneity import DegreeRecord
    from steepest.theorems import positive_homogeneity
    from unchecked import unchecked

    lie = lambda p, leaves: DegreeRecord("proved", Fraction(2), "a planted rule")
    monkeypatch.setitem(unchecked(positive_homogeneity).__globals__, "degree_of", lie)
    c = positive_homogeneity(st.Problem(jax.nn.relu, 0.7))
    assert not c.violated
    assert c.holds is False


def test_a_bias_near_rounding_is_seen():
    c = st.certify("B1", st.Problem(lambda x: x[0] + 1e-11, np.ones(2)), degree=1)
    assert c.slack > 1
    assert c.violated


def test_what_is_not_decided_is_unknown_however_well_the_numbers_agree():
    # An eigenvector's largest entry: of degree 0, by no rule.
    f = lambda a: jnp.max(jnp.abs(jnp.linalg.eigh(a + a.T)[1]))
    p = st.Problem(f, np.array([[2.0, 1.0], [0.0, 3.0]]))
    c = st.certify("B1", p, degree=0)
    assert c.hypotheses[0].evidence is Evidence.UNKNOWN
    assert c.slack <= 1
    assert c.holds is None


def test_zero_has_every_degree():
    p = st.Problem(lambda x: 0.0 * x, 1.0)
    assert all(st.certify("B1", p, degree=degree).holds for degree in (None, 0, 7))
    # 0 for all x, by no rule: of the degree 1 that is proved, and not denied another.
    p = st.Problem(lambda x: jax.nn.relu(-jax.nn.relu(x)), 1.0)
    assert st.certify("B1", p, degree=1).holds
    assert st.certify("B1", p, degree=2).holds is None


def biased(layers):
    W1, b1, W2 = layers
    return jnp.sum(W2 @ jax.nn.relu(W1 @ jnp.array([1.0, -2.0], W1.dtype) + b1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leaves_alone_some_together_and_all(dtype):
    rng = np.random.default_rng(0)
    p = st.Problem(biased, [rng.standard_normal(s).astype(dtype) for s in ((3, 2), (3,), (1, 3))])
    for leaves, degree in (([0, 1], 1), ([2], 1), ([0, 1, 2], 2), (None, 2), ([2, 0, 1], 2)):
        c = st.certify("B1", p, leaves=leaves)
        assert c.holds, str(c)
        assert c.hypotheses[0].detail.startswith(f"degree {degree}")
    for leaves in ([0], [1], [0, 2], [1, 2]):
        c = st.certify("B1", p, degree=1, leaves=leaves)
        assert c.violated
        assert c.slack > 1


@pytest.mark.parametrize("leaves", [[], [0, 0], [3], [-1]])
def test_leaves_that_are_none(leaves):
    p = st.Problem(biased, [np.ones((3, 2)), np.ones(3), np.ones((1, 3))])
    with pytest.raises(ArgumentError, match="leaves"):
        st.certify("B1", p, leaves=leaves)


def test_a_degree_that_is_no_number():
    with pytest.raises(ArgumentError, match="degree"):
        st.certify("B1", st.Problem(jax.nn.relu, 1.0), degree=float("inf"))


def test_the_figure_is_straight_exactly_where_f_is_homogeneous():
    def bend(f):
        (panel,) = st.certify("B1", st.Problem(f, np.array([1.0, -2.0]))).figure
        rays = [curve for curve in panel.curves if curve.role == "data"]
        assert len(rays) == 3
        return max(np.abs(np.diff(np.log(ray.y), 2)).max() for ray in rays)

    assert bend(lambda x: jnp.linalg.norm(x) ** 3) < 1e-12
    assert bend(lambda x: jnp.linalg.norm(x) ** 3 + 1) > 1e-3


def network(seed, layers, activation=jax.nn.relu):
    rng = np.random.default_rng(seed)
    x = np.array([1.0, -2.0])
    W = [rng.standard_normal((3, 2)), *[rng.standard_normal((3, 3)) for _ in range(layers - 2)]]
    W.append(rng.standard_normal((1, 3)))
    W[0][0] = [2.0, 1.0]  # on its kink

    def f(W):
        z = jnp.asarray(x)
        for layer in W[:-1]:
            z = activation(layer @ z)
        return (W[-1] @ z)[0]

    return st.Problem(f, W)


@given(SEEDS, st_.sampled_from([2, 3, 4]))
def test_every_layer_gives_the_same_number(seed, layers):
    c = st.certify("B6", network(seed, layers))
    assert c.holds, str(c)
    assert all(h.evidence is Evidence.PROVED for h in c.hypotheses)
    assert len(c.steps) == 7 * layers


def test_layers_of_other_degrees():
    c = st.certify("B6", network(0, 3, lambda z: jax.nn.relu(z) ** 2))
    assert c.holds, str(c)
    assert [h.detail.split(",")[0] for h in c.hypotheses[:3]] == [
        "degree 4",
        "degree 2",
        "degree 1",
    ]


def test_a_layer_without_a_degree():
    c = st.certify("B6", network(0, 3, jnp.tanh))
    assert c.holds is False
    assert [h.evidence for h in c.hypotheses] == [
        Evidence.VIOLATED,
        Evidence.VIOLATED,
        Evidence.PROVED,
    ]


def test_a_wrong_gradient_is_seen(monkeypatch):
    from steepest.theorems import layer_identity
    from unchecked import unchecked

    scope = unchecked(layer_identity).__globals__
    wrong = lambda f: lambda leaves: [1.001 * g for g in jax.grad(f)(leaves)]
    monkeypatch.setitem(scope, "subgradient", wrong)
    assert layer_identity(network(1, 3)).holds is False


def test_a_norm_at_zero_is_no_exception():
    p = st.Problem(lambda w: jnp.linalg.norm(w[0]) * w[1], [np.zeros(3), np.float64(2.0)])
    assert st.certify("B6", p).holds
