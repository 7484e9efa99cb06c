"""Numbers that may change from step to step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp


def counted(number_or_schedule: Any) -> Any:
    """A schedule that is asked at integers of JAX's default width; numbers as they are.

    A count in 32 bits, as Optax keeps it, would make count/(count + 3) a float32 whatever JAX's
    precision.
    """
    if not callable(number_or_schedule):
        return number_or_schedule
    schedule: Callable[[Any], Any] = number_or_schedule
    return lambda count: schedule(jnp.asarray(count, jnp.result_type(int)))


def at_count(number_or_schedule: Any, count: Any) -> Any:
    """The number, or the schedule's at this step (counted from 0)."""
    value = counted(number_or_schedule)
    return value(count) if callable(value) else value
