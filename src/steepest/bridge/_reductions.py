"""Rules for operators that run along axes: sums, extremes, norms, cumulated sums, orders."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from steepest.bridge._table import table


def _axes(dim: Any) -> Any:
    """PyTorch writes all axes as no axes."""
    if dim is None or isinstance(dim, int):
        return dim
    return tuple(dim) or None


def _count(x: Any, dim: Any) -> int:
    axes = _axes(dim)
    if axes is None:
        return math.prod(x.shape)
    return math.prod(x.shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes))


def _sum(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return jnp.sum(x, _axes(dim), dtype, keepdims=keepdim)


def _mean(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return jnp.mean(x, _axes(dim), dtype, keepdims=keepdim)


def _product(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return jnp.prod(x, _axes(dim), dtype, keepdims=keepdim)


def _product_of_all(x: Any, *, dtype: Any = None) -> Any:
    return jnp.prod(x, dtype=dtype)


def _sum_of_all(x: Any, *, dtype: Any = None) -> Any:
    return jnp.sum(x, dtype=dtype)


def _mean_of_all(x: Any, *, dtype: Any = None) -> Any:
    return jnp.mean(x, dtype=dtype)


def _largest(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.max(x, _axes(dim), keepdims=keepdim)


def _smallest(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.min(x, _axes(dim), keepdims=keepdim)


def _where_largest(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return jnp.argmax(x, dim, keepdims=keepdim)


def _where_smallest(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return jnp.argmin(x, dim, keepdims=keepdim)


def _any(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.any(x, _axes(dim), keepdims=keepdim)


def _all(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return jnp.all(x, _axes(dim), keepdims=keepdim)


def _variance(x: Any, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    """Sum of squared deviations over n − correction, which is 1 where nothing is said (Bessel)."""
    correction = 1 if correction is None else correction
    deviations = x - jnp.mean(x, _axes(dim), keepdims=True)
    degrees = max(_count(x, dim) - correction, 0)
    total = jnp.sum(jnp.square(deviations), _axes(dim), keepdims=keepdim)
    return total / degrees if degrees else total / jnp.zeros((), total.dtype)


def _deviation(x: Any, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    return jnp.sqrt(_variance(x, dim, correction=correction, keepdim=keepdim))


def _mean_beside_variance(
    x: Any, dim: Any = None, *, correction: Any = None, keepdim: bool = False
) -> Any:
    return jnp.mean(x, _axes(dim), keepdims=keepdim)


def _norm(
    x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Any:
    x = x if dtype is None else x.astype(dtype)
    axes = _axes(dim)
    total = lambda y: jnp.sum(y, axes, keepdims=keepdim)
    if ord == 2:
        return jnp.sqrt(total(jnp.square(x)))
    size = jnp.abs(x)
    if ord == 1:
        return total(size)
    if ord == 0:
        return total(x != 0)
    if math.isinf(ord):
        return (jnp.max if ord > 0 else jnp.min)(size, axes, keepdims=keepdim)
    return total(size**ord) ** (1 / ord)


def _log_sum_exp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    return jax.nn.logsumexp(x, _axes(dim), keepdims=keepdim)


def _cumulated(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(x: Any, dim: int, *, dtype: Any = None) -> Any:
        return function(x, dim, dtype) if x.ndim else x

    return rule


def _running(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(x: Any, dim: int) -> Any:
        return function(x, dim % x.ndim) if x.ndim else x

    return rule


def _sorted(x: Any, dim: int = -1, descending: bool = False) -> Any:
    return jnp.sort(x, axis=dim, descending=descending)


def _order(x: Any, dim: int = -1, descending: bool = False) -> Any:
    return jnp.argsort(x, axis=dim, stable=True, descending=descending)


def _sorted_stably(x: Any, *, stable: Any = None, dim: int = -1, descending: bool = False) -> Any:
    return _sorted(x, dim, descending)


def _order_stably(x: Any, *, stable: Any = None, dim: int = -1, descending: bool = False) -> Any:
    return _order(x, dim, descending)


def _top(x: Any, k: int, dim: int, largest: bool) -> tuple[Any, Any]:
    last = jnp.moveaxis(x, dim, -1)
    values, places = jax.lax.top_k(last if largest else -last, k)
    back = lambda y: jnp.moveaxis(y, -1, dim)
    return back(values if largest else -values), back(places)


def _top_values(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return _top(x, k, dim, largest)[0]


def _top_places(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    return _top(x, k, dim, largest)[1]


def _kth_value(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest, counted from one."""
    value = jax.lax.index_in_dim(jnp.sort(x, axis=dim), k - 1, dim)
    return value if keepdim else jnp.squeeze(value, dim)


def _median(x: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The lower one of the two in the middle."""
    return _kth_value(x, (x.shape[dim] + 1) // 2, dim, keepdim)


def _median_of_all(x: Any) -> Any:
    return _median(jnp.ravel(x))


RULES = table(
    {
        "sum.default": _sum_of_all,
        "sum.dim_IntList": _sum,
        "mean.default": _mean_of_all,
        "mean.dim": _mean,
        "prod.default": _product_of_all,
        "prod.dim_int": _product,
        "amax.default max.default": _largest,
        "amin.default min.default": _smallest,
        "max.dim": (_largest, _where_largest),
        "min.dim": (_smallest, _where_smallest),
        "argmax.default": _where_largest,
        "argmin.default": _where_smallest,
        "any.default any.dim any.dims": _any,
        "all.default all.dim all.dims": _all,
        "var.correction": _variance,
        "std.correction": _deviation,
        "var_mean.correction": (_variance, _mean_beside_variance),
        "linalg_vector_norm.default": _norm,
        "logsumexp.default": _log_sum_exp,
        "cumsum.default": _cumulated(jnp.cumsum),
        "cumprod.default": _cumulated(jnp.cumprod),
        "cummax.default": (_running(jax.lax.cummax),),
        "cummin.default": (_running(jax.lax.cummin),),
        "logcumsumexp.default": _running(jax.lax.cumlogsumexp),
        "kthvalue.default": (_kth_value,),
        "median.dim": (_median,),
        "median.default": _median_of_all,
        "sort.default": (_sorted, _order),
        "sort.stable": (_sorted_stably, _order_stably),
        "argsort.default": _order,
        "topk.default": (_top_values, _top_places),
    }
)
