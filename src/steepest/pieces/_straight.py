"""Run a program as if no choice were tied, and say whether that was so. Can be traced by JAX."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.pieces import _smooth as smooth
from steepest.pieces._choices import CHOICES, EQUALITIES
from steepest.pieces._double import called_jaxpr, evaluate_equation
from steepest.pieces._interpret import interpret
from steepest.pieces._linear_algebra import REQUIREMENTS
from steepest.pieces._number import dtype_eps
from steepest.pieces._program import Program
from steepest.pieces._walk import TIE_FACTOR


class NotStraight(Exception):  # noqa: N818 (a signal to the caller, not an error)
    """The program has control flow or choices that this quick way does not follow."""


class _Value:
    """An array, the size of its terms, and whether it depends on x."""

    __slots__ = ("array", "eps", "size", "varies")

    def __init__(self, array: Any, size: Any, varies: bool, eps: float):
        self.array, self.size, self.varies, self.eps = array, size, varies, eps


def straight(program: Program, leaves: list[Any], tie_tol: float | None) -> tuple[Any, Any]:
    """(value, whether some choice is tied or some step singular), in float64.

    Raises:
        NotStraight: see the class.
    """
    ties: list[Any] = []
    args = [
        _Value(leaf, jnp.abs(leaf), True, dtype_eps(given.dtype))
        for leaf, given in zip(leaves, program.point.leaves, strict=True)
    ]
    (out,) = _run(program.closed, args, ties, tie_tol)
    tied = jnp.any(jnp.stack([jnp.any(t) for t in ties])) if ties else jnp.asarray(False)
    return out.array, tied


def _constant(value: Any, dtype: Any) -> _Value:
    array = value
    if dtype is not None and jnp.issubdtype(dtype, np.floating):
        array = jnp.asarray(value, jnp.float64)
        return _Value(array, jnp.abs(array), False, dtype_eps(dtype))
    return _Value(array, 0.0, False, dtype_eps(dtype))


def _run(
    closed: jex_core.ClosedJaxpr, args: list[_Value], ties: list[Any], tie_tol: float | None
) -> list[_Value]:
    def equation(eqn: Any, inputs: list[_Value], _: Any) -> list[_Value]:
        inner = called_jaxpr(eqn)
        if inner is not None:
            return _run(inner, inputs, ties, tie_tol)
        return _equation(eqn, inputs, ties, tie_tol)

    return interpret(closed, args, _constant, equation)


def _equation(
    eqn: Any, inputs: list[_Value], ties: list[Any], tie_tol: float | None
) -> list[_Value]:
    name, params = eqn.primitive.name, eqn.params
    values = [v.array for v in inputs]
    varies = any(v.varies for v in inputs)
    if not varies:
        return [
            _constant(out, var.aval.dtype)
            for out, var in zip(evaluate_equation(eqn, values), eqn.outvars, strict=True)
        ]
    eps = max((v.eps for v in inputs if smooth.is_float(v.array)), default=0.0)
    sizes = [v.size for v in inputs]
    room = lambda size: TIE_FACTOR * eps * size if tie_tol is None else tie_tol
    if any(v.varies and smooth.is_float(v.array) for v in inputs):
        if name in CHOICES or name in EQUALITIES:
            return _choice(eqn, inputs, ties, room, eps)
        if name not in smooth.SMOOTH or name in REQUIREMENTS or name in smooth.PARAMETERS:
            raise NotStraight(name)
        if name == "convert_element_type" and not jnp.issubdtype(params["new_dtype"], np.floating):
            raise NotStraight(name)
    elif any(True for _ in jex_core.jaxprs_in_params(params)):
        raise NotStraight(name)
    rule = smooth.SINGULAR.get(name)
    if name == "pow" and inputs[1].varies:
        rule = smooth.varying_power
    if rule is not None:
        ties.append(rule(values, [room(s) for s in sizes], params))
    apply = lambda v: evaluate_equation(eqn, v)
    outs = apply(values)
    out_sizes = smooth.size(name, values, sizes, outs, params, apply)
    return [_Value(o, s, varies, eps) for o, s in zip(outs, out_sizes, strict=True)]


def _choice(eqn: Any, inputs: list[_Value], ties: list[Any], room: Any, eps: float) -> list[_Value]:
    name, params = eqn.primitive.name, eqn.params
    values = [v.array for v in inputs]
    outs = evaluate_equation(eqn, values)
    if name in EQUALITIES:
        if values[0] is not values[1]:
            gap = jnp.abs(values[0] - values[1])
            ties.append((gap <= room(inputs[0].size + inputs[1].size)) & jnp.isfinite(gap))
        return [_Value(outs[0], 0.0, False, eps)]
    row = CHOICES[name]
    data = row.freeze([values[0]], params)
    keys = row.keys(values, params, data)
    sizes = jnp.abs(row.keys([v.size for v in inputs], params, data))
    best = jnp.argmax(keys, axis=0)[None]
    top = jnp.take_along_axis(keys, best, 0)
    size = jnp.take_along_axis(sizes, best, 0)
    # A candidate of −∞ is masked: it competes with nothing.
    near = (top - keys <= room(sizes + size)) & jnp.isfinite(top - keys)
    ties.append(jnp.sum(near, axis=0) > 1)
    return [
        _Value(
            outs[0],
            size[0] if row.continuous else jnp.abs(jnp.asarray(outs[0], float)),
            bool(row.continuous),
            eps,
        )
    ]
