"""What the adaptive methods divide by."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def over_root(numerator: Any, square: Any, eps: Any, *, eps_in_sqrt: bool) -> Any:
    """numerator/√(square + ε), or numerator/(√square + ε), with 0/0 = 0.

    With ε = 0 a coordinate that never had a gradient does not move.
    """
    below = jnp.sqrt(square + eps) if eps_in_sqrt else jnp.sqrt(square) + eps
    # Asked of what is under the root: XLA does not fuse a root that is used twice.
    return numerator / one_for_zero(square + eps, below)


def one_for_zero(asked: Any, below: Any) -> Any:
    """`below`, but 1 where `asked` is 0."""
    return jnp.where(asked == 0, 1, below)
