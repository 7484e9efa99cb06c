"""Gradient descent."""

from __future__ import annotations

import optax
from jaxtyping import Array, Float

from steepest.methods._arguments import step_size
from steepest.methods._schedule import counted


def gradient_descent(
    learning_rate: float | Float[Array, ""] | optax.Schedule,
) -> optax.GradientTransformationExtraArgs:
    r"""Gradient descent, :math:`x_{t+1} = x_t - \eta \nabla f(x_t)` (Cauchy 1847).

    It keeps no state but a step count where η is a schedule; a step reads the gradient and the
    parameters and writes the parameters.

    =================  ================================  =======================
    here               Optax ``sgd``                     PyTorch ``SGD``
    =================  ================================  =======================
    ``learning_rate``  ``learning_rate, momentum=None``  ``lr, momentum=0``
    =================  ================================  =======================

    The three agree.

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).

    Raises:
        ArgumentError: η ≤ 0, NaN or infinite.

    Example:
        >>> import steepest as st
        >>> run = st.descend(lambda x: x**2, 1.0, st.methods.gradient_descent(0.25), steps=3)
        >>> float(run.final)
        0.125
    """
    step_size(learning_rate)
    return optax.with_extra_args_support(optax.sgd(counted(learning_rate)))
