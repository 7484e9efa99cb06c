"""What `from_torch` promises beside numbers: sizes, names, types, refusals, and whom it serves."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the extra `torch`")

from torch import nn

import steepest as st

from .compared import LONG, Function, numbers

x = numbers(3, 4)
X = x.numpy()


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False))


def values(module, array):
    with torch.no_grad():
        return module(torch.tensor(array)).numpy()


def test_parameters_and_lengths_of_the_batch():
    module = network()
    model = st.from_torch(module, x)
    assert list(model.params) == ["0.weight", "2.weight"]
    np.testing.assert_array_equal(model.params["0.weight"], module[0].weight.detach().numpy())
    for rows in (1, 2, 3, 50):
        data = numbers(rows, 4, seed=rows).numpy()
        np.testing.assert_allclose(model(model.params, data), values(module, data), atol=1e-6)
    np.testing.assert_allclose(model(model.params, X[0]), values(module, X)[0], atol=1e-6)
    mapped = jax.vmap(model, (None, 0))(model.params, X)
    np.testing.assert_allclose(mapped, values(module, X), atol=1e-6)
    with torch.no_grad():
        module[0].weight.zero_()
    assert np.all(model.params["0.weight"] != 0)  # a copy


def test_an_example_of_one_row_still_leaves_the_length_free():
    module = network()
    model = st.from_torch(module, x[:1])
    np.testing.assert_allclose(model(model.params, X), values(module, X), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "example", "fits", "fails"),
    [
        (lambda h: h.view(2, -1), 4, 6, 5),
        (lambda h: 2 * h if h.shape[0] <= 10 else h, 3, 10, 11),
        (lambda h: h.reshape(3, 4) + torch.ones(3, 4), 3, 3, 4),
    ],
)
def test_lengths_that_the_module_took_for_granted(function, example, fits, fails):
    module = Function(function)
    model = st.from_torch(module, torch.ones(example, 4))
    good = numbers(fits, 4).numpy()
    np.testing.assert_allclose(model(model.params, good), values(module, good), atol=1e-6)
    with pytest.raises(st.ArgumentError, match=rf"\({fails}, 4\).*exported with"):
        model(model.params, np.zeros((fails, 4), np.float32))


@pytest.mark.parametrize(
    "function",
    [
        lambda h: h + 1e-5 * h.mean(0),  # far less than the check of values would see
        lambda h: h * h.shape[0],
        lambda h: h.cumsum(0).flip(0),
        lambda h: h.sum(1).mean(),
        lambda h: h.T,
    ],
)
def test_results_that_depend_on_the_whole_batch_are_not_given_for_one_example(function):
    module = Function(function)
    model = st.from_torch(module, torch.ones(4, 4))
    data = numbers(5, 4).numpy()
    np.testing.assert_allclose(model(model.params, data), values(module, data), atol=1e-6)
    with pytest.raises(st.ArgumentError, match="cannot take one example by itself"):
        model(model.params, data[0])


def test_tied_tensors_stay_tied_and_frozen_ones_stay_put():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
    module[2].weight = module[0].weight
    module[3].requires_grad_(False)
    model = st.from_torch(module, x)
    assert list(model.params) == ["0.weight", "0.bias", "2.bias"]
    assert set(model.constants) == {"3.weight", "3.bias"}
    module(x).square().sum().backward()
    gradient = jax.grad(lambda p: jnp.sum(model(p, X) ** 2))(model.params)
    np.testing.assert_allclose(gradient["0.weight"], module[0].weight.grad, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_types_are_kept(dtype):
    with jax.enable_x64(dtype == "float64"):
        module = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)).to(getattr(torch, dtype))
        model = st.from_torch(module, x.to(getattr(torch, dtype)))
        out = model(model.params, jnp.asarray(X, dtype))
        assert model.params["0.weight"].dtype == out.dtype == jnp.dtype(dtype)
        with torch.no_grad():
            theirs = module(x.to(getattr(torch, dtype))).double().numpy()
        room = 4 * float(jnp.finfo(dtype).eps)
        np.testing.assert_allclose(np.asarray(out, float), theirs, atol=room)


def test_wider_numbers_widen_the_whole_computation():
    module = nn.Sequential(network(), nn.Softplus(), nn.LayerNorm(2))
    model = st.from_torch(module, x)
    with jax.enable_x64(True):
        wide = jax.tree.map(np.float64, model.params)
        ours = model(wide, X.astype(float))
        theirs = values(module.double(), X.astype(float))
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_batch_norm_in_training_mode_looks_at_the_batch_and_changes_nothing():
    module = nn.BatchNorm1d(4)
    before = module.running_mean.clone()
    model = st.from_torch(module, x)
    assert torch.equal(module.running_mean, before)
    assert int(module.num_batches_tracked) == 0
    data = numbers(7, 4, seed=1)
    theirs = module(data).detach().numpy()
    np.testing.assert_allclose(model(model.params, data.numpy()), theirs, atol=1e-6)
    for alone in (X[:1], X[0]):  # PyTorch refuses one row; its mean and variance mean nothing
        with pytest.raises(st.ArgumentError):
            model(model.params, alone)


def test_detached_values_have_no_gradient():
    def function(h):
        with torch.no_grad():
            scale = h.mean()
        return h.detach() * h + h * scale + h + (h.round() - h).detach()

    module = Function(function)
    model = st.from_torch(module, x)
    module(x).sum().backward()
    gradient = jax.grad(lambda p: jnp.sum(model(p, X)))(model.params)
    np.testing.assert_allclose(gradient["scale"], module.scale.grad, rtol=1e-5)


class OwnBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h):
        return h.sign()

    @staticmethod
    def backward(ctx, g):
        return g


class Branching(nn.Module):
    def forward(self, h):
        if h.sum() > 0:
            return h
        return -h


class Drifting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, h):
        self.count += 1
        return h * self.count


REFUSED = {
    "random": (nn.Sequential(nn.Linear(4, 4), nn.Dropout()), "random numbers.*Dropout '1'.*eval"),
    "backward": (Function(OwnBackward.apply), "OwnBackward.*backward is its own"),
    "no rule": (Function(lambda h: torch.linalg.svdvals(h)), "_linalg_svd.*compared.py:.*Function"),
    "branch": (Branching(), "test_from_torch.py:.*data-dependent"),
    "mask": (Function(lambda h: h[h > 0]), "compared.py:.*mask"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_has_no_translation_is_refused(why, capfd):
    module, message = REFUSED[why]
    with pytest.raises(st.UnsupportedPrimitiveError, match=f"(?s){message}"):
        st.from_torch(module, x)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("module", "example", "message"),
    [
        (lambda h: h, x, "torch.nn.Module"),
        (nn.Linear(4, 2), "x", "example_inputs is 'x'"),
        (nn.Linear(4, 2), (x, None), r"example_inputs\[1\]"),
        (nn.Linear(4, 2), (), "empty"),
        (nn.Linear(4, 2), numbers(3, 5), r"raises on example_inputs of shapes \(3, 5\)"),
        (Drifting(), x, "buffer 'count'"),
    ],
)
def test_bad_arguments(module, example, message):
    with pytest.raises(st.ArgumentError, match=message):
        st.from_torch(module, example)


def test_bad_calls():
    model = st.from_torch(nn.Linear(4, 2), x)
    p = model.params
    for params, inputs, message in (
        (p, (X, X), "takes 1 inputs and got 2"),
        (p, (X[:, :3],), r"\(3, 3\).*\(any, 4\)"),
        (p, (X[:0],), r"\(0, 4\)"),
        (p, (X.astype(int),), "holds int32"),
        ({"weight": p["weight"]}, (X,), "missing or unknown: bias"),
        ({**p, "bias": np.zeros(3)}, (X,), r"'bias'\] has shape \(3,\)"),
    ):
        with pytest.raises(st.ArgumentError, match=message):
            model(params, *inputs)


def test_a_wrong_rule_is_found_out(monkeypatch):
    from steepest.bridge import _graph

    monkeypatch.setitem(_graph.RULES, "aten.tanh.default", jnp.sin)
    with pytest.raises(st.UnsupportedPrimitiveError, match="other numbers than in PyTorch"):
        st.from_torch(Function(torch.tanh), x)


def test_results_of_nan_are_no_comparison():
    with pytest.raises(st.ArgumentError, match="result 0 is NaN throughout"):
        st.from_torch(nn.Linear(3, 2), np.full((2, 3), np.nan, np.float32))


def test_without_pytorch_it_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import steepest as st\n"
        "try: st.from_torch(None, None)\n"
        "except st.MissingExtraError as error: print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "steepest[torch]" in out.stdout


def test_two_inputs_and_a_dict():
    module = Function(lambda a, b: {"sum": a + b, "both": (a, b)})
    model = st.from_torch(module, (x, 2 * x))
    out = model(model.params, X, X)
    np.testing.assert_allclose(out["sum"], 2.5 * X, rtol=1e-6)
    np.testing.assert_allclose(model(model.params, (X, X))["both"][0], 1.25 * X, rtol=1e-6)
    with pytest.raises(st.ArgumentError, match="shapes"):
        model(model.params, X, X[:2])


def test_the_library_reads_it():
    model = st.from_torch(network(), x)
    Y = numbers(3, 2, seed=5).numpy()
    loss = lambda p, y: jnp.sum((p - y) ** 2)
    h = st.homogeneity(lambda p: model(p, X))(model.params)
    assert (h.status, h.degree, len(h.rescalings)) == ("proved", 2, 6)
    report = str(st.audit(model, model.params, (X, Y), loss))
    assert "proved, degree 2" in report
    assert "(ReLU '1')" in report
    f = st.mean_loss(model, loss, X, Y)
    zero = jax.tree.map(np.zeros_like, model.params)
    assert st.clarke(f)(zero).exact
    assert st.clarke(f)(zero).is_stationary()
    tied = {**model.params, "0.weight": model.params["0.weight"] * (np.arange(6) > 0)[:, None]}
    D = st.clarke(f)(tied)  # a dead unit: each of its kinks on its own side
    assert D.exact
    assert not D.is_singleton
    run = st.descend(f, model.params, st.methods.gradient_descent(0.05), 20)
    assert run.values[-1] < run.values[0]
    if LONG:  # it compiles for seven seconds
        flow = st.gradient_inclusion(f, model.params, 0.1, rtol=1e-4, atol=1e-4)
        assert flow.values[-1] < flow.values[0]
