"""Adam."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
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


def adam(
    learning_rate: NumberOrSchedule = 1e-3,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    *,
    bias_correction: bool = True,
    eps_in_sqrt: bool = False,
) -> optax.GradientTransformationExtraArgs:
    r"""Adam (Kingma, Ba 2015, algorithm 1).

    Coordinate by coordinate, g the gradient at x:

    .. math::

       m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
       v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
       \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}, \quad
       x \leftarrow x - \eta\, \hat m / (\sqrt{\hat v} + \varepsilon)

    at step t = 1, 2, …. The lecture's form is without that correction, x ← x − ηm/√(v + ε):
    ``bias_correction=False, eps_in_sqrt=True``. Its first step is (1 − β₁)/√(1 − β₂) times the
    corrected one, 3.16 times for the usual β.

    The method keeps m and v, each of the size of the parameters; a step reads the gradient, both
    and the parameters and writes the last three.

    =========================  ================================  =======================
    here                       Optax ``adam``                    PyTorch ``Adam``
    =========================  ================================  =======================
    ``learning_rate``          ``learning_rate`` (no default)    ``lr``
    ``b1, b2``                 ``b1, b2``                        ``betas``
    ``eps``                    ``eps``                           ``eps``
    ``eps_in_sqrt=True``       ``eps=0, eps_root=…``             (not offered)
    ``bias_correction=False``  (not offered)                     (not offered)
    =========================  ================================  =======================

    Where they offer it the three agree; the lecture's form is in neither.

    Args:
        learning_rate: η, positive: a float, a traced number, or a schedule (count from 0).
        b1, b2: β₁ and β₂, in [0, 1).
        eps: ε ≥ 0; with 0 a coordinate that never had a gradient stays.
        bias_correction: whether m and v are divided by 1 − βᵗ.
        eps_in_sqrt: whether ε is added to v̂, or to √v̂.

    Raises:
        ArgumentError: η ≤ 0, β₁ or β₂ outside [0, 1), ε < 0; NaN or infinity.

    Example:
        >>> import steepest as st
        >>> run = st.descend(lambda x: x**2, 1.0, st.methods.adam(0.5, eps=0.0), steps=1)
        >>> round(float(run.final), 3)  # the first step is η against the sign of the gradient
        0.5
    """
    step_size(learning_rate)
    share(b1, "b1")
    share(b2, "b2")
    at_least_zero(eps, "eps")
    flag(bias_correction, "bias_correction")
    flag(eps_in_sqrt, "eps_in_sqrt")

    def init(params: PyTree) -> optax.ScaleByAdamState:
        zeros = optax.tree.zeros_like
        return optax.ScaleByAdamState(jnp.zeros([], jnp.int32), zeros(params), zeros(params))

    def update(
        updates: PyTree, state: Any, params: Any = None
    ) -> tuple[PyTree, optax.ScaleByAdamState]:
        count = optax.safe_increment(state.count)
        mu = m = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = v = optax.tree.update_moment(updates, state.nu, b2, 2)
        if bias_correction:
            m = optax.tree.bias_correction(mu, b1, count)
            v = optax.tree.bias_correction(nu, b2, count)
        scaled = jax.tree.map(lambda m, v: over_root(m, v, eps, eps_in_sqrt=eps_in_sqrt), m, v)
        return scaled, optax.ScaleByAdamState(count, mu, nu)

    scale = optax.GradientTransformation(init, update)
    return in_float32(optax.chain(scale, optax.scale_by_learning_rate(counted(learning_rate))))
