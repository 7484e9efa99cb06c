"""What a method needs that asks for f itself and not only for a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax
from jaxtyping import PyTree

from steepest.errors import ArgumentError


def function_to_ask(method: str, value_fn: Any, params: PyTree) -> Callable[[PyTree], Any]:
    """`value_fn`, where it can be asked at the parameters.

    Raises:
        ArgumentError: there is none, or no parameters, or only part of them.
    """
    if value_fn is None:
        raise ArgumentError(
            f"{method} asks for f itself: pass value_fn, as in "
            "update(gradient, state, params, value_fn=f); steepest.descend does."
        )
    if params is None:
        raise ArgumentError(f"{method} needs params: update(gradient, state, params, value_fn=f).")
    masked = lambda node: isinstance(node, optax.MaskedNode)
    if any(map(masked, jax.tree.leaves(params, is_leaf=masked))):
        raise ArgumentError(
            f"{method} was handed part of the parameters (by optax.masked or optax.partition), and "
            "value_fn is a function of all of them; give it them all."
        )
    return value_fn
