"""Evaluate a program at a point with NumPy, where NumPy and JAX agree.

JAX compiles each primitive for each shape before it runs it once (20 to 30 ms each). A walk meets
most equations once, so that a program's first walk would spend a second on compiling. The table
below says what the common primitives are in NumPy; where the two could differ (integer division,
casts of NaN, rounding of halves), a row takes care or gives the work back to JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.pieces._double import IDENTITIES, called_jaxpr, evaluate_equation
from steepest.pieces._host import is_host, is_key, to_host
from steepest.pieces._interpret import interpret

Rule = Callable[..., Any]


def evaluate(eqn: jex_core.JaxprEqn, values: list[Any]) -> list[Any]:
    """The results of one equation in float64: NumPy's arrays for NumPy's arrays and keys."""
    if not all(is_host(value) or is_key(value) for value in values):
        return evaluate_equation(eqn, values)
    inner = called_jaxpr(eqn)
    if inner is not None:
        return run(inner, values)
    name = eqn.primitive.name
    if name in IDENTITIES:
        return values
    rule = NUMPY.get(name)
    if rule is not None and all(map(is_host, values)):
        with np.errstate(all="ignore"):
            out = rule(eqn.params, *values)
        if out is not NotImplemented:
            return [np.asarray(o) for o in (out if isinstance(out, list) else [out])]
    return [to_host(out) for out in evaluate_equation(eqn, values)]


def run(closed: jex_core.ClosedJaxpr, args: list[Any]) -> list[Any]:
    """The outputs of a program on NumPy's arrays, in float64. See `run_in_double`."""
    given = lambda value, dtype: widened(value)
    return interpret(closed, args, given, lambda eqn, values, _: evaluate(eqn, values))


def widened(value: Any) -> Any:
    """A constant of a program on the host, its floats in float64."""
    value = to_host(value)
    if is_host(value) and jnp.issubdtype(value.dtype, np.floating):
        return value.astype(np.float64)
    return value


# ---- rows: (params, *values) → the result, a list of results, or NotImplemented


def _same(function: Rule) -> Rule:
    return lambda p, *v: function(*v)


def _special(name: str) -> Rule:
    """A function of `scipy.special`, which is slow to import, looked up when it is called."""

    def function(x: Any) -> Any:
        from scipy import special

        return getattr(special, name)(x)

    return function


def _of_floats(function: Rule) -> Rule:
    """For floats alone: on integers JAX rounds or overflows otherwise."""

    def rule(p: dict[str, Any], *v: Any) -> Any:
        return function(*v) if all(x.dtype == np.float64 for x in v) else NotImplemented

    return rule


def _round(p: dict[str, Any], x: Any) -> Any:
    if p["rounding_method"] == jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        return np.rint(x)
    whole = np.trunc(x)
    return whole + np.where(np.abs(x - whole) >= 0.5, np.copysign(1.0, x), 0.0)


def _integer_pow(p: dict[str, Any], x: Any) -> Any:
    """By repeated squaring, as JAX does: x·x is the same number however it is spelled."""
    if x.dtype != np.float64:
        return NotImplemented
    left, base, power = abs(p["y"]), x, None
    while left:
        if left & 1:
            power = base if power is None else power * base
        left >>= 1
        base = base * base if left else base
    power = np.ones_like(x) if power is None else power
    return 1 / power if p["y"] < 0 else power


def _select(p: dict[str, Any], which: Any, *cases: Any) -> Any:
    out = cases[0]
    for k, case in enumerate(cases[1:], 1):
        out = np.where(which == k, case, out)
    return out


def _convert(p: dict[str, Any], x: Any) -> Any:
    to = p["new_dtype"]
    if jnp.issubdtype(to, jax.dtypes.extended):
        return NotImplemented
    if jnp.issubdtype(to, np.floating):
        return x.astype(np.float64) if x.dtype.kind in "biuf" else NotImplemented
    if to == np.bool_:
        return x != 0
    # NumPy leaves open what NaN and large numbers become as integers.
    return x.astype(to) if x.dtype.kind in "biu" else NotImplemented


def _broadcast(p: dict[str, Any], x: Any, *dynamic: Any) -> Any:
    if dynamic:
        return NotImplemented
    kept = dict(zip(p["broadcast_dimensions"], x.shape, strict=True))
    aligned = x.reshape([kept.get(d, 1) for d in range(len(p["shape"]))])
    return np.broadcast_to(aligned, p["shape"])


def _slice(p: dict[str, Any], x: Any) -> Any:
    steps = p["strides"] or [None] * x.ndim
    return x[tuple(map(slice, p["start_indices"], p["limit_indices"], steps))]


def _clamped(starts: Any, shape: Any, sizes: Any) -> tuple[slice, ...]:
    """A moving slice stays inside the array."""
    first = [min(max(int(i), 0), n - size) for i, n, size in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(i, i + size) for i, size in zip(first, sizes, strict=True))


def _dynamic_slice(p: dict[str, Any], x: Any, *starts: Any) -> Any:
    return x[_clamped(starts[: x.ndim], x.shape, p["slice_sizes"])]


def _dynamic_update(p: dict[str, Any], x: Any, update: Any, *starts: Any) -> Any:
    out = x.copy()
    out[_clamped(starts, x.shape, update.shape)] = update
    return out


def _pad(p: dict[str, Any], x: Any, fill: Any) -> Any:
    if any(low < 0 or high < 0 or inside for low, high, inside in p["padding_config"]):
        return NotImplemented
    return np.pad(x, [pair[:2] for pair in p["padding_config"]], constant_values=fill)


def _split(p: dict[str, Any], x: Any) -> list[Any]:
    return np.split(x, np.cumsum(p["sizes"])[:-1], axis=p["axis"])


def _iota(p: dict[str, Any], *dynamic: Any) -> Any:
    shape, d = p["shape"], p["dimension"]
    if dynamic or jnp.issubdtype(p["dtype"], np.floating):
        return NotImplemented
    row = np.arange(shape[d], dtype=p["dtype"])
    return np.broadcast_to(row.reshape([-1 if k == d else 1 for k in range(len(shape))]), shape)


def _reduced(function: np.ufunc) -> Rule:
    def rule(p: dict[str, Any], x: Any) -> Any:
        if function in (np.maximum, np.minimum) and not x.size:
            return NotImplemented
        # Sums of small integers stay small integers.
        return function.reduce(x, axis=tuple(p["axes"]), dtype=x.dtype)

    return rule


def _of_booleans(function: np.ufunc, bits: np.ufunc) -> Rule:
    def rule(p: dict[str, Any], x: Any) -> Any:
        return (function if x.dtype == np.bool_ else bits).reduce(x, axis=tuple(p["axes"]))

    return rule


def _arg(function: Rule) -> Rule:
    return lambda p, x: function(x, axis=p["axes"][0]).astype(p["index_dtype"])


def _cumulative(function: np.ufunc) -> Rule:
    def rule(p: dict[str, Any], x: Any) -> Any:
        turned = np.flip(x, p["axis"]) if p["reverse"] else x
        out = function.accumulate(turned, axis=p["axis"], dtype=x.dtype)
        return np.flip(out, p["axis"]) if p["reverse"] else out

    return rule


def _product(p: dict[str, Any], a: Any, b: Any) -> Any:
    if a.dtype != np.float64 or b.dtype != np.float64:
        return NotImplemented
    (left, right), (left_batch, right_batch) = p["dimension_numbers"]
    if not left_batch:
        return np.tensordot(a, b, (left, right))
    # batch, free, summed  ×  batch, summed, free
    free = [d for d in range(a.ndim) if d not in {*left, *left_batch}]
    other = [d for d in range(b.ndim) if d not in {*right, *right_batch}]
    size = lambda x, places: int(np.prod([x.shape[d] for d in places]))
    batch = [a.shape[d] for d in left_batch]
    rows = a.transpose([*left_batch, *free, *left]).reshape(*batch, size(a, free), size(a, left))
    columns = b.transpose([*right_batch, *right, *other])
    out = rows @ columns.reshape(*batch, size(a, left), size(b, other))
    return out.reshape(*batch, *[a.shape[d] for d in free], *[b.shape[d] for d in other])


NUMPY: dict[str, Rule] = {
    # Arithmetic, the same on integers (both wrap).
    "add": _same(np.add),
    "add_any": _same(np.add),
    "sub": _same(np.subtract),
    "mul": _same(np.multiply),
    "neg": _same(np.negative),
    "abs": _same(np.abs),
    "square": _same(np.square),
    "max": _same(np.maximum),
    "min": _same(np.minimum),
    "clamp": lambda p, low, x, high: np.minimum(np.maximum(x, low), high),
    # … and on floats only.
    "div": _of_floats(np.divide),
    "rem": _of_floats(np.fmod),
    "pow": _of_floats(np.power),
    "sign": _of_floats(np.sign),
    "floor": _of_floats(np.floor),
    "ceil": _of_floats(np.ceil),
    "round": _round,
    "integer_pow": _integer_pow,
    "sqrt": _of_floats(np.sqrt),
    "rsqrt": _of_floats(lambda x: 1 / np.sqrt(x)),
    "cbrt": _of_floats(np.cbrt),
    "exp": _of_floats(np.exp),
    "exp2": _of_floats(np.exp2),
    "expm1": _of_floats(np.expm1),
    "log": _of_floats(np.log),
    "log1p": _of_floats(np.log1p),
    "logistic": _of_floats(_special("expit")),
    "tanh": _of_floats(np.tanh),
    "sinh": _of_floats(np.sinh),
    "cosh": _of_floats(np.cosh),
    "asinh": _of_floats(np.arcsinh),
    "sin": _of_floats(np.sin),
    "cos": _of_floats(np.cos),
    "tan": _of_floats(np.tan),
    "atan": _of_floats(np.arctan),
    "atan2": _of_floats(np.arctan2),
    "erf": _of_floats(_special("erf")),
    "erfc": _of_floats(_special("erfc")),
    # Truth values.
    "eq": _same(np.equal),
    "ne": _same(np.not_equal),
    "gt": _same(np.greater),
    "ge": _same(np.greater_equal),
    "lt": _same(np.less),
    "le": _same(np.less_equal),
    "is_finite": _same(np.isfinite),
    "and": _same(np.bitwise_and),
    "or": _same(np.bitwise_or),
    "xor": _same(np.bitwise_xor),
    "not": _same(np.invert),
    "select_n": _select,
    "convert_element_type": _convert,
    # Moves.
    "reshape": lambda p, x, *dynamic: x.reshape(p["new_sizes"]),
    "broadcast_in_dim": _broadcast,
    "transpose": lambda p, x: x.transpose(p["permutation"]),
    "squeeze": lambda p, x: np.squeeze(x, tuple(p["dimensions"])),
    "expand_dims": lambda p, x: np.expand_dims(x, tuple(p["dimensions"])),
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update,
    "rev": lambda p, x: np.flip(x, tuple(p["dimensions"])),
    "concatenate": lambda p, *v: np.concatenate(v, p["dimension"]),
    "pad": _pad,
    "split": _split,
    "iota": _iota,
    # Reductions and products.
    "reduce_sum": _reduced(np.add),
    "reduce_prod": _reduced(np.multiply),
    "reduce_max": _reduced(np.maximum),
    "reduce_min": _reduced(np.minimum),
    "reduce_and": _of_booleans(np.logical_and, np.bitwise_and),
    "reduce_or": _of_booleans(np.logical_or, np.bitwise_or),
    "argmax": _arg(np.argmax),
    "argmin": _arg(np.argmin),
    "cumsum": _cumulative(np.add),
    "cumprod": _cumulative(np.multiply),
    "cummax": _cumulative(np.maximum),
    "cummin": _cumulative(np.minimum),
    "dot_general": _product,
}
