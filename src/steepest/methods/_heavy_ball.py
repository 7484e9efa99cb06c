"""The heavy ball method."""

from __future__ import annotations

from typing import Any

import optax

from steepest.methods._arguments import NumberOrSchedule, share, step_size
from steepest.methods._precision import in_float32
from steepest.methods._schedule import counted


def heavy_ball(
    learning_rate: NumberOrSchedule, momentum: NumberOrSchedule = 0.9
) -> optax.GradientTransformationExtraArgs:
    r"""Heavy ball (Polyak 1964).

    .. math::

       v \leftarrow \beta v - \nabla f(x), \quad x \leftarrow x + \eta v.

    It keeps v, of the size of the parameters; a step reads the gradient, v and the parameters and
    writes the last two.

    =================  ===================  ======================
    here               Optax ``sgd``        PyTorch ``SGD``
    =================  ===================  ======================
    ``learning_rate``  ``learning_rate``    ``lr``
    ``momentum``       ``momentum``         ``momentum``
    (no dampening)     (has none)           ``dampening=0``
    =================  ===================  ======================

    The three agree where β is constant; they keep −v. Polyak's own form, with η∇f and β(x − x₋),
    differs where η varies: here a new η acts on all of v at once.

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).
        momentum: β in [0, 1): the same kinds.

    Raises:
        ArgumentError: η ≤ 0, NaN or infinite; β outside [0, 1).

    Example:
        >>> import steepest as st
        >>> run = st.descend(lambda x: 0.5 * x**2, 1.0, st.methods.heavy_ball(0.5, 0.5), steps=2)
        >>> float(run.final)  # 1, 0.5, then v = −0.5 − 0.5
        0.0
    """
    step_size(learning_rate)
    share(momentum, "momentum")
    trace: Any = optax.inject_hyperparams(optax.trace) if callable(momentum) else optax.trace
    step = optax.scale_by_learning_rate(counted(learning_rate))
    step = optax.scale_by_learning_rate(counted(learning_rate))
    return in_float32(optax.chain(trace(decay=counted(momentum)), step))
