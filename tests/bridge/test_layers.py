"""Layers of torch.nn, several a module, against PyTorch; pools and convolutions at random."""

import jax
import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as some

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the extra `torch`")

from torch import nn
from torch.nn import functional as F

from steepest.bridge._rules import RULES

from .compared import LONG, Function, close, compare, numbers

images, words = numbers(3, 4, 9, 8), numbers(3, 3, 8)


def moved(module):
    """Its running statistics and weights away from zeros and ones."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand_like(tensor))
    return module


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(4, 4, 3, padding=1, groups=2, padding_mode="reflect")
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1, output_padding=1, dilation=1)

    def forward(self, x):
        x = x + F.relu(self.norm(self.first(x)))
        return F.max_pool2d(self.last(x), 3, 2, padding=1, dilation=2, ceil_mode=True)


def attention(x, encoder, many):
    mask = torch.triu(torch.ones(3, 3), 1).bool()
    padding = torch.tensor([[False, False, True]]).expand(x.shape[0], 3)
    heads = x.unflatten(2, (2, 4)).transpose(1, 2)
    return (
        encoder(x),
        *many(x, x, x, attn_mask=mask, key_padding_mask=padding, average_attn_weights=False),
        F.scaled_dot_product_attention(heads, heads, heads, is_causal=True),
    )


def norms(x, *layers):
    return tuple(layer(x) for layer in layers)


def pools(x):
    return (
        *(F.adaptive_avg_pool2d(x, size) for size in ((4, 3), 1, (None, 3))),
        F.adaptive_max_pool2d(x, (4, 3)),
        F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        F.max_pool1d(x[:, 0], 3, 2, 1),
        F.interpolate(x, scale_factor=2, mode="nearest"),
        F.interpolate(x, size=(5, 7), mode="nearest"),
        F.interpolate(x, scale_factor=2.0, mode="bilinear"),
        F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True),
        F.pixel_shuffle(x, 2),
        F.unfold(x, 3, padding=1),
    )


def recurrent(x, lstm, gru):
    return lstm(x)[0], gru(x)[0]


MODULES = {
    "residual": (lambda: moved(Residual()).eval(), images),
    "norms": (
        lambda: moved(
            Function(
                norms,
                *(nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm([9, 8]), nn.RMSNorm(8)),
                *(nn.InstanceNorm2d(4, affine=True), nn.PReLU(4), nn.LocalResponseNorm(2)),
            )
        ).eval(),
        images,
    ),
    "attention": (
        lambda: Function(
            attention,
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"),
            nn.MultiheadAttention(8, 2, batch_first=True),
        ).eval(),
        words,
    ),
    "pools": (lambda: Function(pools), images),
    "recurrent": (
        lambda: Function(
            recurrent,
            nn.LSTM(8, 3, batch_first=True),
            nn.GRU(8, 3, batch_first=True, bidirectional=True),
        ),
        words,
    ),
    "tokens": (
        lambda: nn.Sequential(nn.Embedding(7, 4, padding_idx=2), nn.Flatten(), nn.Linear(20, 3)),
        torch.arange(15).reshape(3, 5) % 7,
    ),
}


SHORT = ("residual", "attention", "tokens")


@pytest.mark.parametrize("name", MODULES if LONG else SHORT)
def test_layers_in_float32(name):
    torch.manual_seed(0)
    make, example = MODULES[name]
    compare(make(), example, alone=name in ("residual", "norms"))


def test_norms_in_float64():
    make, example = MODULES["norms"]
    compare(make(), example, double=True, alone=False)


small = lambda low, high: some.lists(some.integers(low, high), min_size=2, max_size=2)


@example([3, 2], [2, 1], [1, 0], [1, 2], True, [1, 0], 2)
@given(
    small(1, 3),
    *(small(1, 3), small(0, 2), small(1, 2), some.booleans(), small(0, 2)),
    some.sampled_from([1, 2, 4]),
)
def test_convolutions(kernel, stride, padding, dilation, transposed, extra, groups):
    assume(
        not transposed
        or all(e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True))
    )
    shape = (4, 8 // groups) if transposed else (8, 4 // groups)
    weight, bias = numbers(*shape, *kernel, seed=1), numbers(8, seed=2)
    rest = (stride, padding, dilation, transposed, extra if transposed else [0, 0], groups)
    theirs = torch.ops.aten.convolution.default(images, weight, bias, *rest)
    rule = RULES["aten.convolution.default"]
    ours = rule(*map(jax.numpy.asarray, (images, weight, bias)), *rest)
    close(ours, theirs.numpy(), 1e-5, "convolution")


@example([3, 2], [2, 3], [1, 1], [1, 2], True, False, None)
@given(
    small(1, 4),
    *(small(1, 4), small(0, 2), small(1, 2), some.booleans(), some.booleans()),
    some.sampled_from([None, 3]),
)
def test_pools(kernel, stride, padding, dilation, ceil, count, divisor):
    padding = [min(p, k // 2) for p, k in zip(padding, kernel, strict=True)]
    array = jax.numpy.asarray(images)
    name = "avg_pool2d"
    rest = (kernel, stride, padding, ceil, count, divisor)
    theirs = getattr(torch.ops.aten, name).default(images, *rest)
    close(RULES[f"aten.{name}.default"](array, *rest), theirs.numpy(), 1e-5, name)
    name = "max_pool2d_with_indices"
    rest = (kernel, stride, padding, dilation, ceil)
    theirs, _ = getattr(torch.ops.aten, name).default(images, *rest)
    (rule,) = RULES[f"aten.{name}.default"]
    np.testing.assert_array_equal(rule(array, *rest), theirs.numpy())
