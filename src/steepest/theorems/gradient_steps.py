"""The states of gradient descent, run again; for `Program.in_double`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def gradient_steps(f: Callable[..., Any], eta: Any, count: Any, leaves: list[Any]) -> list[Any]:
    """x_count of gradient descent from `leaves`; the count is an argument of the program."""
    move = lambda _, x: _moved(f, eta, x)
    return lax.fori_loop(0, count, move, [jnp.asarray(leaf) for leaf in leaves])


def gradient_states(f: Callable[..., Any], eta: Any, count: int, leaves: list[Any]) -> Any:
    """x_1 … x_count, flat, a row each."""

    def move(x: list[Any], _: Any) -> tuple[list[Any], Any]:
        x = _moved(f, eta, x)
        return x, jnp.concatenate([jnp.ravel(leaf) for leaf in x])

    return lax.scan(move, [jnp.asarray(leaf) for leaf in leaves], length=count)[1]


def _moved(f: Callable[..., Any], eta: Any, x: list[Any]) -> list[Any]:
    return jax.tree.map(lambda a, g: a - eta * g, x, jax.grad(f)(x))
