"""What is small in a solve: by its tolerances and the size of its start."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

_TIED = 1e-13


class Scales(NamedTuple):
    """See the module. Numbers, or tracers of them: no program is compiled for one solve's.

    Attributes:
        rtol, atol: tolerances of a step.
        start: the largest entry of where the solve starts.
        time: how long it goes on.
    """

    rtol: Any
    atol: Any
    start: Any
    time: Any

    @property
    def nearest_root(self) -> Any:
        """A root, or norm, this small counts as zero.

        A norm is at zero within the error of a step: nearer to it nothing is told apart, and a
        state that the steps' errors keep turning around a zero would never come to it.
        """
        return self.atol + self.rtol * self.start

    @property
    def rounding(self) -> Any:
        """Of a state."""
        return _TIED * self.start

    def room(self, size: Any, scale: Any = 0.0) -> Any:
        """Keys of a size that are this near may be met together, for all that the steps tell."""
        return 0.1 * (self.atol + self.rtol * size)

    def narrow(self, size: Any, scale: Any) -> Any:
        """Keys that are this near are tied but for rounding.

        scale: of the state, and of all keys of their line.
        """
        return _TIED * (size + scale) + self.rounding

    def share(self, y: Any) -> Any:
        """Of a step's tolerance: what it may lose to crossings in it."""
        return self.room(jnp.max(jnp.abs(y), initial=0.0))

    def faint(self, turn: Any) -> Any:
        """Whether a gradient may turn by so much from the start to the end, and less is lost in any
        entry than a step may lose in one near 0. Near a minimum, where all gradients vanish, no
        more can be told of what holds a kink: its multiplier is a quotient of the steps' errors."""
        return jnp.abs(turn) * self.time <= self.room(0.0)
