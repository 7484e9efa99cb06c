"""What the structure of a step says of its outcome, before any number is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.core import Tracer

from steepest.pieces import _smooth as smooth
from steepest.subgradient._flat import SMALL, known
from steepest.subgradient._value import Value


def settled(inputs: list[Value]) -> Value | None:
    """The case of a select whose predicate is known while tracing."""
    which, *cases = inputs
    numbers = known(which)
    if numbers is None:
        return None
    chosen = np.unique(numbers.astype(int))
    return cases[int(chosen[0])] if chosen.size == 1 else None


def is_lowest(v: Value) -> bool:
    numbers = known(v)
    return numbers is not None and numbers.shape == () and bool(numbers == -np.inf)


def is_nonnegative(v: Value) -> bool:
    if v.varies:
        return v.nonnegative or v.positive
    numbers = _few(v)
    return numbers is not None and bool(np.all(numbers >= 0))


def is_positive(v: Value) -> bool:
    if v.varies:
        return v.positive
    numbers = _few(v)
    return numbers is not None and bool(np.all(numbers > 0))


def _few(v: Value) -> np.ndarray | None:
    if isinstance(v.array, Tracer) or np.size(v.array) > 10 * SMALL:
        return None
    return np.asarray(v.array)


_PASSING = smooth.MOVES | {
    "add", "add_any", "reduce_sum", "cumsum", "pad", "mul", "div", "copy", "copy_p", "gather",
    "dynamic_slice", "split", "convert_element_type", "select_n", "dot_general",
}  # fmt: skip
# A positive number stays one; sums of positive numbers are not empty.
_POSITIVE = smooth.MOVES | {
    "mul", "div", "sqrt", "rsqrt", "copy", "copy_p", "convert_element_type", "select_n", "square",
    "integer_pow",
}  # fmt: skip


def label(out: Value, name: str, params: dict[str, Any], inputs: list[Value]) -> None:
    """Write on the outcome of a step what its structure says."""
    out.squares = _makes_squares(name, params, inputs)
    out.nonnegative = out.squares or _makes_nonnegative(name, inputs)
    out.positive = _makes_positive(name, params, inputs)


def _makes_squares(name: str, params: dict[str, Any], inputs: list[Value]) -> bool:
    """Σ (w_j v_j)² by structure: its root is a norm, hence Lipschitz whatever the v_j are."""
    if name == "square" or (name == "integer_pow" and params["y"] > 0 and params["y"] % 2 == 0):
        return True
    if name == "pow" and not inputs[1].varies and not isinstance(inputs[1].array, Tracer):
        exponent = np.asarray(inputs[1].array)
        return bool(np.all((exponent > 0) & (exponent % 2 == 0)))
    if name == "mul" and inputs[0].name == inputs[1].name:
        return True
    if name == "dot_general" and inputs[0].name == inputs[1].name:
        return inputs[0].array.ndim == 1
    if name == "select_n":
        inputs = inputs[1:]
    if name not in _PASSING:
        return False
    return all(v.squares if v.varies else is_nonnegative(v) for v in inputs if v.is_float) and not (
        name == "div" and inputs[1].varies
    )


def _makes_nonnegative(name: str, inputs: list[Value]) -> bool:
    if name in ("exp", "exp2", "logistic", "sqrt"):
        return True
    if name == "select_n":
        inputs = inputs[1:]
    return name in _PASSING and all(is_nonnegative(v) for v in inputs if v.is_float)


def _makes_positive(name: str, params: dict[str, Any], inputs: list[Value]) -> bool:
    if name in ("exp", "exp2", "logistic", "cosh"):
        return True
    if name in ("add", "add_any"):
        a, b = inputs
        return (is_positive(a) and is_nonnegative(b)) or (is_nonnegative(a) and is_positive(b))
    if name == "reduce_sum":
        return is_positive(inputs[0]) and all(inputs[0].shape[i] > 0 for i in params["axes"])
    if name == "select_n":
        inputs = inputs[1:]
    return name in _POSITIVE and all(is_positive(v) for v in inputs if v.is_float)
