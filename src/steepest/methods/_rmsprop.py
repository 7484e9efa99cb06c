"""RMSProp."""

from __future__ import annotations

from typing import Any

import jax
import optax
from jaxtyping import PyTree

from steepest.inputs import flag
from steepest.methods._arguments import (
    Number,
    NumberOrSchedule,
    at_least_zero,
    share,
    step_size,
)
from steepest.methods._precision import in_float32
from steepest.methods._quotient import over_root
from steepest.methods._schedule import counted


def rmsprop(
    learning_rate: NumberOrSchedule = 1e-3,
    decay: Number = 0.9,
    eps: Number = 1e-8,
    *,
    eps_in_sqrt: bool = True,
) -> optax.GradientTransformationExtraArgs:
    r"""RMSProp (Tieleman, Hinton 2012, lecture 6e).

    Coordinate by coordinate, g the gradient at x:

    .. math::

       G \leftarrow \beta G + (1 - \beta) g^2, \quad
       x \leftarrow x - \eta\, g / \sqrt{G + \varepsilon}.

    The method keeps G, of the size of the parameters; a step reads the gradient, G and the
    parameters and writes the last two.

    =====================  ===============================  ================================
    here                   Optax ``rmsprop``                PyTorch ``RMSprop``
    =====================  ===============================  ================================
    ``learning_rate``      ``learning_rate`` (no default)   ``lr=0.01``
    ``decay=0.9``          ``decay=0.9``                    ``alpha=0.99``
    ``eps=1e-8``           ``eps=1e-8``                     ``eps=1e-8``
    ``eps_in_sqrt=True``   ``eps_in_sqrt=True``             (outside: ``eps_in_sqrt=False``)
    (G₀ = 0)               ``initial_scale=0``              always
    =====================  ===============================  ================================

    It agrees with Optax's, and with PyTorch's at ``decay=0.99, eps_in_sqrt=False``. Theirs offer
    momentum and a centred G, which this does not.

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).
        decay: β in [0, 1).
        eps: ε ≥ 0; with 0 a coordinate that never had a gradient stays.
        eps_in_sqrt: whether ε is added to G, or to √G.

    Raises:
        ArgumentError: η ≤ 0, β outside [0, 1), ε < 0; NaN or infinity.

    Example:
        >>> import steepest as st
        >>> method = st.methods.rmsprop(0.5, decay=0.75, eps=0.0)
        >>> run = st.descend(lambda x: x**2, 1.0, method, steps=1)
        >>> float(run.final)  # G = g²/4, so that the first step is 2η
        0.0
    """
    step_size(learning_rate)
    share(decay, "decay")
    at_least_zero(eps, "eps")
    flag(eps_in_sqrt, "eps_in_sqrt")

    def init(params: PyTree) -> optax.ScaleByRmsState:
        return optax.ScaleByRmsState(optax.tree.zeros_like(params))

    def update(
        updates: PyTree, state: Any, params: Any = None
    ) -> tuple[PyTree, optax.ScaleByRmsState]:
        average = optax.tree.update_moment(updates, state.nu, decay, 2)
        scaled = jax.tree.map(
            lambda g, G: over_root(g, G, eps, eps_in_sqrt=eps_in_sqrt), updates, average
        )
        return scaled, optax.ScaleByRmsState(average)

    scale = optax.GradientTransformation(init, update)
    return in_float32(optax.chain(scale, optax.scale_by_learning_rate(counted(learning_rate))))
