"""AdaGrad."""

from __future__ import annotations

from typing import Any

import jax
import optax
from jaxtyping import PyTree

from steepest.methods._arguments import Number, NumberOrSchedule, at_least_zero, step_size
from steepest.methods._precision import in_float32
from steepest.methods._quotient import over_root
from steepest.methods._schedule import counted


def adagrad(
    learning_rate: NumberOrSchedule = 0.01,
    eps: Number = 1e-8,
    *,
    initial_accumulator_value: Number = 0.0,
) -> optax.GradientTransformationExtraArgs:
    r"""AdaGrad (Duchi, Hazan, Singer 2011).

    Coordinate by coordinate, g the gradient at x:

    .. math::

       s \leftarrow s + g^2, \quad x \leftarrow x - \eta\, g / (\sqrt{s} + \varepsilon).

    The method keeps s, of the size of the parameters; a step reads the gradient, s and the
    parameters and writes the last two.

    =====================  ===================================  ===============================
    here                   Optax ``adagrad``                    PyTorch ``Adagrad``
    =====================  ===================================  ===============================
    ``learning_rate``      ``learning_rate`` (no default)       ``lr``
    ``eps=1e-8``           ``eps=1e-7``, inside √(s + ε)        ``eps=1e-10``
    ``initial_…=0``        ``initial_accumulator_value=0.1``    ``initial_accumulator_value=0``
    (none)                 (none)                               ``lr_decay=0``
    =====================  ===================================  ===============================

    It agrees with PyTorch's, and with Optax's at ε = 0.

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).
        eps: ε ≥ 0; with 0 a coordinate that never had a gradient stays.
        initial_accumulator_value: s at the start, ≥ 0.

    Raises:
        ArgumentError: η ≤ 0, ε < 0, a negative accumulator; NaN or infinity.

    Example:
        >>> import steepest as st
        >>> run = st.descend(lambda x: x**2, 1.0, st.methods.adagrad(0.5, eps=0.0), steps=1)
        >>> float(run.final)  # the first step is η against the sign of the gradient
        0.5
    """
    step_size(learning_rate)
    at_least_zero(eps, "eps")
    at_least_zero(initial_accumulator_value, "initial_accumulator_value")

    def init(params: PyTree) -> optax.ScaleByRssState:
        return optax.ScaleByRssState(optax.tree.full_like(params, initial_accumulator_value))

    def update(
        updates: PyTree, state: Any, params: Any = None
    ) -> tuple[PyTree, optax.ScaleByRssState]:
        total = jax.tree.map(lambda g, s: s + g**2, updates, state.sum_of_squares)
        scaled = jax.tree.map(lambda g, s: over_root(g, s, eps, eps_in_sqrt=False), updates, total)
        return scaled, optax.ScaleByRssState(total)

    scale = optax.GradientTransformation(init, update)
    return in_float32(optax.chain(scale, optax.scale_by_learning_rate(counted(learning_rate))))
