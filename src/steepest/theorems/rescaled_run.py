"""A method in other units: its run on f(y/c) from c x0, coordinate by coordinate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PyTree

from steepest.descent import descend
from steepest.errors import ArgumentError
from steepest.inputs import positive
from steepest.pieces import has_choices
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.coordinates import over_coordinates
from steepest.theorems.method_run import replay, with_subgradients
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import EPS
from steepest.trajectory import Trajectory

# Factors c, one a coordinate, to the method in the units of c x.
MethodInUnits = Callable[[Any], optax.GradientTransformation]

_LARGEST = 1e140  # a square of more leaves float64 before long


class RescaledRun(NamedTuple):
    """The run y_0 … y_n of a method on f(y/c), and that of the same method on f.

    Attributes:
        factors: c.
        points: yₜ, flat.
        gradients: of f(y/c) there.
        steps: what the method added at y_0 … y_{n−1}.
        in_old_units: what it adds in the units of x on the same gradients, c times those.
        original: the trajectory of its own run on f, in the units of x.
        original_points: xₜ of that run.
    """

    factors: Float[np.ndarray, " d"]
    points: Float[np.ndarray, "n d"]
    gradients: Float[np.ndarray, "n d"]
    steps: Float[np.ndarray, "m d"]
    in_old_units: Float[np.ndarray, "m d"]
    original: Trajectory
    original_points: Float[np.ndarray, "k d"]


def as_factors(p: Problem, scale: PyTree) -> Float[np.ndarray, " d"]:
    """One number, or a pytree like x0 whose leaves broadcast to its leaves, as a flat vector.

    Raises:
        ArgumentError: it is neither, or a factor is not positive and finite.
    """
    leaves = jax.tree.leaves(scale)
    for leaf in leaves:
        positive(leaf, "scale", each=True)
    start = p.program.start
    if len(leaves) == 1 and np.ndim(leaves[0]) == 0:
        return np.full(p.program.point.dimension, float(leaves[0]))
    try:
        spread = [
            np.ravel(np.broadcast_to(np.asarray(leaf, np.float64), np.shape(like)))
            for leaf, like in zip(leaves, start, strict=True)
        ]
    except ValueError as error:
        shapes = [np.shape(leaf) for leaf in start]
        raise ArgumentError(
            f"scale has leaves of shapes {[np.shape(leaf) for leaf in leaves]}; it must be one "
            f"number, or factors for the leaves of x0, of shapes {shapes}."
        ) from error
    return np.concatenate(spread)


def each_coordinate(make: MethodInUnits) -> MethodInUnits:
    """A method of one coordinate, made for its factor, run on every coordinate apart."""

    def of(factors: Any) -> optax.GradientTransformation:
        def init(params: Any) -> Any:
            return jax.vmap(lambda c, a: make(c).init(a))(jnp.asarray(factors), params)

        def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
            one = lambda c, g, s: make(c).update(g, s)
            return jax.vmap(one)(jnp.asarray(factors), updates, state)

        return optax.GradientTransformation(init, update)

    return of


def rescaled_run(
    p: Problem,
    make: MethodInUnits,
    steps: int,
    factors: Float[np.ndarray, " d"],
    old_units: MethodInUnits | None = None,
) -> RescaledRun:
    """Run the method made for c on f(y/c) from c x0, and the one made for 1 on f from x0.

    Both are one compiled program with c as its argument, so that they round alike.

    Args:
        p: the problem.
        make: from factors to the method.
        steps: how many.
        factors: c.
        old_units: the method in the units of x, where it is not `make` at c = 1.
    """

    def run(f: Any, c: Any, leaves: list[Any]) -> Trajectory:
        g = with_subgradients(p, f) if has_choices(p.program.closed.jaxpr) else f
        in_units = lambda y: g(p.program.leaves(y / c))
        x0 = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
        return descend(
            in_units,
            c * x0,
            make(c),
            steps,
            monitors={"y": lambda y: y, "gradient": jax.grad(in_units)},
            saveat=np.arange(steps + 1),
            states=False,
        )

    compiled = p.program.in_double(run)
    ones = np.ones_like(factors)
    original, other = (compiled(c, p.program.start) for c in (ones, factors))
    y, slopes = _in_range(other.monitors["y"], other.monitors["gradient"], factors)
    x, _ = _in_range(original.monitors.pop("y"), original.monitors.pop("gradient"), 1 / factors)
    m = min(steps, len(y))
    old = slopes[:m] * factors
    taken, _ = replay(make(factors), slopes[:m])
    in_old_units, _ = replay((old_units or make)(ones), old)
    good = np.isfinite(np.hstack([taken, in_old_units])).all(axis=1)  # the last may overflow
    m = int(np.argmin(np.append(good, False)))
    final = p.program.point.restore(p.program.leaves(original.final))
    return RescaledRun(
        factors, y, slopes, taken[:m], in_old_units[:m], replace(original, final=final), x
    )


def steps_scale(statement: Statement, run: RescaledRun) -> Certificate:
    """|step in the units of y − c · step in the units of x|, both on the same gradients, is 0.

    Rounding: an average of squares loses a few units in its last place, once and for all; one that
    is fed with the steps themselves, as u of AdaDelta, passes its error on and adds to it, so that
    it grows in proportion to the count.
    """
    expected = run.factors * run.in_old_units
    t = np.arange(1.0, len(expected) + 1)[:, None]
    allowed = EPS * (16 + 8 * t) * np.abs(expected) + np.finfo(float).tiny
    return over_coordinates(statement, np.abs(run.steps - expected), 0.0, allowed)


def _in_range(
    points: np.ndarray, slopes: np.ndarray, factors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both, cut before the first row whose squares leave float64 in these or the other units."""
    with np.errstate(over="ignore"):
        sizes = np.abs(np.hstack([points, slopes, points / factors, slopes * factors]))
    good = (sizes < _LARGEST).all(axis=1)  # so a NaN is not
    end = int(np.argmin(np.append(good, False)))
    return points[:end], slopes[:end]
