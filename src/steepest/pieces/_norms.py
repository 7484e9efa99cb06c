"""Sums of squares and signs, read off the tape's structure.

A root at zero is a kink of a known shape if what stands under it is a sum of squares: a norm.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.pieces import _smooth as smooth
from steepest.pieces._tape import Node

Makers = dict[int, tuple[Node, int]]
Parts = list[tuple[Any, np.ndarray, np.ndarray]]

_PASSING = frozenset(
    [
        "reshape",
        "broadcast_in_dim",
        "transpose",
        "squeeze",
        "expand_dims",
        "slice",
        "rev",
        "copy",
        "copy_p",
        "real",
        "convert_element_type",
        "stop_gradient",
        "optimization_barrier",
        "concatenate",
        "stack",
        "gather",
        "dynamic_slice",
        "reduce_sum",
        "cumsum",
        "pad",
        "add",
        "add_any",
        "mul",
        "div",
        "select_n",
        "split",
    ]
)
_EVEN_POWERS = frozenset({"square", "integer_pow", "mul", "dot_general", "abs", "exp", "pow"})
# Odd and increasing: they keep the sign of what they are applied to.
_SIGN_KEEPING = frozenset({"tanh", "sinh", "asinh", "atan", "erf", "expm1"})


def sum_of_squares(ref: int, place: int, makers: Makers) -> Parts | None:
    """Number `place` of a variable as Σ (w_j v_j)²: (variable, places, weights w) for each part.

    None if it is not of that shape. What lies between the squares and the sum must be linear with
    weights that are not negative.
    """
    squares = _squares_below(ref, makers)
    if squares is None:
        return None
    ordered = sorted(squares)
    nodes = _nodes_between(ref, squares, makers)
    if not ordered or any(not _safe(node) for node in nodes):
        return None
    values = {s: squares[s] for s in ordered}
    shapes = {s: _shape(s, makers) for s in ordered}

    def value(inputs: list[Any]) -> Any:
        env = dict(zip(ordered, inputs, strict=True))
        for node in nodes:
            assert node.apply is not None
            outs = node.apply([env[r] if isinstance(r, int) else r for r in node.inputs])
            env.update(zip(node.outputs, outs, strict=True))
        return env[ref].reshape(-1)[place]

    zeros = [jnp.zeros(shapes[s]) for s in ordered]
    base, weights = jax.value_and_grad(value)(zeros)
    if float(base) != 0.0:
        return None
    parts: Parts = []
    for s, weight in zip(ordered, weights, strict=True):
        flat = np.asarray(weight).reshape(-1)
        if np.any(flat < 0):
            return None
        places = np.flatnonzero(flat > 0)
        if not places.size:
            continue
        operand, expand = values[s]
        rows = expand[places] if expand is not None else places[:, None]
        roots = np.repeat(np.sqrt(flat[places]), rows.shape[1])
        parts.append((operand, rows.reshape(-1), roots))
    return parts or None


def _shape(ref: int, makers: Makers) -> tuple[int, ...]:
    node, place = makers[ref]
    return node.shapes[place]


def _squares_below(ref: int, makers: Makers) -> dict[int, tuple[Any, Any]] | None:
    """The squares that a variable is linear in: variable → (what is squared, places or None)."""
    found: dict[int, tuple[Any, Any]] = {}
    waiting = [ref]
    seen = set()
    while waiting:
        r = waiting.pop()
        if r in seen:
            continue
        seen.add(r)
        if r not in makers:
            return None  # an input, not squared
        node, _ = makers[r]
        base = _square_of(node)
        if base is not None:
            found[r] = base
            continue
        if node.name not in _PASSING or node.row is not None or node.exits:
            return None
        variable = [i for i in node.inputs if isinstance(i, int)]
        if node.name in ("mul", "div") and (
            len(variable) != 1 or (node.name == "div" and not isinstance(node.inputs[0], int))
        ):
            return None
        waiting.extend(variable)
    return found


def _square_of(node: Node) -> tuple[Any, Any] | None:
    if node.row is not None or node.exits:
        return None
    if node.name == "square" or (node.name == "integer_pow" and node.params.get("y") == 2):
        return node.inputs[0], None
    if node.name == "pow" and not isinstance(node.inputs[1], int):
        return (node.inputs[0], None) if np.all(np.asarray(node.inputs[1]) == 2.0) else None
    # Both may be numbers; only that two variables are one says that it is a square.
    alike = all(isinstance(i, int) for i in node.inputs) and len(set(node.inputs)) == 1
    if node.name == "mul" and alike:
        return node.inputs[0], None
    if node.name == "dot_general" and alike and node.shapes[0] == ():
        length = int(np.size(node.numbers[0].value))
        return node.inputs[0], np.arange(length)[None]
    return None


def _nodes_between(ref: int, squares: Any, makers: Makers) -> list[Node]:
    chosen: list[Node] = []
    seen: set[int] = set()

    def visit(r: Any) -> None:
        if not isinstance(r, int) or r in squares:
            return
        node, _ = makers[r]
        if id(node) in seen:
            return
        seen.add(id(node))
        for i in node.inputs:
            visit(i)
        chosen.append(node)

    visit(ref)
    return chosen


def _safe(node: Node) -> bool:
    """Linear in its variable inputs, with nothing discrete that varies."""
    return node.linear and node.apply is not None


def is_nonnegative(ref: Any, makers: Makers) -> bool:
    """Whether every element is ≥ 0 wherever it is defined, by structure alone."""
    if not isinstance(ref, int):
        return bool(np.all(np.asarray(ref) >= 0))
    if ref not in makers:
        return False
    node, _ = makers[ref]
    if node.name in ("abs", "exp", "square", "logistic", "sqrt", "exp2") or _square_of(node):
        return True
    if node.name == "integer_pow" and node.params.get("y", 1) % 2 == 0:
        return True
    if node.row is not None:
        return node.name == "max" and any(is_nonnegative(i, makers) for i in node.inputs)
    if node.name in _PASSING and node.name not in ("gather", "dynamic_slice"):
        floats = [i for i in node.inputs if isinstance(i, int) or smooth.is_float(i)]
        return all(is_nonnegative(i, makers) for i in floats)
    return False


def same_sign(inputs: list[Any], makers: Makers) -> list[Any]:
    """For a comparison with zero: the operand with what keeps its sign (u³, tanh u) taken off."""
    a, b = inputs
    for mine, other, place in ((a, b, 0), (b, a, 1)):
        zero = other.ref is None and np.all(np.asarray(other.value) == 0)
        if not zero or mine.ref is None or mine.labels is not None or mine.bad is not None:
            continue
        bare = _strip(mine, makers)
        if bare is not mine:
            return [bare, b] if place == 0 else [a, bare]
    return inputs


def _strip(number: Any, makers: Makers) -> Any:
    while number.ref in makers:
        node, _ = makers[number.ref]
        odd = node.name == "integer_pow" and node.params["y"] > 0 and node.params["y"] % 2 == 1
        if not (odd or node.name in _SIGN_KEEPING) or node.exits:
            return number
        number = node.numbers[0]
    return number
