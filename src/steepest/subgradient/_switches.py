"""Selects that do not jump: `where(x > 0, x, 0.1 * x)` is a choice between equal values.

A select on u > v whose cases are equal where u = v is continuous. That is read off where the cases
are u and v themselves, and where v is a constant c and both cases are elementwise functions of u:
they are evaluated at u = c. Such a select becomes one step, `switch`, on (u, v, case where u is
larger, case where v is).
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from steepest.pieces import _smooth as smooth
from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._flat import Atom, Flat, Step, known, read_steps
from steepest.subgradient._value import Value, constant, is_float

_LARGER = {"gt": True, "ge": True, "lt": False, "le": False}
_DEEP = 32


def join(flat: Flat) -> None:
    """Write `switch` for every select that is seen to be continuous."""
    makers = {place: step for step in flat.steps for place in step.outputs}
    for step in flat.steps:
        if step.held:
            continue
        found = _masked(step, makers) if step.name == "mul" else _select(step, makers)
        if found is None:
            continue
        test, true, false = found
        u, v = test.inputs
        if _agree(u, v, true, false, makers):
            cases = [true, false] if _LARGER[test.name] else [false, true]
            step.name, step.params, step.inputs = "switch", {}, [u, v, *cases]
    flat.steps = read_steps(flat)


Tested = tuple[Step, Atom, Atom]  # a comparison, what goes on where it holds, and where not


def _compared(atom: Atom, makers: dict[int, Step]) -> Step | None:
    test = makers.get(atom) if isinstance(atom, int) else None
    return test if test is not None and test.name in _LARGER else None


def _select(step: Step, makers: dict[int, Step]) -> Tested | None:
    if step.name != "select_n" or len(step.inputs) != 3:
        return None
    test = _compared(step.inputs[0], makers)
    return None if test is None else (test, step.inputs[2], step.inputs[1])


def _masked(step: Step, makers: dict[int, Step]) -> Tested | None:
    """x · 1[u > v] as a select."""
    for mask, other in (step.inputs, step.inputs[::-1]):
        cast = makers.get(mask) if isinstance(mask, int) else None
        if cast is None or cast.name != "convert_element_type":
            continue
        test = _compared(cast.inputs[0], makers)
        if test is not None:
            return test, other, constant(np.zeros((), step.equation.outvars[0].aval.dtype))
    return None


def _agree(u: Atom, v: Atom, true: Atom, false: Atom, makers: dict[int, Step]) -> bool:
    if isinstance(u, int) and isinstance(v, int) and {u, v} == {true, false}:
        return True
    for margin, threshold in ((u, v), (v, u)):
        c = _one_number(threshold, makers)
        if c is None or not isinstance(margin, int) or not is_float(c) or not np.isfinite(c):
            continue
        values = [_at(case, margin, c, makers, _DEEP) for case in (true, false)]
        if any(value is None or not np.isfinite(value) for value in values):
            return False
        a, b = (np.asarray(value, np.float64) for value in values)
        eps = float(jax.numpy.finfo(c.dtype).eps)
        return bool(abs(a - b) <= TIE_FACTOR * eps * (abs(a) + abs(b)))
    return False


def _one_number(atom: Atom, makers: dict[int, Step]) -> Any:
    """The number that a constant array repeats, as a 0-d array."""
    if isinstance(atom, int):
        step = makers.get(atom)
        if step is not None and step.name in ("broadcast_in_dim", "convert_element_type", "copy"):
            inner = _one_number(step.inputs[0], makers)
            to = step.equation.outvars[0].aval.dtype
            return None if inner is None else np.asarray(inner, to)
        return None
    numbers = known(atom)
    if numbers is None or numbers.size == 0 or np.any(numbers != numbers.flat[0]):
        return None
    return np.asarray(numbers.flat[0])


def _at(atom: Atom, margin: int, c: Any, makers: dict[int, Step], depth: int) -> Any:
    """An elementwise function of the margin, where the margin is c; None: not seen to be one."""
    if atom == margin:
        return c
    number = _one_number(atom, makers)
    if number is not None or isinstance(atom, Value):
        return number
    step = makers.get(atom)
    if step is None or depth == 0 or step.name not in _EVALUATED:
        return None
    if not jax.numpy.issubdtype(step.equation.outvars[0].aval.dtype, np.floating):
        return None
    inputs = [_at(a, margin, c, makers, depth - 1) for a in step.inputs]
    if any(value is None for value in inputs):
        return None
    if step.name == "switch":
        u, v, larger, smaller = inputs
        return larger if u >= v else smaller
    with jax.ensure_compile_time_eval():
        (out,) = step.apply([jax.numpy.asarray(value) for value in inputs])
    return np.asarray(out)


# Continuous functions of their numbers, and no jumps.
_EVALUATED = (smooth.ELEMENTWISE - {"select_n", "is_finite", "and", "or", "not", "xor"}) | {
    "max",
    "min",
    "abs",
    "switch",
}
