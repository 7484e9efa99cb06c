"""Logarithms: what a scaling shifts instead of multiplying.

The logarithm of a number of degree κ goes from v to v + κ log c. Sums, means and differences of
such numbers shift by sums, means and differences of their κ, and exp gives the degree back: a
determinant as JAX writes it, a geometric mean, a ratio in log space. Everything else needs κ = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.homogeneity._degrees import INVARIANT, Degrees, disjoint_degrees
from steepest.homogeneity._exponents import read_exponent
from steepest.homogeneity._form import Coefficient, Form
from steepest.homogeneity._value import Value
from steepest.pieces._concrete import widened

# (reading, equation, inputs, rules of degrees) → results
LogRule = Callable[[Any, Any, list[Value], Any], list[Value]]


def logarithm(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> list[Value]:
    """log of a number of some degree."""
    degrees = inputs[0].degrees
    return [Value(INVARIANT) if degrees is None else shifted(degrees)]


def shifted(shift: Degrees | None) -> Value:
    if shift is None or shift.is_zero:
        return Value(INVARIANT)
    return Value(INVARIANT, shift=shift)


def _shift(reading: Any, eqn: Any, v: Value) -> Degrees:
    """By how much v shifts; a number that is scaled instead must not be."""
    if v.shift is None:
        reading.need_degree_zero(eqn, [v])
        return INVARIANT
    return v.shift


def _sum(sign: int) -> LogRule:
    def rule(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
        a, b = (_shift(reading, eqn, v) for v in inputs)
        return [shifted(a + b.scaled(sign))]

    return rule


def _negative(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
    return [shifted(_shift(reading, eqn, inputs[0]).scaled(-1))]


def _multiple(inverse: bool) -> LogRule:
    def rule(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
        a, b = inputs
        if a.shift is None and not inverse:
            a, b = b, a
        factor = None if b.constant is None else _number(b, eqn)
        if a.shift is None or factor is None or (inverse and factor == 0):
            return needed(reading, eqn, inputs)
        return [shifted(a.shift.scaled(1 / Fraction(factor) if inverse else factor))]

    return rule


def _number(v: Value, eqn: Any) -> Coefficient | None:
    """A constant that is one real number, read as the fraction it stands for."""
    value = np.asarray(widened(v.constant.agreed if v.constant else None))
    if value.size != 1 or value.dtype.kind not in "fiu":
        return None
    return read_exponent(float(value.reshape(())), eqn.outvars[0].aval.dtype)


def _exponential(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
    return [Value(_shift(reading, eqn, inputs[0]))]


def _to_a_power(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
    """bᵛ = exp(v log b) for a constant b > 0: `exp2`, which undoes `log2`, and `10 ** v`."""
    *base, v = inputs
    number = 2 if not base else _number(base[0], eqn) if base[0].constant is not None else None
    if number is None or number <= 0 or v.shift is None:
        return needed(reading, eqn, inputs)
    dtype = eqn.outvars[0].aval.dtype
    log_of_base = float(np.log(float(number)))

    def read(form: Form) -> Form:
        powers = {u: read_exponent(float(c) * log_of_base, dtype, 4) for u, c in form.terms.items()}
        return Form({u: power for u, power in powers.items() if power})

    parts = [np.asarray(np.frompyfunc(read, 1, 1)(part), object) for part in v.shift.parts]
    return [Value(disjoint_degrees(read(v.shift.base), parts))]


def _as_degrees(name: str) -> LogRule:
    """Shifts follow the rule that degrees have: one shift for what is compared or joined, sums of
    shifts where degrees of a product add up. Only ±∞ fits every shift."""

    def rule(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
        if eqn.params.get("fill_value") is not None or eqn.params.get("new_dtype") == np.bool_:
            return needed(reading, eqn, inputs)  # the filling, and 0, do not shift
        shadows = [_shadow(reading, eqn, v) for v in inputs]
        outs = rules[name](reading, eqn, shadows, [True] * len(eqn.outvars))
        return [shifted(o.degrees if isinstance(o, Value) else o) for o in outs]

    return rule


def _shadow(reading: Any, eqn: Any, v: Value) -> Value:
    if v.shift is not None:
        return Value(v.shift)
    reading.need_degree_zero(eqn, [v])
    if v.constant is None:
        return Value(INVARIANT)
    value = np.asarray(widened(v.constant.value))
    if value.dtype.kind != "f":  # an index, a mask
        return v
    return Value(INVARIANT if np.any(np.isfinite(value)) else None)


def needed(reading: Any, eqn: Any, inputs: list[Value]) -> list[Value]:
    """Nothing may shift or scale here."""
    verb = f"`{eqn.primitive.name}` of a logarithm, which a scaling shifts,"
    for v in inputs:
        if v.shift is not None:
            reading.require(v.shift.differences(INVARIANT), eqn, verb)
    reading.need_degree_zero(eqn, [v for v in inputs if v.shift is None])
    return [Value(INVARIANT) for _ in eqn.outvars]


def _unmoved(reading: Any, eqn: Any, inputs: list[Value], rules: Any) -> list[Value]:
    return [Value(INVARIANT)]


# What is compared, joined or moved about follows one rule, be it scaled or shifted.
_ALIKE = (
    "max min clamp gt ge lt le lt_to le_to eq ne select_n convert_element_type slice rev gather "
    "dynamic_slice split broadcast_in_dim transpose squeeze reshape concatenate stack unstack "
    "reduce_max reduce_min argmax argmin cummax cummin sort top_k reduce_window_max "
    "reduce_window_min"
)

LOG_RULES: dict[str, LogRule] = {
    "is_finite": _unmoved,
    "add": _sum(1),
    "add_any": _sum(1),
    "sub": _sum(-1),
    "neg": _negative,
    "mul": _multiple(inverse=False),
    "div": _multiple(inverse=True),
    "exp": _exponential,
    "exp2": _to_a_power,
    "pow": _to_a_power,
    "reduce_sum": _as_degrees("reduce_prod"),
    "cumsum": _as_degrees("cumprod"),
    "logsumexp": _as_degrees("reduce_max"),
    "cumlogsumexp": _as_degrees("cummax"),
    **{name: _as_degrees(name) for name in _ALIKE.split()},
}
