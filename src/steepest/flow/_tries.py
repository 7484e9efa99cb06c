"""What came of passing crossings so far, which tells when it is tried again."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

_MOST_LOCATED = 31  # crossings, before passing them is tried again


class Tries(NamedTuple):
    """See the module.

    Attributes:
        pause: how many crossings are located first.
        patience: the last such pause; 0 after crossings that were passed.
        shorter: how many steps in a row were made shorter.
    """

    pause: Any = 0
    patience: Any = 0
    shorter: Any = 0

    def met(self, met: Any) -> Tries:
        """After a step that met something, or did not."""
        return self._replace(pause=jnp.where(met, jnp.maximum(self.pause - 1, 0), self.pause))

    def after(self, lost: Any, shorter: Any) -> Tries:
        """After a try: whether crossings were passed, and whether a shorter step is taken."""
        pause = jnp.minimum(2 * self.patience + 1, _MOST_LOCATED)
        pause = jnp.where(lost | shorter, 0, pause)
        return Tries(pause, pause, jnp.where(shorter, self.shorter + 1, 0))
