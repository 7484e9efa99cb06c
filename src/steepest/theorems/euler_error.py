"""How far gradient descent may be from a gradient flow that was integrated: Euler's error.

With λ(∇²f) in [s, β] on the way and ‖∇²f ∇f‖ ≤ M along the flow, a step η ≤ 1/β carries a distance
over by the factor 1 − ηs at most and adds η²M/2, since ‖ẍ‖ = ‖∇²f ∇f‖. The constants are those at
some points of the flow and of a run beside it: measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from steepest.curvature import sides
from steepest.errors import SolverError
from steepest.flow import gradient_flow
from steepest.theorems.certificate import Evidence, Hypothesis
from steepest.theorems.gradient_steps import gradient_steps
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import flat, norm, split
from steepest.trajectory import Trajectory

_TOLERANCE = 1e-12
_POINTS = 9


@dataclass(frozen=True)
class EulerError:
    """A flow to a time, and the constants of gradient descent's error against it.

    Attributes:
        run: the flow.
        time: T.
        least, largest: s and β.
        bend: M.
    """

    run: Trajectory
    time: float
    least: float
    largest: float
    bend: float

    @property
    def end(self) -> Float[np.ndarray, " d"]:
        """The flow's state at T."""
        return flat(jax.tree.leaves(self.run.final))

    @property
    def rounding(self) -> float:
        """How far the end may be off: ten times the tolerance of a step, as errors grow."""
        size = 1 + float(np.max(np.abs(self.end), initial=0.0))
        return 10 * _TOLERANCE * size * max(1.0, float(np.exp(-self.least * self.time)))

    def bound(self, etas: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """(ηM/2) Σ η(1 − ηs)ᵏ over the T/η steps."""
        counts = np.round(self.time / etas)
        growth = np.log1p(-np.minimum(etas * self.least, 1 - 1e-12)) * counts
        total = np.full(len(etas), self.time)
        if self.least != 0:
            total = -np.expm1(growth) / self.least
        return etas * self.bend / 2 * total

    def hypothesis(self) -> Hypothesis:
        """On what the constants rest."""
        return Hypothesis(
            "the eigenvalues of ∇²f are in [s, β], and ‖∇²f ∇f‖ ≤ M on the way",
            Evidence.MEASURED,
            f"at {_POINTS} points of the flow and of the longest steps: s = {self.least:.6g}, "
            f"β = {self.largest:.6g}, M = {self.bend:.6g}",
        )


def integrated(p: Problem, time: float) -> EulerError | Hypothesis:
    """The flow and its constants; where it meets a kink or leaves the finite numbers, that."""
    start = p.program.point.restore(p.program.start)
    times = np.linspace(0.0, time, _POINTS)
    try:
        run = gradient_flow(p.f, start, time, _TOLERANCE, _TOLERANCE, saveat=times)
    except SolverError as error:
        return Hypothesis("f has a smooth gradient flow to T", Evidence.VIOLATED, str(error))
    rows = np.concatenate(
        [np.reshape(leaf, (_POINTS, -1)) for leaf in jax.tree.leaves(run.xs)], axis=1
    )
    points = [split(row, p.program.start) for row in rows]
    bends = p.program.in_double(_bend)
    bend = max(_bend_at(p, bends, flat(x)) for x in points)
    found = EulerError(run, time, *_range(p, points), bend)
    # Beside the flow, where the longest steps that may be taken lead.
    eta = min(time, 0.5 / found.largest) if found.largest > 0 else time
    steps = p.program.in_double(gradient_steps)
    beside = [steps(eta, int(count), p.program.start) for count in np.floor(times / eta)]
    least, largest = _range(p, beside)
    return EulerError(run, time, min(found.least, least), max(found.largest, largest), found.bend)


def _range(p: Problem, points: list[list[Any]]) -> tuple[float, float]:
    curvatures = [p.curvature(x) for x in points if all(np.all(np.isfinite(leaf)) for leaf in x)]
    return min(c.least for c in curvatures), max(c.largest for c in curvatures)


def _bend_at(p: Problem, bends: Callable[..., Any], x: Float[np.ndarray, " d"]) -> float:
    """‖∇²f ∇f‖ at x; where JAX's derivatives are not f's, the largest on the sides of x."""
    here = float(bends(split(x, p.program.start)))
    if np.isfinite(here) and not p.derivatives.chooses:
        return here
    around = [float(bends(split(side, p.program.start))) for side in sides(x)]
    known = [bend for bend in (here, *around) if np.isfinite(bend)]
    return max(known, default=here)


def _bend(f: Any, leaves: list[Any]) -> Any:
    """‖∇²f ∇f‖."""
    gradient = jax.grad(f)
    return norm(jax.jvp(gradient, (leaves,), (gradient(leaves),))[1])
