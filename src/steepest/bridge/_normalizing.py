"""Rules for softmax and for the layers that subtract means and divide by deviations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.bridge._table import table


def _softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:
    return jax.nn.softmax(x, dim if x.ndim else None)


def _log_softmax(x: Any, dim: int, half_to_float: bool = False) -> Any:
    return jax.nn.log_softmax(x, dim if x.ndim else None)


def _widened(x: Any) -> Any:
    """Moments of half-precision numbers are taken in float32."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _standardized(x: Any, axes: tuple[int, ...], eps: Any) -> Any:
    centred = x - jnp.mean(x, axes, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(jnp.square(centred), axes, keepdims=True) + eps)


def _affine(x: Any, weight: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    x = x if weight is None else x * jnp.reshape(weight, shape)
    return x if bias is None else x + jnp.reshape(bias, shape)


def _along_channels(x: Any) -> tuple[int, ...]:
    return (1, x.shape[1], *[1] * (x.ndim - 2))


def _layer_norm(x: Any, normalized: Sequence[int], weight: Any, bias: Any, eps: Any) -> Any:
    axes = tuple(range(x.ndim - len(normalized), x.ndim))
    return _affine(_standardized(_widened(x), axes, eps), weight, bias, tuple(normalized))


def _rms_norm(x: Any, normalized: Sequence[int], weight: Any, eps: Any) -> Any:
    axes = tuple(range(x.ndim - len(normalized), x.ndim))
    eps = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    wide = _widened(x)
    scaled = wide * lax.rsqrt(jnp.mean(jnp.square(wide), axes, keepdims=True) + eps)
    return _affine(scaled, weight, None, tuple(normalized))


def _group_norm(
    x: Any, weight: Any, bias: Any, N: int, C: int, HxW: int, groups: int, eps: Any
) -> Any:
    parted = jnp.reshape(_widened(x), (x.shape[0], groups, -1))
    out = jnp.reshape(_standardized(parted, (2,), eps), x.shape)
    return _affine(out, weight, bias, _along_channels(x))


def _batch_norm(
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: Any,
    eps: Any,
) -> Any:
    wide = _widened(x)
    if training:
        out = _standardized(wide, (0, *range(2, x.ndim)), eps)
    else:
        shape = _along_channels(x)
        out = (wide - jnp.reshape(running_mean, shape)) * lax.rsqrt(
            jnp.reshape(running_var, shape) + eps
        )
    return _affine(out, weight, bias, _along_channels(x))


def _batch_norm_at_rest(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, momentum: Any, eps: Any
) -> Any:
    return _batch_norm(x, weight, bias, mean, var, False, momentum, eps)


def _batch_norm_of_batch(
    x: Any, weight: Any, bias: Any, training: bool, momentum: Any, eps: Any
) -> Any:
    return _batch_norm(x, weight, bias, None, None, True, momentum, eps)


RULES = table(
    {
        "_softmax.default": _softmax,
        "_log_softmax.default": _log_softmax,
        "native_layer_norm.default": (_layer_norm,),
        "_fused_rms_norm.default": (_rms_norm,),
        "native_group_norm.default": (_group_norm,),
        "_native_batch_norm_legit_no_training.default": (_batch_norm_at_rest,),
        "_native_batch_norm_legit.no_stats": (_batch_norm_of_batch,),
        "_native_batch_norm_legit.default": (_batch_norm,),
        "_native_batch_norm_legit_functional.default": (_batch_norm,),
    }
)
