"""A PyTorch graph as steps of JAX, run one after the other.

Nothing of PyTorch is left in it: names, rules, sizes and constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.errors import UnsupportedPrimitiveError


@dataclass(frozen=True)
class Value:
    """The place in a step's arguments, or in the result, of a value by its name in the graph."""

    name: str


class Constant(NamedTuple):
    """A frozen parameter, a buffer or a tensor in the user's code, by its name in the module."""

    name: str
    array: np.ndarray


@dataclass(frozen=True, eq=False)
class Step:
    """One operator.

    Attributes:
        name: of its value.
        operator: as PyTorch writes it, `aten.relu.default`.
        rule: the JAX function.
        place: in the user's module, in words.
        call: calls the rule from the user's line, (rule, arguments, keywords) → value.
        arguments, keywords: trees with `Value`s in them.
        dtype: of the result's numbers; None where it is no array, a tuple where it is several.
        last: the values that no later step asks for.
    """

    name: str
    operator: str
    rule: Callable[..., Any]
    place: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    dtype: Any
    last: tuple[str, ...]

    def run(self, values: Mapping[str, Any]) -> Any:
        arguments, keywords = fill(self.arguments, values), fill(self.keywords, values)
        try:
            return self.call(self.rule, arguments, keywords)
        except UnsupportedPrimitiveError as error:
            raise UnsupportedPrimitiveError(
                f"`{self.operator}` at {self.place}: {error}"
            ) from error


@dataclass(frozen=True, eq=False)
class Program:
    """Steps from parameters, constants and inputs to a result.

    Attributes:
        parameters: each value that is a parameter → the parameter's name. Tied ones share it.
        constants: each value that is a constant.
        inputs: the values of the inputs, in order.
        steps: in an order in which they can run.
        result: a tree of dicts, lists, tuples and `Value`s.
        float_dtype: the widest type of real numbers among parameters and inputs, or None.
    """

    parameters: Mapping[str, str]
    constants: Mapping[str, Constant]
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    result: Any
    float_dtype: Any

    def __call__(self, params: Mapping[str, Any], inputs: tuple[Any, ...]) -> Any:
        """The module's result. Numbers wider than those it was exported with widen all it does."""
        values: dict[str, Any] = {
            value: jnp.asarray(params[name]) for value, name in self.parameters.items()
        }
        values.update(zip(self.inputs, map(jnp.asarray, inputs), strict=True))
        widened = self._widening(values)
        values.update({value: jnp.asarray(c.array) for value, c in self.constants.items()})
        for step in self.steps:
            value = step.run(values)
            values[step.name] = _cast(value, step.dtype, widened)
            for name in step.last:
                del values[name]
        return fill(self.result, values)

    def _widening(self, values: Mapping[str, Any]) -> Callable[[Any], Any]:
        real = [v.dtype for v in values.values() if jnp.issubdtype(v.dtype, jnp.floating)]
        base = self.float_dtype and canonical(self.float_dtype)
        widest = jnp.result_type(*real) if real else base
        if base is None or jnp.promote_types(widest, base) == base:
            return canonical

        def widened(dtype: Any) -> Any:
            dtype = canonical(dtype)
            is_real = jnp.issubdtype(dtype, jnp.floating)
            return jnp.promote_types(dtype, widest) if is_real else dtype

        return widened


def canonical(dtype: Any) -> Any:
    """The type that JAX has in its place: without `jax_enable_x64`, float32 for float64."""
    return jax.dtypes.canonicalize_dtype(dtype)


def _cast(value: Any, dtype: Any, widened: Callable[[Any], Any]) -> Any:
    if dtype is None:
        return value
    if isinstance(dtype, tuple):
        return tuple(_cast(v, d, widened) for v, d in zip(value, dtype, strict=True))
    array = jnp.asarray(value)
    target = widened(dtype)
    return array if array.dtype == target else array.astype(target)


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """The tree with each `Value` replaced, and each type by the one that JAX has."""
    if isinstance(tree, np.dtype):
        return canonical(tree)
    if isinstance(tree, Value):
        return values[tree.name]
    if isinstance(tree, tuple):
        filled = [fill(item, values) for item in tree]
        return type(tree)(*filled) if hasattr(tree, "_fields") else tuple(filled)
    if isinstance(tree, list):
        return [fill(item, values) for item in tree]
    if isinstance(tree, dict):
        return {key: fill(item, values) for key, item in tree.items()}
    return tree


def names_in(tree: Any) -> set[str]:
    """The names of the values in a tree.

    Example:
        >>> sorted(names_in(([Value("a")], {"dim": Value("b")}, 2)))
        ['a', 'b']
    """
    if isinstance(tree, Value):
        return {tree.name}
    if isinstance(tree, dict):
        return names_in(tuple(tree.values()))
    if isinstance(tree, (tuple, list)):
        return set().union(*map(names_in, tree))
    return set()
