"""Primitives known to be smooth, and where.

An explicit list: a primitive that is neither here nor in the table of choices is refused, since
silence about a kink would be a wrong answer. Beside each name stands what the interpreter needs:

- is it *structural* (it moves numbers about, so it may be applied to labels as well),
- is it *elementwise* (one number of the output depends on one place of each input),
- where it is singular (a root, a logarithm, a quotient at the edge of its domain).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.pieces._host import namespace

# Each number of the output is a number of one of the inputs.
STRUCTURAL = frozenset(
    [
        "reshape",
        "broadcast_in_dim",
        "transpose",
        "squeeze",
        "expand_dims",
        "slice",
        "rev",
        "concatenate",
        "stack",
        "unstack",
        "tile",
        "copy",
        "copy_p",
        "gather",
        "dynamic_slice",
        "dynamic_update_slice",
        "split",
        "real",
        "stop_gradient",
        "optimization_barrier",
        "convert_element_type",
    ]
)
# … and no input tells where they go, so that they move numbers of any kind.
MOVES = frozenset(
    [
        "reshape",
        "broadcast_in_dim",
        "transpose",
        "squeeze",
        "expand_dims",
        "slice",
        "rev",
        "concatenate",
        "stack",
        "tile",
    ]
)
# Linear in all variable inputs together.
LINEAR = STRUCTURAL | frozenset(
    ["add", "sub", "neg", "add_any", "reduce_sum", "reduce_window_sum", "cumsum", "pad"]
)
# Linear in each input while the others are held.
BILINEAR = frozenset(["mul", "dot_general", "conv_general_dilated"])
ELEMENTWISE = frozenset(
    [
        "add",
        "sub",
        "neg",
        "add_any",
        "mul",
        "div",
        "exp",
        "exp2",
        "expm1",
        "tanh",
        "logistic",
        "sin",
        "cos",
        "tan",
        "erf",
        "erfc",
        "sinh",
        "cosh",
        "asinh",
        "atan",
        "square",
        "integer_pow",
        "sqrt",
        "rsqrt",
        "log",
        "log2",  # a primitive from JAX 0.11 on
        "log1p",
        "pow",
        "cbrt",
        "asin",
        "acos",
        "acosh",
        "atanh",
        "erf_inv",
        "lgamma",
        "digamma",
        "atan2",
        "polygamma",
        "igamma",
        "igammac",
        "regularized_incomplete_beta",
        "and",
        "or",
        "not",
        "xor",
        "select_n",
        "is_finite",
        "convert_element_type",
        "copy",
        "copy_p",
        "real",
        "stop_gradient",
        "optimization_barrier",
    ]
)
ELEMENTWISE_CHOICES = frozenset(
    {"max", "min", "abs", "sign", "floor", "ceil", "round"}
    | {"gt", "ge", "lt", "le", "lt_to", "le_to", "eq", "ne"}
)
# Smooth on their domain, neither structural nor elementwise nor linear.
GENERAL = frozenset(
    [
        "reduce_prod",
        "cumprod",
        "cumlogsumexp",
        "logsumexp",
        "cholesky",
        "triangular_solve",
        "custom_linear_solve",
        "scatter",
        "scatter-add",
        "scatter-mul",
        "scatter-sub",
        "iota",
        "reduce_and",
        "reduce_or",
        "reduce_xor",
        "eigh",
    ]
)
SMOOTH = LINEAR | BILINEAR | ELEMENTWISE | GENERAL


def is_smooth(name: str, params: dict[str, Any]) -> bool:
    """Whether it is one of SMOOTH that JAX can differentiate: a product into one place of several
    numbers it cannot."""
    return name in SMOOTH and (name != "scatter-mul" or params["unique_indices"])


# Special functions whose first arguments are parameters: smooth in the last one only, as far as
# JAX has derivatives.
PARAMETERS = {"polygamma": 1, "igamma": 1, "igammac": 1, "regularized_incomplete_beta": 2}

Singular = Callable[[list[Any], list[Any], dict[str, Any]], Any]


def _at_zero(place: int) -> Singular:
    return lambda v, tol, params: abs(v[place]) <= tol[place]


def _not_above(edge: float, place: int = 0) -> Singular:
    return lambda v, tol, params: v[place] <= edge + tol[place]


def _not_inside_unit(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    return abs(v[0]) >= 1 - tol[0]


def _not_inside_interval(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    return (v[2] <= tol[2]) | (v[2] >= 1 - tol[2])


def _at_pole(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    return (v[0] <= tol[0]) & (abs(v[0] - namespace(*v).round(v[0])) <= tol[0])


def _power(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    base, exponent = v
    whole = (exponent == namespace(*v).round(exponent)) & (exponent >= 0)
    return (base <= tol[0]) & ~whole


def varying_power(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    """With an exponent that varies, x^y is smooth for positive x only."""
    return v[0] <= tol[0]


def _integer_power(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    if params["y"] >= 0:
        return np.zeros(np.shape(v[0]), bool)
    return abs(v[0]) <= tol[0]


def _branch_cut(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    y, x = v
    return (abs(y) <= tol[0]) & (x <= tol[1])


def _tangent(v: list[Any], tol: list[Any], params: dict[str, Any]) -> Any:
    return abs(namespace(*v).cos(v[0])) <= 1e-12


# Where the function or its slope is not defined: (values, tolerances, params) → bool array.
SINGULAR: dict[str, Singular] = {
    "sqrt": _not_above(0.0),
    "rsqrt": _not_above(0.0),
    "log": _not_above(0.0),
    "log2": _not_above(0.0),
    "log1p": _not_above(-1.0),
    "div": _at_zero(1),
    "cbrt": _at_zero(0),
    "pow": _power,
    "integer_pow": _integer_power,
    "asin": _not_inside_unit,
    "acos": _not_inside_unit,
    "atanh": _not_inside_unit,
    "erf_inv": _not_inside_unit,
    "acosh": _not_above(1.0),
    "lgamma": _at_pole,
    "digamma": _at_pole,
    "atan2": _branch_cut,
    "tan": _tangent,
    "polygamma": _not_above(0.0, 1),
    "igamma": _not_above(0.0, 1),
    "igammac": _not_above(0.0, 1),
    "regularized_incomplete_beta": _not_inside_interval,
}

# An argument inside the domain, where 0.5 is not.
HARMLESS = {"acosh": 1.5}

_ZERO_KEEPING = frozenset(
    ["tanh", "sin", "tan", "erf", "sinh", "asinh", "atan", "expm1", "log1p", "asin", "atanh"]
)


def size(
    name: str,
    values: list[Any],
    sizes: list[Any],
    outs: list[Any],
    params: dict[str, Any],
    apply: Callable[[list[Any]], list[Any]],
) -> list[Any]:
    """Σ|terms| that each number of the outputs was summed from, for the tolerance of ties.

    Not an error bound carried through the program (which overestimates by many orders): only the
    last sum counts, followed through what scales it or moves it about.
    """
    xp = namespace(*values, *sizes, *outs)
    plain = [abs(o) if is_float(o) else xp.zeros(np.shape(o)) for o in outs]
    if not any(is_float(o) for o in outs):
        return plain
    v = [abs(x) if is_float(x) else x for x in values]
    if name in ("add", "sub", "add_any"):
        return [v[0] + v[1]]
    if name in _SUMS:
        return apply(v)
    if name in STRUCTURAL or name == "select_n":
        if not any(is_float(x) for x in values):
            return plain
        return apply([s if is_float(x) else x for x, s in zip(values, sizes, strict=True)])
    if name == "mul":
        return [xp.maximum(v[0] * sizes[1], v[1] * sizes[0])]
    if name == "div":
        return [xp.maximum(plain[0], sizes[0] / xp.where(v[1] == 0, 1.0, v[1]))]
    if name == "neg":
        return [sizes[0]]
    if name == "integer_pow" and params["y"] > 0:
        return [xp.maximum(plain[0], v[0] ** (params["y"] - 1) * sizes[0])]
    if name in _ZERO_KEEPING:
        return [xp.maximum(plain[0], xp.minimum(sizes[0], 1.0))]
    if name in ("log", "log2"):
        return [xp.maximum(plain[0], sizes[0] / xp.where(v[0] == 0, 1.0, v[0]))]
    return plain


_SUMS = BILINEAR - {"mul"} | {"reduce_sum", "reduce_window_sum", "cumsum"}


def is_float(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        dtype = jnp.result_type(value)
    return dtype == np.float64 or bool(jnp.issubdtype(dtype, np.floating))
