"""The panels that show momentum methods with their limits."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from steepest.theorems.certificate import Certificate
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.landscape import Landscape
from steepest.theorems.momentum_paths import Pair
from steepest.theorems.momentum_plan import Limit, Plan
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import of_flat

_GRID = 80
_MARKS = 40  # of a method's path


def paths(p: Problem, plan: Plan, pairs: list[Pair]) -> tuple[Landscape, ...]:
    """For two variables: the paths with the fewest steps over level curves, beside the limits."""
    finite = all(np.isfinite(pair.xs).all() and np.isfinite(pair.limit).all() for pair in pairs)
    if p.program.point.dimension != 2 or not finite:
        return ()
    first = [pair for pair in pairs if pair.count == plan.counts[0]]
    last = [pair for pair in pairs if pair.count == plan.counts[-1]]
    low = _Over(p, [first[0], first[2], last[0]])
    other = _Over(p, [first[4], last[4], first[5], last[5]])
    return (
        low.landscape(
            (
                low.path(first[0], "heavy ball"),
                low.path(first[2], "Nesterov"),
                low.limit(last[0], "ẍ + γẋ + ∇f = 0"),
            ),
            "momentum 1 − γh",
        ),
        other.landscape(
            (
                other.path(first[4], "Nesterov, momentum (k − 1)/(k + 2)"),
                other.limit(last[4], "ẍ + (3/t)ẋ + ∇f = 0"),
                other.path(first[5], f"heavy ball, momentum {plan.momentum:g}"),
                other.limit(last[5], "ẋ + ∇f = 0", "reference"),
            ),
            "momentum (k − 1)/(k + 2), and a fixed one",
        ),
    )


class _Over:
    """Paths over one map of f that has room for them all."""

    def __init__(self, p: Problem, pairs: list[Pair]):
        everything = np.concatenate([xs for pair in pairs for xs in (pair.xs, pair.limit)])
        low, high = everything.min(axis=0), everything.max(axis=0)
        room = 0.1 * np.max(high - low) + 1e-12
        self.x, self.y = (np.linspace(low[i] - room, high[i] + room, _GRID) for i in range(2))
        values = p.program.in_double(
            lambda f, x, y: jax.vmap(
                lambda b: jax.vmap(lambda a: of_flat(f, p.program.start)(jnp.stack([a, b])))(x)
            )(y)
        )
        self.values = values(self.x, self.y)

    def landscape(self, drawn: tuple[Curve, ...], title: str) -> Landscape:
        return Landscape(self.x, self.y, self.values, drawn, title=title)

    def path(self, pair: Pair, label: str) -> Curve:
        kept = pair.xs[:: max(1, len(pair.xs) // _MARKS)]
        return Curve(kept[:, 0], kept[:, 1], label)

    def limit(self, pair: Pair, label: str, role: Literal["bound", "reference"] = "bound") -> Curve:
        return Curve(pair.limit[:, 0], pair.limit[:, 1], label, role)


def errors_against_steps(limits: list[Limit], parts: list[Certificate]) -> tuple[Curves, ...]:
    """The errors on log–log axes: against h, and against η where the momentum is fixed."""
    momenta = [i for i, limit in enumerate(limits) if "fixed" not in limit.label]
    fixed = [i for i, limit in enumerate(limits) if "fixed" in limit.label]
    return (
        _errors([(limits[i], parts[i]) for i in momenta], "h = √η"),
        _errors([(limits[i], parts[i]) for i in fixed], "step size η"),
    )


def _errors(shown: list[tuple[Limit, Certificate]], xlabel: str) -> Curves:
    curves = [Curve(c.steps, c.measured, limit.label) for limit, c in shown]
    for order in sorted({limit.order for limit, _ in shown}):
        c = next(c for limit, c in shown if limit.order == order)
        line = 0.4 * c.measured[-1] * (c.steps / c.steps[-1]) ** order  # beside the errors
        curves.append(Curve(c.steps, line, f"slope {order}", "reference"))
    return Curves(
        tuple(curves),
        xlabel=xlabel,
        ylabel="largest distance from the limit",
        xscale="log",
        yscale="log",
    )
