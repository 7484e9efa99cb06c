"""Gradient descent on a network, with the norms of its layers and of their gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PyTree

from steepest.descent import descend
from steepest.inputs import positive, whole_number
from steepest.methods import gradient_descent
from steepest.theorems.layers import layer_norms, require_layers
from steepest.theorems.problem import Problem
from steepest.trajectory import Trajectory


class LayerRun(NamedTuple):
    """A run in float64, at each step 0 … n of it.

    Attributes:
        trajectory: the run; its last point is a pytree like x0.
        weights: ‖Wᵢ‖² for each layer.
        gradients: ‖∂f/∂Wᵢ‖² for each layer.
    """

    trajectory: Trajectory
    weights: Float[np.ndarray, "steps layers"]
    gradients: Float[np.ndarray, "steps layers"]

    @property
    def end(self) -> PyTree:
        """The last point."""
        return self.trajectory.final


def run_layers(p: Problem, steps: int, learning_rate: float | int) -> LayerRun:
    """Gradient descent from x0, a leaf a layer.

    Raises:
        ArgumentError: x0 has one leaf only, steps is no whole number or η is not positive.
    """
    require_layers(p)
    steps = whole_number(steps, "steps")
    positive(learning_rate, "learning_rate")

    def run(f: Any, eta: Any, leaves: list[Any]) -> Any:
        return descend(
            f,
            leaves,
            gradient_descent(eta),
            steps,
            monitors={"layers": layer_norms, "gradients": lambda x: layer_norms(jax.grad(f)(x))},
            saveat=np.arange(steps + 1),
            states=False,
        )

    trajectory = p.program.in_double(run)(float(learning_rate), p.program.start)
    monitors = trajectory.monitors
    trajectory = replace(trajectory, final=p.program.point.restore(trajectory.final))
    return LayerRun(trajectory, monitors["layers"], monitors["gradients"])
