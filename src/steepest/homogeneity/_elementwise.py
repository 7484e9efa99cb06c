"""Rules of what is done entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.homogeneity._degrees import (
    INVARIANT,
    Degrees,
    dense,
    disjoint_degrees,
    of_known,
)
from steepest.homogeneity._exponents import read_exponent
from steepest.homogeneity._form import ZERO, Coefficient
from steepest.homogeneity._logarithms import logarithm
from steepest.homogeneity._value import Result, Rule, Value, each
from steepest.pieces import user_line

_SMALL = 4096  # constants up to this size are looked at for zeros
_DENSE = 1_000_000  # forms that are written out entry by entry


def _keep(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [inputs[0].degrees]


def _join(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Sums, maxima: one degree, which the result has too."""
    return [reading.joined(inputs, eqn)]


def _difference(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    if eqn.invars[0] is eqn.invars[1]:
        return [None]
    return [reading.joined(inputs, eqn)]


def _compare(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Two numbers of one degree compare as they did before both were scaled."""
    reading.joined(inputs, eqn)
    return [INVARIANT]


def _sign(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    return [INVARIANT]


def vanishes(v: Value) -> bool:
    """Whether it fits any degree, as far as that costs nothing to see."""
    if v.degrees is None:
        return True
    constant = v.constant
    return (
        constant is not None
        and constant.at_hand
        and np.size(constant.value) <= _SMALL
        and (constant.fits)
    )


def _product(sign: int) -> Rule:
    def rule(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
        a, b = inputs
        if a.degrees is None or b.degrees is None or vanishes(a) or vanishes(b):
            return [None]
        return [a.degrees + b.degrees.scaled(sign)]

    return rule


def _power(exponent: Callable[[Any], Coefficient]) -> Rule:
    def rule(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
        return [raised(inputs[0].degrees, exponent(eqn.params))]

    return rule


def raised(degrees: Degrees | None, exponent: Coefficient) -> Degrees | None:
    if degrees is None:
        return INVARIANT if exponent == 0 else None
    return degrees.scaled(exponent)


def _pow(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    base, exponent = inputs
    if exponent.constant is None or base.constant is not None or exponent.constant.agreed is None:
        reading.need_degree_zero(eqn, inputs)
        return [INVARIANT]
    values = np.asarray(exponent.constant.value)
    dtype = eqn.invars[1].aval.dtype
    powers = {p: read_exponent(p, dtype) for p in np.unique(values).tolist()}
    for p, q in powers.items():
        if q is None:
            reading.never(eqn, f"`pow` with the exponent {p}")
            return [INVARIANT]
        if Fraction(p) != q:
            reading.notes[f"the exponent {p:.9g} at {user_line(eqn)} is read as {q}"] = None
    if len(powers) == 1:
        ((_, q),) = powers.items()
        return [raised(base.degrees, q or 0)]
    if base.degrees is None:
        return [INVARIANT]
    by_entry = np.frompyfunc(lambda form, p: form * powers[float(p)], 2, 1)
    forms = by_entry(dense(base.degrees, eqn.outvars[0].aval.shape), values)
    return [disjoint_degrees(ZERO, [forms])]


def _select(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    which, *cases = inputs
    shape = eqn.outvars[0].aval.shape
    alike = reading.agrees(cases) and not any(v.degrees and v.degrees.parts for v in cases)
    mask = None if which.constant is None or alike else which.constant.agreed
    if mask is None or int(np.prod(shape)) > _DENSE:
        return [reading.joined(cases, eqn, "`where` between values of {} and {}")]
    # A constant mask: each entry has the degree of its own case.
    chosen = np.broadcast_to(np.asarray(mask).astype(int), shape)
    out = np.full(shape, None)
    for k, v in enumerate(cases):
        if v.degrees is not None and not v.fits:
            out[chosen == k] = dense(v.degrees, shape)[chosen == k]
    return [of_known(out)]


def _convert(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    dtype = eqn.params["new_dtype"]
    if dtype == np.bool_:
        return [INVARIANT]
    floats = jnp.issubdtype(dtype, np.inexact)
    if floats and (jnp.issubdtype(dtype, np.complexfloating) or jnp.finfo(dtype).bits >= 16):
        return [inputs[0].degrees]
    return _need_degree_zero(reading, eqn, inputs)  # integers are cut, and floats of 8 bits nearly


def _need_degree_zero(reading: Any, eqn: Any, inputs: list[Value]) -> Result:
    reading.need_degree_zero(eqn, inputs)
    return [INVARIANT]


def _reduce_precision(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    """Rounding to a type of 16 bits or more is rounding; to fewer bits it is a function."""
    if eqn.params["mantissa_bits"] >= 7 and eqn.params["exponent_bits"] >= 5:
        return [inputs[0].degrees]
    return _need_degree_zero(reading, eqn, inputs)


ELEMENTWISE: dict[str, Rule] = {
    **each("neg abs real imag conj", _keep),
    "reduce_precision": _reduce_precision,
    **each("add add_any max min clamp rem complex", _join),
    "sub": _difference,
    **each("gt ge lt le lt_to le_to eq ne atan2", _compare),
    **each("sign is_finite", _sign),
    "mul": _product(1),
    "div": _product(-1),
    "square": _power(lambda p: 2),
    "integer_pow": _power(lambda p: p["y"]),
    "sqrt": _power(lambda p: Fraction(1, 2)),
    "rsqrt": _power(lambda p: Fraction(-1, 2)),
    "cbrt": _power(lambda p: Fraction(1, 3)),
    "pow": _pow,
    "log": logarithm,
    "select_n": _select,
    "convert_element_type": _convert,
}
