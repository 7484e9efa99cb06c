"""Euler's identity ⟨W, ∂f/∂W⟩ = L f, leaf by leaf, as numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.homogeneity._homogeneity import Analysis
from steepest.inputs import as_point, function
from steepest.pieces import run_in_double
from steepest.pieces._compile import compiled

_WIDTH = 1e-3  # of a leaf: of the differences along its ray


def euler_residuals(f: Callable[[PyTree], PyTree]) -> Callable[[PyTree], PyTree]:
    """How far ⟨W, ∂f/∂W⟩ is from L f for each leaf W: `euler_residuals(f)(params)`.

    The degree L in the leaf alone is the one that `homogeneity` proves. The left side is the slope
    of f along W itself, in float64; where f has a kink the identity holds for every subgradient
    (Lyu, Li 2020, Theorem B.2), and the slope is along a ray on which f is smooth.

    Args:
        f: a function of one pytree that returns an array, or a pytree of arrays.

    Returns:
        A function of the params that returns a pytree like them of floats: the largest
        difference of ⟨W, ∂f/∂W⟩ and L f over f's entries, divided by the largest size of both
        (0/0 = 0);
        NaN for a leaf in which no degree is proved, where there is nothing to compare with. It
        raises
        ArgumentError: params is not a pytree of floats.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> network = lambda w: w[1] @ jax.nn.relu(w[0] @ jnp.ones(3))
        >>> residuals = euler_residuals(network)([jnp.ones((4, 3)), jnp.ones((1, 4))])
        >>> all(r < 1e-12 for r in residuals)
        True
    """
    function(f, "f", "one pytree")

    def of_params(params: PyTree) -> PyTree:
        analysis = Analysis(f, as_point(params, name="params"))
        leaves = [np.asarray(leaf, np.float64) for leaf in analysis.point.leaves]
        slope, along = compiled(_slope(analysis)), compiled(_difference(analysis))
        residuals = []
        for i, leaf in enumerate(leaves):
            degree, _ = analysis.proved([i])
            if degree is None:
                residuals.append(float("nan"))
                continue
            power = 0.0 if degree == "any" else float(degree)
            direction = [leaf if j == i else np.zeros_like(other) for j, other in enumerate(leaves)]
            with jax.enable_x64(True):
                value, rate = (np.asarray(part) for part in slope(leaves, direction))
                if np.isnan(rate).any():  # 0/0, of a norm that is zero all along the ray
                    rate = np.where(np.isnan(rate), along(leaves, direction), rate)
            if not np.any(leaf):
                rate = np.zeros_like(rate)  # ⟨0, s⟩, where autodiff may have met 0/0
            apart = np.max(np.abs(rate - power * value), initial=0.0)
            size = np.max(np.abs(rate) + np.abs(power * value), initial=0.0)
            residuals.append(0.0 if apart == 0 else float(apart / size))
        return analysis.point.restore(residuals)

    return of_params


def _slope(analysis: Analysis) -> Callable[[Any, Any], Any]:
    value = _value(analysis)
    return lambda leaves, direction: jax.jvp(value, (leaves,), (direction,))


def _difference(analysis: Analysis) -> Callable[[Any, Any], Any]:
    """The slope by differences of order 4 along the ray."""
    value = _value(analysis)

    def along(leaves: list[Any], direction: list[Any]) -> Any:
        at = lambda k: value([a + k * _WIDTH * d for a, d in zip(leaves, direction, strict=True)])
        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * _WIDTH)

    return along


def _value(analysis: Analysis) -> Callable[[list[Any]], jax.Array]:
    def value(leaves: list[Any]) -> jax.Array:
        outs = run_in_double(analysis.closed, leaves)
        return jnp.concatenate([jnp.ravel(jnp.asarray(out, jnp.float64)) for out in outs])

    return value
