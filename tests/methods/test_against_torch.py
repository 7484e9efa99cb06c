"""Every method against PyTorch's where the definitions agree; skipped where it is not installed."""

import jax
import numpy as np
import pytest

import steepest as st

from .numpy_methods import FLAT_START, all_gradients, nesterov, rmsprop
from .runs import expected, fed, gradients

torch = pytest.importorskip("torch")
M = st.methods
CASES = {
    "gradient_descent": (M.gradient_descent(3e-4), "SGD", {"lr": 3e-4}),
    "heavy_ball": (M.heavy_ball(3e-4, 0.8), "SGD", {"lr": 3e-4, "momentum": 0.8}),
    "adagrad": (M.adagrad(1e-2, eps=1e-6), "Adagrad", {"lr": 1e-2, "eps": 1e-6}),
    "rmsprop": (M.rmsprop(1e-3, 0.99, eps_in_sqrt=False), "RMSprop", {"lr": 1e-3}),
    "adadelta": (M.adadelta(0.95, 1e-5), "Adadelta", {"lr": 1.0, "rho": 0.95, "eps": 1e-5}),
    "adam": (M.adam(1e-2), "Adam", {"lr": 1e-2}),
}


def theirs(name, options, gradients, dtype):
    p = torch.nn.Parameter(torch.tensor(FLAT_START.astype(dtype)))
    optimizer, found = getattr(torch.optim, name)([p], **options), []
    for g in gradients:
        found.append(p.detach().numpy().copy())
        p.grad = torch.tensor((g(found[-1]) if callable(g) else g).astype(dtype))
        optimizer.step()
    return np.stack([*found, p.detach().numpy()])


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("case", CASES)
def test_they_move_alike_on_the_same_gradients(case, dtype, close):
    ours, name, options = CASES[case]
    given = gradients(expected(rmsprop, 1e-2))
    with jax.enable_x64(True):
        a, b = fed(ours, given, dtype), theirs(name, options, given, dtype)
    np.testing.assert_allclose(a, b, rtol=close, atol=close)


def test_its_nesterov_follows_the_lookahead_points():
    eta, beta = 3e-4, 0.8
    options = {"lr": eta, "momentum": beta, "nesterov": True}
    y = theirs("SGD", options, [all_gradients] * 100, np.float64)
    x = expected(nesterov, eta, beta)
    v = np.diff(x, axis=0) / eta
    np.testing.assert_allclose(x[1:] + eta * beta * v, y[1:], rtol=1e-9)
