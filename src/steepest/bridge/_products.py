"""Rules for matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.bridge._table import table


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else factor * x


def _add_product(x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled(jnp.matmul(a, b), alpha)
    return product if beta == 0 else _scaled(x, beta) + product


def _convolution(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Any:
    """A correlation, as PyTorch means by convolution; x of shape (n, channels, *space)."""
    space = x.ndim - 2
    wide = lambda values: list(values) * (space if len(values) == 1 else 1)
    stride, padding, dilation = wide(stride), wide(padding), wide(dilation)
    both = jnp.result_type(x, weight)
    x, weight = x.astype(both), weight.astype(both)
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if transposed:  # the transpose of a convolution: strides spread the input, the kernel turns
        weight = _turned(weight, groups)
        more = wide(output_padding)
        pads = [(r - p, r - p + o) for r, p, o in zip(reach, padding, more, strict=True)]
        windows, spread = [1] * space, stride
    else:
        pads = [(p, p) for p in padding]
        windows, spread = stride, [1] * space
    letters = "xyz"[:space]
    layout = lax.conv_dimension_numbers(
        x.shape, weight.shape, (f"NC{letters}", f"OI{letters}", f"NC{letters}")
    )
    out = lax.conv_general_dilated(
        x,
        weight,
        windows,
        pads,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=layout,
        feature_group_count=groups,
    )
    return out if bias is None else out + jnp.reshape(bias, (-1, *[1] * space))


def _turned(weight: Any, groups: int) -> Any:
    """(in, out/groups, *k) → (out, in/groups, *k), reversed in space."""
    inputs, outputs, *kernel = weight.shape
    split = jnp.reshape(weight, (groups, inputs // groups, outputs, *kernel))
    joined = jnp.reshape(jnp.swapaxes(split, 1, 2), (groups * outputs, inputs // groups, *kernel))
    return jnp.flip(joined, tuple(range(2, joined.ndim)))


def _distances(x: Any, y: Any, p: Any, compute_mode: int | None = None) -> Any:
    """Each row's distance from each, in the p-norm."""
    gap = x[..., :, None, :] - y[..., None, :, :]
    if p == 2:
        return jnp.sqrt(jnp.sum(jnp.square(gap), -1))
    size = jnp.abs(gap)
    if p == 1:
        return jnp.sum(size, -1)
    if p == float("inf"):
        return jnp.max(size, -1)
    return jnp.sum(size != 0, -1) if p == 0 else jnp.sum(size**p, -1) ** (1 / p)


def _trilinear(
    first: Any,
    second: Any,
    third: Any,
    expand1: Sequence[int],
    expand2: Sequence[int],
    expand3: Sequence[int],
    sumdim: Sequence[int],
    unroll_dim: int = 1,
) -> Any:
    """The sum of a product of three, each given new axes."""
    x, y, z = (
        jnp.expand_dims(a, tuple(axes))
        for a, axes in ((first, expand1), (second, expand2), (third, expand3))
    )
    return jnp.sum(x * y * z, tuple(sumdim))


RULES = table(
    {
        "mm.default bmm.default mv.default dot.default matmul.default": jnp.matmul,
        "addmm.default baddbmm.default addmv.default": _add_product,
        "convolution.default": _convolution,
        "_trilinear.default": _trilinear,
        "_cdist_forward.default": _distances,
    }
)
