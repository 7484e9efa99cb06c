"""What an audit says, against what is known."""

import itertools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
from unchecked import unchecked

rng = np.random.default_rng(0)
inputs = jnp.array(rng.standard_normal((12, 4)), jnp.float32)
targets = jnp.array(rng.standard_normal((12, 2)), jnp.float32)
relu = jax.nn.relu


def layers(*widths):
    pairs = itertools.pairwise(widths)
    return [jnp.array(rng.standard_normal(p) / np.sqrt(p[0]), jnp.float32) for p in pairs]


def network(w, x):
    for W in w[:-1]:
        x = relu(x @ W)
    return x @ w[-1]


def squares(prediction, y):
    return jnp.sum((prediction - y) ** 2)


def test_a_relu_network():
    w = layers(4, 6, 2)
    report = st.audit(network, w, (inputs, targets), squares)
    assert (report.homogeneity.status, report.homogeneity.degree) == ("proved", 2)
    assert [leaf.degree for leaf in report.leaves] == [1, 1]
    assert report.homogeneity.rescalings == 6
    assert "Norm preservation holds" in report.homogeneity.consequences[0]
    norms = [float(jnp.sum(W**2)) for W in w]
    assert [leaf.squared_norm for leaf in report.leaves] == pytest.approx(norms)
    assert report.differences[0] == pytest.approx(norms[0] - norms[1])
    assert report.kinks.units == 6
    assert report.kinks.autodiff is True
    assert report.loss == pytest.approx(
        float(jnp.mean(jnp.sum((network(w, inputs) - targets) ** 2, -1)))
    )
    assert "test_audit.py" in str(report)


def test_curvature_against_the_dense_hessian():
    w = layers(4, 5, 2)
    flat, restore = jax.flatten_util.ravel_pytree(w)

    model = lambda w, x: jnp.tanh(x @ w[0]) @ w[1]
    loss = lambda z: jnp.mean(jnp.sum((model(restore(z), inputs) - targets) ** 2, -1))
    s = st.audit(model, w, (inputs, targets), squares).smoothness
    H, g = np.array(jax.hessian(loss)(flat), float), np.array(jax.grad(loss)(flat), float)
    eigenvalues = np.linalg.eigvalsh(H)
    assert s.largest == pytest.approx(eigenvalues[-1], abs=s.largest_error + 1e-4)
    assert s.least == pytest.approx(eigenvalues[0], abs=s.least_error + 1e-4)
    assert s.stable_step == pytest.approx(2 / eigenvalues[-1], rel=2e-3)
    assert s.descending_step == pytest.approx(2 * (g @ g) / (g @ H @ g), rel=1e-3)


def test_dead_units_of_a_model_of_one_example():
    """Mapped over the batch, A @ x has the examples on its last axis."""
    w = {"a": jnp.array([[1.0, 0.0], [-1.0, -1.0], [0.5, 0.1]]), "b": jnp.array([1.0, 2.0, 3.0])}
    data = jnp.array([[1.0, 1.0], [2.0, 0.0]]), jnp.array([0.0, 1.0])
    report = st.audit(
        lambda w, x: w["b"] @ jax.nn.relu(w["a"] @ x), w, data, lambda p, t: (p - t) ** 2
    )
    assert (report.kinks.dead, report.kinks.units) == (1, 3)


def test_dead_units_and_ties_are_counted():
    w = layers(4, 6, 2)
    W = np.abs(np.array(w[0]))
    x = np.abs(np.array(inputs))
    W[:, 0], W[:, 1] = -W[:, 0], 0.0
    report = st.audit(network, [jnp.array(W), w[1]], (jnp.array(x), targets), squares)
    (line,) = [line for line in report.kinks.lines if line.units]
    assert (line.dead, line.units, line.tied) == (2, 6, len(x))
    assert report.kinks.autodiff is True  # relu's 0 at a tie is the gradient of a piece


def test_a_gradient_that_is_none_is_told():
    model = lambda w, x: relu(w * x) - relu(-w * x)
    report = st.audit(model, 0.0, (jnp.ones(3), jnp.ones(3)), lambda p, y: p * y)
    assert report.kinks.autodiff is False
    assert "test_audit.py" in report.kinks.autodiff_reason


def test_a_stop_gradient_is_told():
    model = lambda w, x: x @ jax.lax.stop_gradient(w)
    report = st.audit(model, jnp.ones((4, 2)), (inputs, targets), squares)
    assert report.kinks.autodiff is False


def test_max_pooling_counts_its_windows():
    image = jnp.array(rng.standard_normal((3, 1, 4, 4)), jnp.float32).at[0].set(0.0)
    kernel = jnp.ones((2, 1, 1, 1))

    def model(w, x):
        h = jax.lax.conv(x, w, (1, 1), "VALID")
        return jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    (line,) = st.audit(model, kernel, image).kinks.lines
    assert (line.primitive, line.entries, line.tied) == ("reduce_window_max", 24, 8)


def test_models_of_one_input_and_of_a_batch_agree():
    w = layers(4, 3, 2)
    one = lambda w, x: w[1].T @ relu(w[0].T @ x)
    reports = [st.audit(model, w, (inputs, targets), squares) for model in (network, one)]
    assert [r.called for r in reports] == ["on the whole batch", "on one input at a time"]
    assert reports[0].loss == pytest.approx(reports[1].loss, rel=1e-5)
    assert reports[0].kinks.tied == reports[1].kinks.tied
    of_all = lambda predictions, y: jnp.mean(jnp.sum((predictions - y) ** 2, axis=-1))
    report = st.audit(network, w, (inputs, targets), of_all)
    assert report.loss == pytest.approx(reports[0].loss, rel=1e-5)


def test_an_equinox_module():
    model = eqx.nn.MLP(4, 2, 5, 1, use_bias=False, use_final_bias=False, key=jax.random.key(0))
    report = st.audit(lambda m, x: m(x), model, (inputs, targets), squares)
    assert report.homogeneity.degree == 2


def test_without_a_loss_it_is_said():
    report = st.audit(network, layers(4, 3, 2), inputs)
    assert report.loss is None
    assert report.smoothness is None
    assert any("need a loss" in reason for reason in report.unsaid)


def test_json_is_strict_and_says_the_same():
    report = st.audit(network, layers(4, 3, 2), (inputs, targets), squares)
    facts = json.loads(report.to_json())
    assert facts["homogeneity"]["degree"] == "2"
    assert facts["smoothness"]["stable_step"] == pytest.approx(report.smoothness.stable_step)
    assert "Audit of a network" in report.to_html()


def test_wrong_inputs_are_named():
    w = layers(4, 3, 2)
    with pytest.raises(st.ArgumentError, match="targets"):
        st.audit(network, w, inputs, squares)
    with pytest.raises(st.DataError, match="12 inputs and 5 targets"):
        st.audit(network, w, (inputs, targets[:5]), squares)
    with pytest.raises(st.DataError, match=r"NaN.*test_audit\.py"):
        st.audit(lambda w, x: jnp.log(-jnp.abs(x @ w[0])), w, inputs)
    with pytest.raises(st.ArgumentError, match="model"):
        unchecked(st.audit)(3, w, inputs)
    for model in (lambda w: w, lambda w, x, y: x):
        with pytest.raises(st.ArgumentError, match="called with two arguments"):
            st.audit(model, w, inputs)
    with pytest.raises(st.ArgumentError, match="returns 'a'"):
        st.audit(lambda w, x: "a", w, inputs)
    with pytest.raises(st.NotScalarError, match="returns None"):
        st.audit(network, w, (inputs, targets), lambda p, y: None)


def test_where_derivatives_are_not_finite_the_rest_is_said():
    root = lambda w, x: jnp.sqrt(jnp.abs(x @ w))
    report = st.audit(root, jnp.zeros((4, 2)), (inputs, targets), squares)
    assert report.smoothness is None
    assert any("not finite" in reason for reason in report.unsaid)


def test_what_overflows_in_single_precision():
    report = st.audit(network, [1e30 * W for W in layers(4, 3, 2)], (inputs, targets), squares)
    assert 1e59 < report.leaves[0].squared_norm < 1e62
    assert "range" in report.kinks.autodiff_reason


def test_a_gradient_in_half_precision_is_not_called_wrong():
    w = [W.astype(jnp.bfloat16) for W in layers(4, 6, 2)]
    smooth = lambda w, x: jnp.tanh(x.astype(jnp.bfloat16) @ w[0]) @ w[1]
    report = st.audit(smooth, w, (inputs, targets), squares)
    assert report.kinks.autodiff in (True, None)


def test_curvature_at_a_kink_is_that_of_a_piece():
    """Both rows are on the third neuron's kink: λ = 3 with its gate shut and 4 with it open, and
    3.25 with the mean of the two, which is no piece."""
    w = [jnp.array([[1.0, -1.0, 0.0], [1.0, -1.0, 0.0]]), jnp.ones((3, 1))]
    model = lambda w, x: jax.nn.relu(x @ w[0]) @ w[1]
    batch = (jnp.eye(2), jnp.ones((2, 1)))
    report = st.audit(model, w, batch, lambda p, y: jnp.mean((p - y) ** 2))
    assert report.smoothness.gradient_norm == 0
    assert min(abs(report.smoothness.largest - piece) for piece in (3, 4)) < 1e-5
    assert any("one piece that meets there" in line for line in report.unsaid)


def test_gradient_and_curvature_on_a_kink_are_those_of_one_piece():
    """w₁² + 3 max(w₂, w₂²) at (1, 0): slopes (2, 0), (2, 3), curvatures diag(2, 6), diag(2, 0)."""
    model = lambda w, x: jnp.stack([w[0] ** 2, 3 * jnp.maximum(w[1], w[1] ** 2)]) * x
    report = st.audit(
        model, np.array([1.0, 0.0]), (jnp.ones((1, 2)), jnp.ones((1, 2))), lambda p, y: jnp.sum(p)
    )
    pieces = {2.0: (6.0, 2.0), 13**0.5: (2.0, 8 / 13)}
    seen = report.smoothness
    (norm,) = [norm for norm in pieces if seen.gradient_norm == pytest.approx(norm, rel=1e-6)]
    assert (seen.largest, seen.curvature_along_gradient) == pytest.approx(pieces[norm], rel=1e-5)
