"""The differential equations that momentum methods follow.

All are ẍ + c(t) ẋ + b ∇²f(x) ẋ + a ∇f(x) = 0 from x(0) = x₀, ẋ(0) = −s ∇f(x₀).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from steepest.errors import ArgumentError
from steepest.inputs import positive

METHODS = "heavy_ball", "nesterov"
ORDERS = "low", "high"
VANISHING = "3/t"


@dataclass(frozen=True)
class Equation:
    """See the module.

    Attributes:
        damping: c, or "3/t".
        curvature: b.
        force: a.
        start: s.
    """

    damping: float | str
    curvature: float = 0.0
    force: float = 1.0
    start: float = 0.0

    def acceleration(self, t: Any, velocity: Any, slope: Any, turn: Any) -> Any:
        """ẍ, from ẋ, ∇f(x) and ∇²f(x) ẋ."""
        pull = -self.force * slope - self.curvature * turn
        if self.damping != VANISHING:
            return pull - self.damping * velocity
        # ẋ = t ẍ(0) near 0, so that ẍ(0) + 3 ẍ(0) = −∇f(x₀).
        return jnp.where(t > 0, pull - 3.0 * velocity / jnp.where(t > 0, t, 1.0), pull / 4)


def equation(method: Any, damping: Any, order: Any, step: Any) -> Equation:
    """The equation of a method, to low or to high order in √η.

    Raises:
        ArgumentError: an argument that means nothing, or that the others leave without meaning.
    """
    for name, value, known in (("method", method, METHODS), ("order", order, ORDERS)):
        if value not in known:
            raise ArgumentError(f"{name} is {value!r:.40}; it must be one of {', '.join(known)}.")
    if isinstance(damping, str):
        if damping != VANISHING:
            raise ArgumentError(f'damping is {damping!r:.40}; it must be a number or "3/t".')
        if order == "high":
            raise ArgumentError('damping "3/t" has no equation of high order here; take "low".')
    else:
        positive(damping, "damping", zero=True)
    if step is not None:
        positive(step, "step")
    if order == "low":
        return Equation(damping if damping == VANISHING else float(damping))
    if step is None:
        raise ArgumentError("step is None; the equation of high order depends on the step size η.")
    h = float(np.sqrt(float(step)))
    momentum = 1.0 - float(damping) * h
    if not 0 <= momentum < 1:
        raise ArgumentError(
            f"damping {float(damping):g} and step {float(step):g} make the momentum, "
            f"1 − damping·√step, {momentum:g}; it must be at least 0 and below 1."
        )
    share = 1 / (1 + momentum)
    return Equation(
        damping=2 * share * float(damping),
        curvature=2 * momentum * h * share if method == "nesterov" else 0.0,
        force=2 * share,
        start=momentum * share * h,
    )
