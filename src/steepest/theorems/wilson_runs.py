"""Runs of the lecture's methods on the construction of Wilson et al., many instances at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from steepest import methods
from steepest.descent import descend
from steepest.theorems.wilson_construction import BLOCK, COMMON, Construction, loss

FITTED = 1e-6
"""An adaptive method runs until the residual is this share of what it was."""
ADAPTIVE_STEPS = 1500
"""… or for so many steps."""
STEP_SIZE = 0.1
"""Of the adaptive methods, over √t but for AdaGrad's."""

_REDUCTION = 1e-11  # of the distance, by the rate of the theorems D3 to D5


@dataclass(frozen=True)
class End:
    """Where a method ends on one instance.

    Attributes:
        shared: w₁, w₂, w₃.
        off: how far it is from the least-norm solution, relative to it; of an adaptive method how
            far it was from the ray of sign(Xᵀy) at any step, in the largest coordinate.
        residual: ‖Xw − y‖ / ‖y‖.
        steps: how many were taken.
    """

    shared: Float[np.ndarray, " 3"]
    off: float
    residual: float
    steps: int

    def missed(self, labels: Float[np.ndarray, " n"]) -> float:
        """The share of fresh points with these labels whose score has another sign, or none."""
        score = self.shared[0] * labels + self.shared[1] + self.shared[2]
        return float(np.mean(score * labels <= 0))


# Name → (κ ↦ step size over 1/L, momentum, rate), L the largest eigenvalue of XXᵀ.
_Tuned = Callable[[float], tuple[float, float, float]]


def _of_gradient_descent(kappa: float) -> tuple[float, float, float]:
    return 2 * kappa / (kappa + 1), 0.0, (kappa - 1) / (kappa + 1)


def _of_heavy_ball(kappa: float) -> tuple[float, float, float]:
    rate = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
    return 4 * kappa / (np.sqrt(kappa) + 1) ** 2, rate**2, rate


def _of_nesterov(kappa: float) -> tuple[float, float, float]:
    root = np.sqrt(kappa)
    return 1.0, (root - 1) / (root + 1), np.sqrt(1 - 1 / root)


PLAIN: dict[str, tuple[_Tuned, Callable[[Any, Any], Any]]] = {
    "gradient descent": (_of_gradient_descent, lambda eta, m: methods.gradient_descent(eta)),
    "heavy ball": (_of_heavy_ball, methods.heavy_ball),
    "Nesterov": (_of_nesterov, methods.nesterov),
}
ADAPTIVE: dict[str, Callable[[Any], Any]] = {
    "AdaGrad": lambda eps: methods.adagrad(STEP_SIZE, eps),
    "RMSProp": lambda eps: methods.rmsprop(_over_root, 0.9, eps, eps_in_sqrt=False),
    "Adam": lambda eps: methods.adam(_over_root, eps=eps),
}


def _over_root(count: Any) -> Any:
    return STEP_SIZE / jnp.sqrt(count + 1.0)


def plain_ends(instances: Sequence[Construction], name: str) -> list[End]:
    """Where a method that is not adaptive ends, tuned to the extreme eigenvalues of XXᵀ."""
    tuned, method = PLAIN[name]
    curvatures = [instance.extreme_curvatures() for instance in instances]
    settings = [tuned(high / low) for low, high in curvatures]
    etas = np.array(
        [eta / high for (eta, _, _), (_, high) in zip(settings, curvatures, strict=True)]
    )
    momenta = np.array([momentum for _, momentum, _ in settings])
    slowest = max(rate for *_, rate in settings)
    steps = int(np.ceil(np.log(_REDUCTION) / np.log(slowest)))

    def one(labels: Any, own: Any, eta: Any, momentum: Any) -> tuple[Any, Any]:
        f, start = _problem(labels, own)
        w = descend(f, start, method(eta, momentum), steps, saveat=[0], states=False).final
        return w, f(w)

    ws, values = _across(one, instances, etas, momenta)
    ends = []
    for instance, w, value in zip(instances, ws, values, strict=True):
        solution = instance.least_norm
        w = w[: len(solution)]
        off = float(np.linalg.norm(w - solution) / np.linalg.norm(solution))
        ends.append(End(w[:COMMON], off, _residual(value, instance), steps))
    return ends


def adaptive_ends(
    instances: Sequence[Construction], name: str, eps: Float[np.ndarray, " k"]
) -> list[End]:
    """Where an adaptive method ends, with an ε for each instance.

    It runs until it fits the points: from there on the rounding of the residual, divided by its own
    size, sets the direction.
    """

    def one(labels: Any, own: Any, eps: Any) -> Any:
        f, start = _problem(labels, own)
        signs = jnp.sign(-jax.grad(f)(start))  # of Xᵀy

        def off_ray(w: Any) -> Any:
            size = jnp.max(jnp.abs(w))
            along = jnp.dot(w, signs) / jnp.dot(signs, signs) * signs
            return jnp.max(jnp.abs(w - along)) / jnp.where(size > 0, size, 1.0)

        watched = {"shared": lambda w: w[:COMMON], "off": off_ray}
        every = np.arange(ADAPTIVE_STEPS + 1)
        method = ADAPTIVE[name](eps)
        run = descend(f, start, method, ADAPTIVE_STEPS, watched, every, states=False)
        return run.values, run.monitors["shared"], run.monitors["off"]

    ends = []
    for instance, values, shared, off in zip(
        instances, *_across(one, instances, np.asarray(eps, np.float64)), strict=True
    ):
        fitted = np.flatnonzero(values <= FITTED**2 * values[0])
        last = int(fitted[0]) if len(fitted) else ADAPTIVE_STEPS
        residual = _residual(values[last], instance)
        ends.append(End(shared[last], float(np.max(off[: last + 1])), residual, last))
    return ends


def _residual(value: Any, instance: Construction) -> float:
    return float(np.sqrt(2 * value / len(instance.labels)))


def _problem(labels: Any, own: Any) -> tuple[Callable[[Any], Any], Any]:
    """f and where it starts; points that are filled up with count nothing."""
    return lambda w: loss(w, labels, own), jnp.zeros(COMMON + BLOCK * len(labels))


def _across(one: Callable[..., Any], instances: Sequence[Construction], *each: Any) -> Any:
    """`one` of every instance, in double, as one program: the smaller ones are filled up."""
    most = max(len(instance.labels) for instance in instances)
    labels = np.zeros((len(instances), most))
    own = np.zeros((len(instances), most, BLOCK))
    for i, instance in enumerate(instances):
        labels[i, : len(instance.labels)] = instance.labels
        own[i, : len(instance.labels)] = instance.own
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(labels, own, *each))
