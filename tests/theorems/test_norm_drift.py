"""C1 and C6 beside the inclusion: what gradient descent lets drift, the inclusion keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from steepest.errors import ArgumentError
from steepest.lecture.instances import small_network
from steepest.theorems.certificate import Evidence
from unchecked import unchecked


@pytest.fixture(scope="module")
def drift():
    return st.theorems.norm_drift(small_network(jax.random.key(1)), time=0.5, counts=[20, 40, 80])


def test_the_drift_of_descent_is_of_first_order_and_the_inclusion_has_none(drift):
    assert drift.holds, str(drift)
    assert drift.hypotheses[0].evidence is Evidence.PROVED
    assert drift.steps[-1] == 0.0
    assert drift.measured[-1] < 1e-9
    np.testing.assert_allclose(drift.measured[:-2] / drift.measured[1:-1], 2.0, rtol=0.2)


def test_the_drift_against_numpy(drift):
    p = small_network(jax.random.key(1))
    eta, slope = drift.steps[0], jax.grad(p.f)
    n = lambda W: np.array([np.sum(np.square(w)) for w in W])
    W = [np.asarray(w, np.float64) for w in p.x0]
    start, worst, total = n(W), 0.0, 0.0
    with jax.enable_x64(True):
        for _ in range(20):
            g = [np.asarray(leaf) for leaf in slope([jnp.asarray(w) for w in W])]
            total += eta**2 * n(g).sum()
            W = [w - eta * h for w, h in zip(W, g, strict=True)]
            worst = max(worst, np.ptp(n(W) - start))
    assert drift.measured[0] == pytest.approx(worst, rel=1e-9)
    assert drift.bound[0] == pytest.approx(total, rel=1e-9)


def test_a_drift_of_second_order_fails(drift):
    assert drift.with_bound(drift.bound * drift.steps).holds is False


def test_a_network_that_is_not_homogeneous_is_found_out():
    f = lambda W: jnp.sum(jnp.tanh(W[1] @ jnp.tanh(W[0])) - 1.0) ** 2
    p = st.Problem(f, [np.ones((2, 2)), np.ones((1, 2))])
    for theorem in ("C1-drift", "C6-inclusion"):
        c = st.certify(theorem, p, time=1.0)
        assert c.holds is False
        assert c.violated


def test_a_run_that_diverges_says_nothing_and_does_not_crash():
    f = lambda W: (W[0] @ W[1] - 1.0) ** 2
    p = st.Problem(f, [np.array([3.0, 2.0]), np.array([2.0, 5.0])])
    c = st.theorems.norm_drift(p, time=40.0, counts=[10])
    assert np.isinf(c.measured[0])
    assert not c.holds


def test_small_layers_become_balanced_along_the_inclusion():
    p = small_network(jax.random.key(0), (0.8, 0.6, 0.4))
    c = st.theorems.balanced_inclusion(p, time=5)
    assert c.holds, str(c)
    assert c.slack == pytest.approx(1.0, abs=1e-6)  # an identity, in fact
    assert c.measured[-1] < c.measured[0]
    assert c.with_bound(0.99 * c.bound).holds is False


def test_a_layer_of_zeros_has_no_ratio():
    p = st.Problem(lambda W: (W[0] @ W[1] - 1.0) ** 2, [np.zeros(2), np.zeros(2)])
    c = st.theorems.balanced_inclusion(p, time=1.0)
    assert c.slack is None
    assert c.holds is None


@pytest.mark.parametrize(
    ("options", "named"),
    [({"time": 0.0}, "time"), ({"counts": [4, 2]}, "counts"), ({"tolerance": -1.0}, "tolerance")],
)
def test_bad_arguments(options, named):
    with pytest.raises(ArgumentError, match=named):
        unchecked(st.theorems.norm_drift)(small_network(jax.random.key(0)), **options)
