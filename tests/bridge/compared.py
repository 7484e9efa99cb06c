"""A translated module beside PyTorch itself: values, and gradients by its autograd."""

import jax
import jax.numpy as jnp
import numpy as np
import torch

import steepest as st


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


def compare(module, *inputs, double=False, more=True):
    """The model of a module, after holding it against the module at the example and elsewhere.

    Args:
        double: whether to do it in float64, to 1e-12.
        more: whether to try a batch of another length, and one example by itself.
    """
    with jax.enable_x64(double):
        if double:
            module = module.double()
            inputs = [x.double() if x.is_floating_point() else x for x in inputs]
        model = st.from_torch(module, tuple(inputs))
        tolerance = 1e-12 if double else 1e-5
        _hold_beside(model, module, inputs, tolerance)
        if more:
            longer = [torch.cat([x.flip(0), x]) for x in inputs]
            _hold_beside(model, module, longer, tolerance)
            one = [x[:1].numpy() for x in inputs]
            alone = jax.tree.leaves(model(model.params, *[x[0] for x in one]))
            for a, b in zip(alone, jax.tree.leaves(model(model.params, *one)), strict=True):
                np.testing.assert_array_equal(a, b[0])
    return model


def _hold_beside(model, module, inputs, tolerance):
    variables = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    theirs = flat(module(*[x.clone() for x in variables]))
    ours = jax.tree.leaves(model(model.params, *[x.numpy() for x in inputs]))
    assert len(ours) == len(theirs)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        close(a, b.detach().numpy(), tolerance, f"result {i}")
    smooth = [i for i, b in enumerate(theirs) if b.requires_grad]
    if not smooth:
        return
    weights = [numbers(*theirs[i].shape, seed=i).numpy() for i in smooth]
    module.zero_grad()
    torch.autograd.backward(
        [theirs[i] for i in smooth],
        [torch.tensor(w, dtype=theirs[i].dtype) for w, i in zip(weights, smooth, strict=True)],
    )
    real = [i for i, x in enumerate(inputs) if x.is_floating_point()]

    def total(params, points):
        given = [x.numpy() for x in inputs]
        for i, point in zip(real, points, strict=True):
            given[i] = point
        out = jax.tree.leaves(model(params, *given))
        return sum(jnp.sum(out[i] * w) for i, w in zip(smooth, weights, strict=True))

    points = [inputs[i].numpy() for i in real]
    for_params, for_points = jax.jit(jax.grad(total, (0, 1)))(model.params, points)
    parameters = dict(module.named_parameters())
    pairs = [(f"d/d {n}", g, parameters[n].grad) for n, g in for_params.items()]
    pairs += [
        (f"d/d input {i}", g, variables[i].grad) for i, g in zip(real, for_points, strict=True)
    ]
    for name, a, b in pairs:
        close(a, np.zeros(a.shape) if b is None else b.numpy(), 10 * tolerance, name)


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
