"""AdaDelta."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree

from steepest.methods._arguments import Number, at_least_zero, share
from steepest.methods._precision import in_float32
from steepest.methods._quotient import one_for_zero


def adadelta(
    rho: Number = 0.9,
    eps: Number = 1e-6,
    *,
    eps_step: Number | None = None,
    eps_gradient: Number | None = None,
    initial_step_accumulator: Number = 0.0,
) -> optax.GradientTransformationExtraArgs:
    r"""AdaDelta (Zeiler 2012), which has no step size.

    Coordinate by coordinate, g the gradient at x:

    .. math::

       G \leftarrow \rho G + (1 - \rho) g^2, \quad
       \Delta = \frac{\sqrt{u + \varepsilon_s}}{\sqrt{G + \varepsilon_g}}\, g, \quad
       x \leftarrow x - \Delta, \quad
       u \leftarrow \rho u + (1 - \rho) \Delta^2.

    Δ has the units of x exactly when ε_s scales like x² and ε_g like g², hence two arguments; the
    paper has one for both. The method keeps G and u, each of the size of the parameters; a step
    reads the gradient, both and the parameters and writes the last three.

    ==============================  ===========================  ===========================
    here                            Optax ``adadelta``           PyTorch ``Adadelta``
    ==============================  ===========================  ===========================
    ``rho``                         ``rho``                      ``rho``
    ``eps`` (both)                  ``eps``                      ``eps``
    ``eps_step, eps_gradient``      (one for both)               (one for both)
    ``initial_step_accumulator``    0, always                    0, always
    (none)                          ``learning_rate=1``          ``lr=1``
    ==============================  ===========================  ===========================

    With one ε and their factor at 1 the three agree (Optax's default ``learning_rate=None`` leaves
    out the sign, too, and climbs).

    Args:
        rho: ρ in [0, 1).
        eps: ε ≥ 0, for both where not given apart.
        eps_step: ε_s ≥ 0 in the numerator. With 0 and u = 0 nothing ever moves.
        eps_gradient: ε_g ≥ 0 in the denominator; with 0 a coordinate that never had a gradient
            stays.
        initial_step_accumulator: u at the start, ≥ 0.

    Raises:
        ArgumentError: ρ outside [0, 1), a negative ε or accumulator; NaN or infinity.

    Example:
        >>> import steepest as st
        >>> method = st.methods.adadelta(0.75, eps=0.0, initial_step_accumulator=0.0625)
        >>> run = st.descend(lambda x: x**2, 1.0, method, steps=1)
        >>> float(run.final)  # √u = ¼ over √G = |g|/2
        0.5
    """
    eps_step = eps if eps_step is None else eps_step
    eps_gradient = eps if eps_gradient is None else eps_gradient
    share(rho, "rho")
    at_least_zero(eps, "eps")
    at_least_zero(eps_step, "eps_step")
    at_least_zero(eps_gradient, "eps_gradient")
    at_least_zero(initial_step_accumulator, "initial_step_accumulator")

    def init(params: PyTree) -> optax.ScaleByAdaDeltaState:
        return optax.ScaleByAdaDeltaState(
            e_g=optax.tree.zeros_like(params),
            e_x=optax.tree.full_like(params, initial_step_accumulator),
        )

    def one(g: Any, G: Any, u: Any) -> tuple[Any, Any, Any]:
        square = g**2
        G = rho * G + (1 - rho) * square
        below = one_for_zero(G + eps_gradient, G + eps_gradient)
        u = rho * u + (1 - rho) * (u + eps_step) * square / below
        # Δ in terms of the new u: then each array is written over where it is, and XLA makes no
        # temporary (a quarter of the time on a CPU).
        mixed = rho * below + (1 - rho) * square
        step = jnp.sqrt((u + rho * eps_step) / one_for_zero(mixed, mixed)) * g
        return -step, G, u

    def update(
        updates: PyTree, state: Any, params: Any = None
    ) -> tuple[PyTree, optax.ScaleByAdaDeltaState]:
        each = jax.tree.map(one, updates, state.e_g, state.e_x)
        moved, e_g, e_x = jax.tree.transpose(
            jax.tree.structure(updates), jax.tree.structure((0, 0, 0)), each
        )
        return moved, optax.ScaleByAdaDeltaState(e_g=e_g, e_x=e_x)

    return in_float32(optax.GradientTransformation(init, update))
