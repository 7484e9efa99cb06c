"""What every method checks of its arguments, at construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import optax
from jax.core import Tracer
from jaxtyping import Array, Float

from steepest.errors import ArgumentError
from steepest.inputs import positive

Number = float | int | Float[Array, ""]
NumberOrSchedule = float | int | Float[Array, ""] | optax.Schedule


def step_size(learning_rate: Any) -> None:
    """A positive finite number; a schedule or a traced number passes unseen."""
    if not callable(learning_rate):
        _single(learning_rate, "learning_rate")
        positive(learning_rate, "learning_rate")


def at_least_zero(value: Any, name: str) -> None:
    """A finite number ≥ 0; a traced number passes unseen."""
    _single(value, name)
    positive(value, name, zero=True)


def share(value: Any, name: str) -> None:
    """A number in [0, 1); a schedule or a traced number passes unseen."""
    if callable(value):
        return
    at_least_zero(value, name)
    if not isinstance(value, Tracer) and np.asarray(value) >= 1:
        raise ArgumentError(f"{name} is {value}; it must be at least 0 and below 1.")


def _single(value: Any, name: str) -> None:
    if np.ndim(value) != 0:
        raise ArgumentError(
            f"{name} has shape {np.shape(value)}; it must be one number "
            "(jax.vmap runs a method for many)."
        )
