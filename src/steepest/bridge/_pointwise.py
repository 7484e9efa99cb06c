"""Rules for operators that act number by number.

At a kink the derivative is what JAX makes of the function: 0 for ReLU at 0 and the left slope for
leaky ReLU, as in PyTorch; 1 for the absolute value at 0 and half the slope at a bound of a clamp,
unlike PyTorch.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from steepest.bridge._table import table


def _identity(x: Any, *args: Any, **keywords: Any) -> Any:
    return x


def _detach(x: Any) -> Any:
    return lax.stop_gradient(x)


def _reciprocal(x: Any) -> Any:
    return 1 / x


def _round(x: Any, *, decimals: int = 0) -> Any:
    return jnp.round(x, decimals)


def _add(x: Any, y: Any, alpha: Any = 1) -> Any:
    return jnp.add(x, y if alpha == 1 else alpha * jnp.asarray(y))


def _subtract(x: Any, y: Any, alpha: Any = 1) -> Any:
    return jnp.subtract(x, y if alpha == 1 else alpha * jnp.asarray(y))


def _subtract_from(x: Any, y: Any, alpha: Any = 1) -> Any:
    return _subtract(y, x, alpha)


def _divide(x: Any, y: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return jnp.true_divide(x, y)
    if rounding_mode == "floor":
        return jnp.floor_divide(x, y)
    both = jnp.result_type(x, y)
    if jnp.issubdtype(both, jnp.integer):
        return lax.div(*jnp.broadcast_arrays(jnp.asarray(x, both), jnp.asarray(y, both)))
    return jnp.trunc(jnp.true_divide(x, y))


def _power(x: Any, exponent: Any) -> Any:
    if isinstance(exponent, float):
        if exponent == 0.5:
            return jnp.sqrt(x)
        if exponent == -0.5:
            return lax.rsqrt(x)
        if exponent.is_integer() and abs(exponent) <= 64:
            exponent = int(exponent)  # a product, smooth for negative bases, too
    if isinstance(exponent, int) and exponent < 0:
        return 1 / jnp.power(jnp.asarray(x), -exponent)
    return jnp.power(x, exponent)


def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    if min is not None:
        x = jnp.maximum(x, min)
    return x if max is None else jnp.minimum(x, max)


def _hardtanh(x: Any, min_val: Any = -1.0, max_val: Any = 1.0) -> Any:
    return _clamp(x, min_val, max_val)


def _leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    return jnp.where(x > 0, x, negative_slope * x)


def _elu(x: Any, alpha: Any = 1.0, scale: Any = 1.0, input_scale: Any = 1.0) -> Any:
    positive = x > 0
    below = jnp.where(positive, 0, x)  # expm1 of a large number would make NaN of the derivative
    return jnp.where(positive, scale * x, alpha * scale * jnp.expm1(input_scale * below))


def _celu(x: Any, alpha: Any = 1.0) -> Any:
    return _elu(x, alpha, 1.0, 1.0 / alpha)


def _softplus(x: Any, beta: Any = 1.0, threshold: Any = 20.0) -> Any:
    """log(1 + exp(βx))/β, and x itself above the threshold, as PyTorch has it."""
    linear = beta * x > threshold
    curved = jnp.where(linear, 0, x)
    return jnp.where(linear, x, jax.nn.softplus(beta * curved) / beta)


def _mish(x: Any) -> Any:
    return x * jnp.tanh(_softplus(x))


def _gelu(x: Any, *, approximate: str = "none") -> Any:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def _log_sigmoid(x: Any) -> Any:
    return jax.nn.log_sigmoid(x)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return jnp.where(condition, x, y)


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return jnp.where(mask, value, x)


def _nan_to_num(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Any:
    return jnp.nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def _lerp(x: Any, end: Any, weight: Any) -> Any:
    return x + weight * (end - x)


RULES = table(
    {
        # What only the layout in memory sees; a cast is made when the result is put away.
        "clone.default alias.default lift_fresh_copy.default _to_copy.default": _identity,
        "detach.default": _detach,
        "abs.default": jnp.abs,
        "neg.default": jnp.negative,
        "reciprocal.default": _reciprocal,
        "square.default": jnp.square,
        "sqrt.default": jnp.sqrt,
        "rsqrt.default": lambda x: lax.rsqrt(jnp.asarray(x)),
        "exp.default": jnp.exp,
        "exp2.default": jnp.exp2,
        "expm1.default": jnp.expm1,
        "log.default": jnp.log,
        "log2.default": jnp.log2,
        "log10.default": jnp.log10,
        "log1p.default": jnp.log1p,
        "sin.default": jnp.sin,
        "cos.default": jnp.cos,
        "tan.default": jnp.tan,
        "asin.default": jnp.arcsin,
        "acos.default": jnp.arccos,
        "atan.default": jnp.arctan,
        "sinh.default": jnp.sinh,
        "cosh.default": jnp.cosh,
        "tanh.default": jnp.tanh,
        "asinh.default": jnp.arcsinh,
        "acosh.default": jnp.arccosh,
        "atanh.default": jnp.arctanh,
        "erf.default": jax.scipy.special.erf,
        "erfc.default": jax.scipy.special.erfc,
        "erfinv.default": jax.scipy.special.erfinv,
        "lgamma.default": jax.scipy.special.gammaln,
        "digamma.default": jax.scipy.special.digamma,
        "sign.default": jnp.sign,
        "floor.default": jnp.floor,
        "ceil.default": jnp.ceil,
        "trunc.default": jnp.trunc,
        "round.default round.decimals": _round,
        "isnan.default": jnp.isnan,
        "isinf.default": jnp.isinf,
        "logical_not.default": jnp.logical_not,
        "bitwise_not.default": jnp.bitwise_not,
        "relu.default": jax.nn.relu,
        "sigmoid.default": jax.nn.sigmoid,
        "silu.default": jax.nn.silu,
        "gelu.default": _gelu,
        "leaky_relu.default": _leaky_relu,
        "elu.default": _elu,
        "celu.default": _celu,
        "softplus.default": _softplus,
        "mish.default": _mish,
        "hardtanh.default": _hardtanh,
        "clamp.default clamp.Tensor": _clamp,
        "clamp_min.default clamp_min.Tensor": _clamp,
        "nan_to_num.default": _nan_to_num,
        "add.Tensor add.Scalar": _add,
        "sub.Tensor sub.Scalar": _subtract,
        "rsub.Tensor rsub.Scalar": _subtract_from,
        "mul.Tensor mul.Scalar": jnp.multiply,
        "div.Tensor div.Scalar div.Tensor_mode div.Scalar_mode": _divide,
        "floor_divide.default": jnp.floor_divide,
        "remainder.Tensor remainder.Scalar remainder.Scalar_Tensor": jnp.remainder,
        "fmod.Tensor fmod.Scalar": jnp.fmod,
        "pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar": _power,
        "atan2.default": jnp.arctan2,
        "hypot.default": jnp.hypot,
        "copysign.Tensor copysign.Scalar": jnp.copysign,
        "maximum.default max.other": jnp.maximum,
        "minimum.default min.other": jnp.minimum,
        "eq.Tensor eq.Scalar": jnp.equal,
        "ne.Tensor ne.Scalar": jnp.not_equal,
        "lt.Tensor lt.Scalar": jnp.less,
        "le.Tensor le.Scalar": jnp.less_equal,
        "gt.Tensor gt.Scalar": jnp.greater,
        "ge.Tensor ge.Scalar": jnp.greater_equal,
        "logical_and.default": jnp.logical_and,
        "logical_or.default": jnp.logical_or,
        "logical_xor.default": jnp.logical_xor,
        "bitwise_and.Tensor bitwise_and.Scalar": jnp.bitwise_and,
        "bitwise_or.Tensor bitwise_or.Scalar": jnp.bitwise_or,
        "bitwise_xor.Tensor bitwise_xor.Scalar": jnp.bitwise_xor,
        "where.self where.ScalarSelf where.ScalarOther where.Scalar": _where,
        "masked_fill.Scalar masked_fill.Tensor": _masked_fill,
        "lerp.Scalar lerp.Tensor": _lerp,
        "log_sigmoid_forward.default": (_log_sigmoid,),
    }
)
