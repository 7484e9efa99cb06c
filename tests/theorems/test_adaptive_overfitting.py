"""E2: the construction, its closed forms, and that the claim can fail."""

import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st_

import steepest as st
from random_problems import SEEDS
from steepest.theorems import adaptive_overfitting as module_function, wilson_runs
from steepest.theorems.certificate import Evidence
from steepest.theorems.wilson_construction import Construction, construct, loss, shared_features
from unchecked import unchecked


@given(SEEDS, st_.integers(3, 40), st_.floats(0.55, 0.95))
def test_the_construction_is_as_it_is_described(seed, n, share):
    c = construct(n, share, np.random.default_rng(seed))
    X, y = c.matrix, c.labels
    assert X.shape == (n, 3 + 5 * n)
    assert y.sum() > 0 > y.min()
    for i in range(n):
        block = [1.0] * 5 if y[i] < 0 else [1.0, 0, 0, 0, 0]
        row = np.zeros(3 + 5 * n)
        row[:3] = y[i], 1, 1
        row[3 + 5 * i : 8 + 5 * i] = block
        np.testing.assert_array_equal(X[i], row)
    np.testing.assert_array_equal(X @ c.sign_like, 4 * y)
    np.testing.assert_array_equal(shared_features(y), X[:, :3])
    w = np.random.default_rng(seed).standard_normal(3 + 5 * n)
    with jax.enable_x64(True):
        assert float(loss(w, y, c.own)) == pytest.approx(0.5 * np.sum((X @ w - y) ** 2))
        padded = np.append(y, 0.0), np.vstack([c.own, np.zeros(5)])
        filled = np.append(w, np.ones(5))
        assert float(loss(filled, *padded)) == pytest.approx(0.5 * np.sum((X @ w - y) ** 2))


@given(SEEDS, st_.integers(3, 40))
def test_the_closed_form_is_the_least_norm_solution(seed, n):
    c = construct(n, 0.7, np.random.default_rng(seed))
    expected = np.linalg.lstsq(c.matrix, c.labels, rcond=None)[0]
    np.testing.assert_allclose(c.least_norm, expected, atol=1e-12)
    low, high = c.extreme_curvatures()
    singular = np.linalg.svd(c.matrix, compute_uv=False)
    assert (low, high) == pytest.approx((singular[-1] ** 2, singular[0] ** 2))


def test_it_holds_and_says_on_what():
    c = st.certify("E2", sizes=(10, 40), key=jax.random.key(3))
    assert c.holds, str(c)
    assert len(c.parts) == 6
    assert all(part.holds for part in c.parts)
    assert [h.evidence for h in c.hypotheses] == [Evidence.PROVED] * 2 + [Evidence.MEASURED] * 5
    plain, adaptive, rarer = c.figure[0].curves
    assert plain.label == "gradient descent, heavy ball, Nesterov"
    assert plain.y.tolist() == [0.0, 0.0]
    assert adaptive.label == "AdaGrad, RMSProp, Adam"
    assert adaptive.y.tolist() == rarer.y.tolist()
    assert 0.2 < rarer.y[0] < 0.4
    # w₂ + w₃ = 2 w₁ on the ray; the least-norm solution has them nearly balanced.
    on_the_ray = [part for part in c.parts if "Ada" in part.statement.left]
    assert all(part.slack == pytest.approx(0.5) for part in on_the_ray)


@pytest.mark.parametrize(("eps", "holds"), [(1e-4, True), (10.0, False)])
def test_a_large_epsilon_turns_it(eps, holds):
    c = st.theorems.adaptive_overfitting((10, 20), eps=eps)
    assert c.holds is holds
    if not holds:
        (violated,) = [h for h in c.violated if "rarer class" in h.name]
        assert "AdaGrad 0, RMSProp 0, Adam 0" in violated.detail
        assert c.slack > 1


def test_where_it_turns_is_said_and_drawn():
    """An ε that is tried and the same one as `eps` are one."""
    c = st.theorems.adaptive_overfitting((10, 20), eps_tried=(1e-8, 0.01, 10.0))
    assert c.holds
    assert c.notes == (
        "at n = 20 no fresh point is missed by AdaGrad from ε = 10 on, RMSProp from ε = 10 on, "
        "Adam from ε = 10 on",
    )
    (curve,) = c.figure[1].curves
    assert curve.y.tolist() == [c.constants["rarer"]] * 2 + [0.0]


def test_a_method_that_leaves_the_ray_is_seen(monkeypatch):
    """Gradient descent in Adam's place."""
    slow = lambda eps: st.methods.gradient_descent(0.02)
    monkeypatch.setitem(wilson_runs.ADAPTIVE, "Adam", slow)
    c = st.theorems.adaptive_overfitting((10, 20))
    assert c.holds is False
    assert [h.name for h in c.violated] == [
        "the adaptive methods stay on the ray of sign(Xᵀy)",
        "the adaptive methods miss each fresh point of the rarer class and no other",
    ]


def test_a_method_that_stops_short_is_seen(monkeypatch):
    """A hundredth of the step size."""
    tuned, method = wilson_runs.PLAIN["heavy ball"]
    short = lambda eta, momentum: method(eta / 100, momentum)
    monkeypatch.setitem(wilson_runs.PLAIN, "heavy ball", (tuned, short))
    c = st.theorems.adaptive_overfitting((10, 20))
    assert c.holds is False
    assert "reach the least-norm solution" in c.violated[0].name


def test_missed_counts_what_has_another_sign_or_none():
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    end = lambda *shared: wilson_runs.End(np.array(shared), 0.0, 0.0, 0)
    assert end(1.0, 0.2, 0.3).missed(labels) == 0.0
    assert end(1.0, 1.0, 1.0).missed(labels) == 0.5
    assert end(1.0, 0.5, 0.5).missed(labels) == 0.5
    assert end(-1.0, 0.0, 0.0).missed(labels) == 1.0


def test_labels_are_drawn_until_both_classes_are_there():
    for seed in range(20):
        labels = construct(3, 0.51, np.random.default_rng(seed)).labels
        assert sorted(labels) == [-1.0, 1.0, 1.0]
    assert isinstance(construct(3, 0.6, np.random.default_rng(0)), Construction)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sizes": (2, 10)}, "sizes begins with 2"),
        ({"sizes": (20, 10)}, "sizes"),
        ({"share": 0.5}, "share is 0.5"),
        ({"share": 1.0}, "share"),
        ({"eps": -1.0}, "eps"),
        ({"eps_tried": (1.0, 0.1)}, "eps_tried"),
        ({"eps_tried": (0.0, 0.1)}, "eps_tried begins with 0"),
        ({"fresh": 0}, "fresh"),
    ],
)
def test_misuse_names_the_argument(wrong, says):
    with pytest.raises(st.ArgumentError, match=says):
        unchecked(module_function)(**wrong)
