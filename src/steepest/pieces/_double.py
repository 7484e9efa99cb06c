"""Evaluate a jaxpr with all floating-point values in float64, whatever it was traced in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core as jex_core

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces._interpret import interpret, scan_counts
from steepest.pieces._missing import beside_nan
from steepest.pieces._source import user_line

Run = Callable[[jex_core.ClosedJaxpr, list[Any]], list[Any]]

# Call-like primitives: the function inside is the function; a custom rule beside it is not.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "custom_lin": "jaxpr",
    "custom_vmap_call": "call",
}
# Their result depends on the width of the number itself, not only on its value.
_WIDTH_BOUND = {"bitcast_convert_type", "nextafter", "reduce_precision"}
# They tell where an array lives, or that a derivative stops: not what the function is.
IDENTITIES = frozenset(
    {"stop_gradient", "optimization_barrier", "copy", "copy_p", "device_put", "name"}
    | {"sharding_constraint", "layout_constraint", "pvary", "reshard"}
)


def is_identity(eqn: jex_core.JaxprEqn) -> bool:
    """Whether an equation hands on its number as it is: in float64 a change of width is none.

    JAX makes a new number of that one or not, as it is traced; whether two choices turn on one
    number must not depend on it.
    """
    if eqn.primitive.name != "convert_element_type":
        return eqn.primitive.name in IDENTITIES
    kinds = eqn.params["new_dtype"], eqn.invars[0].aval.dtype  # pyright: ignore[reportAttributeAccessIssue]
    return all(jnp.issubdtype(kind, np.floating) for kind in kinds)


def called_jaxpr(eqn: jex_core.JaxprEqn) -> jex_core.ClosedJaxpr | None:
    """The program that a call-like equation runs, or None if the equation is no call."""
    key = _CALLS.get(eqn.primitive.name)
    if key is None:
        return None
    inner = eqn.params[key]
    return inner if isinstance(inner, jex_core.ClosedJaxpr) else jex_core.ClosedJaxpr(inner, ())


def _widen(value: Any) -> Any:
    """A floating-point array in double; anything else (integers, booleans, keys) as it is."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return jnp.asarray(value, jnp.float64) if isinstance(value, float) else value
    if jnp.issubdtype(dtype, jax.dtypes.extended):
        return value
    wide = _wide_type(dtype)
    return value if wide is None else jnp.asarray(value, wide)


def _wide_type(dtype: Any) -> np.dtype | None:
    """float64 or complex128 for a floating-point type, None for any other."""
    for kind, wide in ((np.floating, np.float64), (np.complexfloating, np.complex128)):
        if jnp.issubdtype(dtype, kind):
            return np.dtype(wide)
    return None


def _widen_param(param: Any) -> Any:
    if not isinstance(param, (np.dtype, type)) or param is float:
        return param
    try:
        dtype = np.dtype(param)
    except TypeError:  # a class that is no dtype
        return param
    return _wide_type(dtype) or param


def _widen_params(params: dict[str, Any]) -> dict[str, Any]:
    return {key: _widen_param(value) for key, value in params.items()}


def run_in_double(closed: jex_core.ClosedJaxpr, args: list[Any], *, nan: bool = False) -> list[Any]:
    """The outputs of the program on args, computed in float64.

    Call it inside `jax.enable_x64(True)`; it can be jitted, mapped and differentiated there. With
    `nan=True` NaN that it computes with and leaves out does not spoil its derivatives.

    Raises:
        UnsupportedPrimitiveError: a primitive that carries a program of its own in a way not known
            here, with the user's line.
    """
    given = lambda value, dtype: _widen(value)
    run = partial(run_in_double, nan=nan)

    def one(eqn: jex_core.JaxprEqn, values: list[Any], _: Any) -> list[Any]:
        apply = lambda values: evaluate_equation(eqn, values, run)
        return beside_nan(eqn, values, apply) if nan else apply(values)

    return interpret(closed, [_widen(a) for a in args], given, one)


def power(x: Any, y: Any) -> Any:
    """xʸ. The derivative of x⁰ at 0 is that of 1, where JAX writes it as 0·0⁻¹."""
    return lax.pow(jnp.where((x == 0) & (y == 0), 1.0, x), y)


# |x| as x·sign(x): the same number, with the derivative 0 at 0 where JAX takes 1. Beside its ½, ½
# at a tie of max, that makes max(x, 0) + log1p(exp(−|x|)), softplus as JAX writes it, differentiate
# right at 0 although its custom rule is read through.
_OWN = {"abs": lambda x: x * jnp.sign(x), "pow": power}


def evaluate_equation(
    eqn: jex_core.JaxprEqn, values: list[Any], run: Run = run_in_double
) -> list[Any]:
    """The results of one equation in float64.

    Args:
        eqn: the equation.
        values: its inputs.
        run: who runs the programs that it carries (the body of a loop, the branches of a choice).
    """
    values = [_widen(value) for value in values]
    name = eqn.primitive.name
    inner = called_jaxpr(eqn)
    if inner is not None:
        return run(inner, values)
    if name in IDENTITIES:
        return values
    if name in _CONTROL:
        return _CONTROL[name](eqn, values, run)
    if name in _OWN and jnp.issubdtype(values[0].dtype, np.floating):
        return [_OWN[name](*values)]
    if name in _WIDTH_BOUND:
        narrow = [
            jnp.asarray(value, atom.aval.dtype)  # pyright: ignore[reportAttributeAccessIssue]
            for value, atom in zip(values, eqn.invars, strict=True)
        ]
        return _as_list(eqn, eqn.primitive.bind(*narrow, **eqn.params))
    if any(True for _ in jex_core.jaxprs_in_params(eqn.params)):
        raise UnsupportedPrimitiveError(
            f"no rule to run `{name}` in double precision, at {user_line(eqn)}; "
            "write that step with jax.numpy or jax.lax operations."
        )
    return _as_list(eqn, eqn.primitive.bind(*values, **_widen_params(eqn.params)))


def _as_list(eqn: jex_core.JaxprEqn, out: Any) -> list[Any]:
    return [_widen(o) for o in (out if eqn.primitive.multiple_results else [out])]


def _scan(eqn: jex_core.JaxprEqn, values: list[Any], run: Run) -> list[Any]:
    p = eqn.params
    n_consts, n_carry = scan_counts(p)
    consts, carry, xs = (
        values[:n_consts],
        values[n_consts : n_consts + n_carry],
        values[n_consts + n_carry :],
    )

    def body(carry: list[Any], x: list[Any]) -> tuple[list[Any], list[Any]]:
        outs = run(p["jaxpr"], [*consts, *carry, *x])
        return outs[:n_carry], outs[n_carry:]

    carry, ys = lax.scan(
        body, carry, xs, length=p["length"], reverse=p["reverse"], unroll=p["unroll"]
    )
    return [*carry, *ys]


def _while(eqn: jex_core.JaxprEqn, values: list[Any], run: Run) -> list[Any]:
    p = eqn.params
    n_cond, n_body = p["cond_nconsts"], p["body_nconsts"]
    cond_consts, body_consts = values[:n_cond], values[n_cond : n_cond + n_body]
    return lax.while_loop(
        lambda carry: run(p["cond_jaxpr"], [*cond_consts, *carry])[0],
        lambda carry: run(p["body_jaxpr"], [*body_consts, *carry]),
        values[n_cond + n_body :],
    )


def _cond(eqn: jex_core.JaxprEqn, values: list[Any], run: Run) -> list[Any]:
    index, *operands = values
    branches = [
        lambda *ops, branch=branch: run(branch, list(ops)) for branch in eqn.params["branches"]
    ]
    return lax.switch(index, branches, *operands)


def _linear_solve(eqn: jex_core.JaxprEqn, values: list[Any], run: Run) -> list[Any]:
    """The solve itself; the matrix-vector products beside it serve derivatives only."""
    p = eqn.params
    lengths = p["const_lengths"]
    first = lengths.matvec + lengths.vecmat
    consts = values[first : first + lengths.solve]
    right_sides = values[sum(lengths) :]
    return run(p["jaxprs"].solve, [*consts, *right_sides])


def _scatter(eqn: jex_core.JaxprEqn, values: list[Any], run: Run) -> list[Any]:
    """Bound anew, since the equation carries its combining program in the traced precision."""
    p = eqn.params
    if eqn.primitive.name == "scatter" and p["update_jaxpr"] is not None:
        raise UnsupportedPrimitiveError(
            f"no rule for a `scatter` that applies a function (`x.at[…].apply`), at "
            f"{user_line(eqn)}; compute the new entries first, and put them with `x.at[…].set`."
        )
    scatter = getattr(lax, eqn.primitive.name.replace("-", "_"))
    out = scatter(
        *values,
        dimension_numbers=p["dimension_numbers"],
        indices_are_sorted=p["indices_are_sorted"],
        unique_indices=p["unique_indices"],
        mode=p["mode"],
    )
    return [out]


_CONTROL = {
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_linear_solve": _linear_solve,
    **dict.fromkeys(
        ["scatter", "scatter-add", "scatter-sub", "scatter-mul", "scatter-min", "scatter-max"],
        _scatter,
    ),
}
