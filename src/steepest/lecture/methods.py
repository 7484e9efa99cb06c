"""The lecture's eight methods on one function of two variables: their paths, drawn on its map.

No method is favoured by a step size: each gets the power of two on whose path f is lowest on
average. Newton's has 1 and AdaDelta none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Shaped

from steepest import methods
from steepest.descent import descend
from steepest.errors import ArgumentError, SolverError
from steepest.inputs import whole_number
from steepest.theorems.curves import Curve
from steepest.theorems.landscape import Landscape, values_on
from steepest.theorems.problem import Problem
from steepest.trajectory import Trajectory

TUNED: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    "gradient descent": methods.gradient_descent,
    "heavy ball": methods.heavy_ball,
    "Nesterov": methods.nesterov,
    "AdaGrad": methods.adagrad,
    "RMSProp": methods.rmsprop,
    "Adam": methods.adam,
}
"""The methods with a step size, as functions of it; the other arguments are their defaults."""

STEPLESS: dict[str, optax.GradientTransformation] = {
    "Newton": methods.newton(),
    "AdaDelta": methods.adadelta(),
}
_EXPONENTS = np.arange(-14, 4)
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ROOM = 0.15  # around what is shown, as a share of its extent


def on_landscape(
    f: Callable[[Any], Any],
    x0: Shaped[np.ndarray, "2"],
    steps: int = 60,
    *,
    minimizer: Shaped[np.ndarray, "2"] | None = None,
    title: str = "",
) -> Landscape:
    """The paths of the eight methods from x0, on the level curves of f.

    Args:
        f: a function of an array of two numbers that returns one real number.
        x0: the start.
        steps: of each method.
        minimizer: marked where it is given.
        title: above the map.

    Returns:
        A panel for `steepest.plot`, the step sizes in its legend. A path ends before the first
        number that is not finite; one whose method cannot go on (Newton's where the Hessian is not
        positive definite) is left out.

    Raises:
        ArgumentError: x0 is not an array of two numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> land = on_landscape(lambda x: x[0] ** 2 + 4 * x[1] ** 2, np.array([1.0, 1.0]), steps=5)
        >>> [path.label for path in land.paths][:2]
        ['gradient descent, η=2⁻³', 'heavy ball, η=2⁻⁵']
    """
    steps = whole_number(steps, "steps")
    if np.shape(x0) != (2,):
        raise ArgumentError(f"x0 has shape {np.shape(x0)}; a map has two coordinates.")
    p = Problem(f, np.asarray(x0, np.float64), minimizer=minimizer)
    paths = {}
    for name, family in TUNED.items():
        tuned = best_path(p, family, steps)
        if tuned is not None:
            paths[f"{name}, η=2{str(tuned[0]).translate(_RAISED)}"] = tuned[1]
    for name, method in STEPLESS.items():
        path = _path(p, method, steps)
        if len(path) > 1:
            paths[name] = path
    marked = {} if minimizer is None else {"minimiser": np.asarray(minimizer, np.float64)[None]}
    x, y = _window(p, [*paths.values(), *marked.values()])
    curves = [Curve(path[:, 0], path[:, 1], label) for label, path in paths.items()]
    marked = {"last points": np.array([path[-1] for path in paths.values()]), **marked}
    curves += [Curve(m[:, 0], m[:, 1], label, "points") for label, m in marked.items()]
    return Landscape(x, y, values_on(f, x, y), tuple(curves), title=title)


def best_path(
    p: Problem, family: Callable[[Any], optax.GradientTransformation], steps: int
) -> tuple[int, Float[np.ndarray, "n 2"]] | None:
    """k and the path with the step size 2ᵏ on which f is lowest on average; None if none stays."""

    def each(f: Any, etas: Any, leaves: list[Any]) -> Any:
        def one(eta: Any) -> Any:
            run = descend(f, leaves, family(eta), steps, saveat=np.arange(steps + 1))
            return run.values, run.xs[0]

        return jax.vmap(one)(etas)

    values, paths = p.program.in_double(each)(2.0**_EXPONENTS, p.program.start)
    with np.errstate(over="ignore", invalid="ignore"):
        averages = values.mean(axis=1)
    averages = np.where(np.isfinite(averages), averages, np.inf)
    best = int(np.argmin(averages))
    return (int(_EXPONENTS[best]), paths[best]) if np.isfinite(averages[best]) else None


def _path(p: Problem, method: optax.GradientTransformation, steps: int) -> Float[np.ndarray, "n 2"]:
    """x_0, x_1, … as long as they are finite; x_0 alone where the method cannot go on."""
    with jax.enable_x64(True):
        try:
            run = descend(p.f, jnp.asarray(p.x0), method, steps, saveat=np.arange(steps + 1))
        except SolverError as error:
            if not isinstance(error.trajectory, Trajectory):
                return np.asarray(p.x0)[None]
            run = error.trajectory
        points = np.asarray(run.xs, np.float64)
    good = np.isfinite(points).all(axis=1)
    return points if good.all() else points[: int(np.argmin(good))]


def _window(p: Problem, paths: list[np.ndarray]) -> tuple[Any, Any]:
    """A grid around all points where f is no higher than at x0, with some room."""
    points = np.vstack([np.asarray(p.x0)[None], *paths])
    heights = np.array([p.value_at(x) for x in points])
    shown = points[heights <= heights[0]]
    low, high = shown.min(axis=0), shown.max(axis=0)
    extent = np.maximum(high - low, 0.2 * np.max(high - low) + 1e-9)
    middle, half = (low + high) / 2, (0.5 + _ROOM) * extent
    return tuple(np.linspace(m - h, m + h, 121) for m, h in zip(middle, half, strict=True))
