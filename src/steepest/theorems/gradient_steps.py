"""The state after a number of gradient steps, the number being an argument of the program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def gradient_steps(f: Callable[..., Any], eta: Any, count: Any, leaves: list[Any]) -> list[Any]:
    """x_count of gradient descent from `leaves`; for `Program.in_double`."""
    move = lambda _, x: jax.tree.map(lambda a, g: a - eta * g, x, jax.grad(f)(x))
    return lax.fori_loop(0, count, move, [jnp.asarray(leaf) for leaf in leaves])
