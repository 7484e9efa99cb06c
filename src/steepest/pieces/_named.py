"""Functions of JAX that are more than what they are made of.

jnp.hypot is a norm, written with maxima and quotients that have no limit at 0; jnp.interp looks its
interval up, and is a sum of max(x − knot, 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp


@runtime_checkable
class Normed(Protocol):
    """An interpretation of a program."""

    def plain(self, value: Any) -> Any:
        """A number without cases."""
        ...

    def norm(self, eqn: Any, total: Any, entries: Any) -> Any:
        """√total, total the sum of the squares of `entries`."""
        ...

    def positive_part(self, eqn: Any, value: Any) -> Any:
        """max(value, 0)."""
        ...


def _hypot(run: Normed, eqn: Any, values: list[Any]) -> Any:
    entries = jnp.stack(jnp.broadcast_arrays(*map(run.plain, values)))
    return run.norm(eqn, jnp.sum(entries**2, axis=0), entries)


def _interp(run: Normed, eqn: Any, values: list[Any]) -> Any:
    """f_0 + Σ_k (s_k − s_{k−1}) max(x − x_k, 0), s_k the slope after the knot x_k, 0 outside."""
    x, knots, heights = map(run.plain, values)
    slopes = jnp.pad(jnp.diff(heights) / jnp.diff(knots), 1)
    column = lambda v: jnp.reshape(v, (-1,) + (1,) * jnp.ndim(x))
    beyond = run.plain(run.positive_part(eqn, x - column(knots)))
    return heights[0] + jnp.sum(column(jnp.diff(slopes)) * beyond, axis=0)


# By the name of the call: (number of its arguments, rule).
NAMED: dict[str, tuple[int, Callable[[Normed, Any, list[Any]], Any]]] = {
    "hypot": (2, _hypot),
    "_interp": (3, _interp),
}
