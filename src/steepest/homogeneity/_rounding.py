"""A program run with every rounding drawn at random: how many of its digits mean something.

Where large terms cancel, what is left is the rounding of the terms, and a move of the parameters by
a few units in the last place need not show it: (p + 1) − 1 at p = 1e-15. So each number that an
equation may have rounded is moved by a few units of its own, and the spread of a few such runs is
what rounding does to the result (Vignes 1993, "A stochastic arithmetic for reliable scientific
computation": the CESTAC method). A constant of single precision that takes all its digits stands
for a number within half a unit of it, and is moved by as much: log 2 is no number of float32.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.homogeneity._exactness import EXACTNESS, exact
from steepest.pieces import called_jaxpr
from steepest.pieces._concrete import evaluate, widened
from steepest.pieces._double import IDENTITIES, evaluate_equation
from steepest.pieces._host import is_host, is_key, namespace
from steepest.pieces._interpret import interpret
from steepest.pieces._number import dtype_eps

EPS = float(np.finfo(np.float64).eps)
_SMALL = 1e-290  # below it a result may have lost digits, or all of itself, to underflow
_TINY = 1e-307
_BITS = 12  # a constant of so few bits is what was meant: 2, or 0.25


def _named(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Entries are moved about, chosen or cut: no digit is lost.
EXACT = _named(
    "abs neg sign floor ceil round max min clamp rem is_finite select_n convert_element_type real "
    "imag conj complex eq ne gt ge lt le eq_to lt_to le_to iota reshape broadcast_in_dim transpose "
    "squeeze expand_dims slice dynamic_slice dynamic_update_slice rev concatenate stack unstack "
    "tile pad split gather scatter scatter-min scatter-max scatter_min scatter_max sort top_k "
    "argmax argmin argsort reduce_max reduce_min cummax cummin reduce_window_max "
    "reduce_window_min select_and_gather_add bitcast_convert_type"
)
# One entry from one, rounded once.
ENTRYWISE = _named(
    "add add_any sub mul div pow integer_pow square sqrt rsqrt cbrt exp exp2 expm1 log log1p "
    "logistic tanh sinh cosh asinh acosh atanh sin cos tan asin acos atan atan2 erf erfc erf_inv "
    "lgamma digamma nextafter reduce_precision"
)
# Sums and products of many, in an order that is not told: each term counts by its own size.
MANY = _named(
    "reduce_sum reduce_prod cumsum cumprod cumlogsumexp dot_general conv_general_dilated "
    "reduce_window_sum scatter-add scatter_add scatter-sub scatter_sub scatter-mul scatter_mul "
    "select_and_scatter_add"
)
_SUMS = _named("add add_any sub reduce_sum cumsum")  # of them none falls below the range
# All others (factorisations, transforms) round by the size of the largest entry.


class RandomRounding:
    """One drawing of all roundings; the numbers are NumPy's or JAX's, in float64.

    A number's move is a hash of its own digits, of the equation and of the drawing, so that loops
    carry no state for it.

    Args:
        draw: which drawing it is, an integer (a number of JAX's while being traced).
    """

    def __init__(self, draw: Any):
        self.draw = draw
        self._count = 0

    def run(self, closed: jex_core.ClosedJaxpr, args: list[Any]) -> list[Any]:
        """The outputs of a program on arguments that are rounded numbers themselves.

        Raises:
            UnsupportedPrimitiveError: see `run_in_double`.
        """
        with np.errstate(all="ignore"):  # a hash overflows, and what f gives may be infinite
            return self._inner(closed, [self._moved(arg, EPS) for arg in args])

    def _inner(self, closed: jex_core.ClosedJaxpr, args: list[Any]) -> list[Any]:
        return interpret(closed, args, self._constant, lambda e, v, _: self._equation(e, v))

    def _constant(self, value: Any, dtype: Any) -> Any:
        value = widened(value)
        if not is_host(value) or not np.issubdtype(value.dtype, np.floating):
            return value
        mantissa = np.frexp(value)[0] * 2.0**_BITS
        plain = (mantissa == np.round(mantissa)) | ~np.isfinite(value)
        if np.all(plain):
            return value
        moved = self._moved(value, dtype_eps(dtype) / 10)  # half a unit at most
        return namespace(moved).where(plain, value, moved)

    def _equation(self, eqn: jex_core.JaxprEqn, values: list[Any]) -> list[Any]:
        inner = called_jaxpr(eqn)
        if inner is not None:
            return self._inner(inner, values)
        name = eqn.primitive.name
        if name in IDENTITIES:
            return values
        if name in ("scan", "while", "cond", "custom_linear_solve"):
            return evaluate_equation(eqn, values, self._inner)
        if name in EXACT:
            return evaluate(eqn, values)
        eps = EPS
        if name == "reduce_precision":
            eps = _unit(eqn.params["mantissa_bits"])
        by_largest = name not in ENTRYWISE and name not in MANY
        given = values
        if name not in ENTRYWISE:
            given = [self._moved(value, EPS, by_largest) for value in values]
        plain = evaluate(eqn, given)
        outs = [self._moved(out, eps, by_largest) for out in plain]
        outs = [self._lost(name, out, values) for out in outs]
        if name in EXACTNESS and all(map(_is_float, values)):
            (plain,) = plain if given is values else evaluate(eqn, values)
            return [namespace(*outs).where(exact(name, values, plain), plain, outs[0])]
        return outs

    def _moved(self, x: Any, eps: float, by_largest: bool = False) -> Any:
        """x with each entry moved by 1 to 5 eps of itself, or of the largest one, up or down."""
        if is_key(x) or not jnp.issubdtype(x.dtype, np.inexact) or not np.size(x):
            return x
        np_or_jnp = namespace(x, self.draw)
        if np.issubdtype(x.dtype, np.complexfloating):
            turn = self._noise(x.real) + 1j * self._noise(x.imag)
        else:
            turn = self._noise(x)
        if by_largest:
            largest = np_or_jnp.max(np_or_jnp.abs(x))
            return np_or_jnp.asarray(x + eps * turn * largest)
        return np_or_jnp.where(np_or_jnp.isfinite(x), x + x * (eps * turn), x)

    def _noise(self, x: Any) -> Any:
        """Of size 1 to 5, and of either sign: from the bits of x."""
        self._count += 1
        np_or_jnp = namespace(x, self.draw)
        salt = np.asarray(self._count, np.uint64) * _ODD[0]
        bits = np_or_jnp.asarray(x).view(np.uint64) + salt
        bits = (bits ^ (bits >> _SHIFT)) * _ODD[1] + np_or_jnp.asarray(self.draw, np.uint64)
        bits = (bits ^ (bits >> _SHIFT)) * _ODD[2]
        part = (bits >> _LOW).astype(np.float64) * 2.0**-52 - 1
        return 4 * part + np_or_jnp.where(part < 0, -1.0, 1.0)

    def _lost(self, name: str, x: Any, values: list[Any]) -> Any:
        """x, moved where it may have fallen below the range of float64 (or is 1 over infinity)."""
        if name in _SUMS or not _is_float(x):
            return x
        np_or_jnp = namespace(x, self.draw)
        nonzero = True
        for v in values:
            if _is_float(v):  # 0 times anything is 0, and nothing is lost
                own = np.shape(v) in ((), np.shape(x))
                nonzero = nonzero & ((v != 0) if own else np_or_jnp.all(v != 0))
        return np_or_jnp.where((abs(x) < _SMALL) & nonzero, x + _TINY * self._noise(x), x)


def _is_float(x: Any) -> bool:
    return not is_key(x) and bool(jnp.issubdtype(x.dtype, np.floating))


def _unit(bits: int) -> float:
    """Of a rounding to so many bits; to fewer than 7 it is meant, and a function like others."""
    return max(EPS, 2.0**-bits) if bits >= 7 else EPS


_ODD = tuple(np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64))
_SHIFT, _LOW = np.uint64(31), np.uint64(11)
