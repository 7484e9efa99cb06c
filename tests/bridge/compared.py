"""A translated module beside PyTorch itself: values, and gradients by its autograd."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the extra `torch`")

LONG = os.environ.get("STEEPEST_PROFILE") == "long"  # an export takes seconds


class Function(torch.nn.Module):
    """A function of tensors as a module; real inputs are scaled by a parameter first."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function = function
        self.scale = torch.nn.Parameter(torch.tensor(1.25))
        self.parts = torch.nn.ModuleList(modules)

    def forward(self, *inputs):
        scaled = [x * self.scale if x.is_floating_point() else x for x in inputs]
        return self.function(*scaled, *self.parts)


def numbers(*shape, seed=0, low=None):
    """Normal numbers, or uniform ones in [low, low + 1)."""
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal(shape) if low is None else low + rng.random(shape)
    return torch.tensor(drawn, dtype=torch.float32)


def compare(module, *inputs, double=False, alone=True):
    """The model of a module, after holding it beside the module on a batch of another length.

    (On the example `from_torch` compares values itself.)

    Args:
        double: whether to do it in float64, to 1e-12.
        alone: whether to try one example by itself, too.
    """
    with jax.enable_x64(double):
        if double:
            module = module.double()
            inputs = [x.double() if x.is_floating_point() else x for x in inputs]
        model = st.from_torch(module, tuple(inputs))
        longer = [torch.cat([x.flip(0), x]) for x in inputs]
        rows = _hold_beside(model, module, longer, 1e-12 if double else 1e-5)
        if alone:
            one = quick(model)(model.params, *[x[0].numpy() for x in longer])
            for a, b in zip(jax.tree.leaves(one), rows, strict=True):
                close(a, b[0], 1e-5, "one example")
    return model


def quick(function):
    """Compiled without care, as it runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def _hold_beside(model, module, inputs, tolerance):
    variables = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    theirs = flat(module(*[x.clone() for x in variables]))
    smooth = [i for i, b in enumerate(theirs) if b.requires_grad]
    weights = [numbers(*theirs[i].shape, seed=i).to(theirs[i].dtype) for i in smooth]
    module.zero_grad()
    torch.autograd.backward([theirs[i] for i in smooth], weights)
    real = [i for i, x in enumerate(inputs) if x.is_floating_point()]

    def total(params, points):
        given = [x.numpy() for x in inputs]
        for i, point in zip(real, points, strict=True):
            given[i] = point
        out = jax.tree.leaves(model(params, *given))
        parts = [jnp.sum(out[i] * w.numpy()) for i, w in zip(smooth, weights, strict=True)]
        return sum(parts), out

    points = [inputs[i].numpy() for i in real]
    derivative = quick(jax.grad(total, (0, 1), has_aux=True))
    (for_params, for_points), ours = derivative(model.params, points)
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        close(a, b.detach().numpy(), tolerance, f"result {i}")
    parameters = dict(module.named_parameters())
    pairs = [(f"d/d {n}", g, parameters[n].grad) for n, g in for_params.items()]
    pairs += [
        (f"d/d input {i}", g, variables[i].grad) for i, g in zip(real, for_points, strict=True)
    ]
    for name, a, b in pairs:
        close(a, np.zeros(a.shape) if b is None else b.numpy(), 10 * tolerance, name)
    return ours


def close(a, b, tolerance, name):
    """Equal to so much of the largest number among b."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    finite = np.abs(b[np.isfinite(b)])
    room = tolerance * max(1.0, finite.max(initial=0))
    np.testing.assert_allclose(a, b, rtol=0, atol=room, err_msg=name)


def flat(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    items = [tree[key] for key in sorted(tree)] if isinstance(tree, dict) else tree
    return [leaf for item in items for leaf in flat(item)]
