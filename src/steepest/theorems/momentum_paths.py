"""Momentum methods beside their limits: the states of both at the same times.

The limits are integrated by the classical Runge–Kutta method on one fixed grid, all of them in one
compiled program: what is compared are states at thousands of given times, for several equations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from steepest.descent import descend
from steepest.methods import heavy_ball, nesterov
from steepest.theorems.problem import Problem
from steepest.theorems.vectors import of_flat

METHODS = {"heavy ball": heavy_ball, "Nesterov": nesterov}


@dataclass(frozen=True)
class Flow:
    """ẍ + (damping + vanishing/t) ẋ + curvature ∇²f(x)ẋ + force ∇f(x) = 0, ẋ(0) = −start ∇f(x₀).

    With `first_order` it is ẋ = −∇f(x) instead.
    """

    damping: float = 0.0
    vanishing: float = 0.0
    curvature: float = 0.0
    force: float = 1.0
    start: float = 0.0
    first_order: bool = False

    @property
    def numbers(self) -> Float[np.ndarray, "6"]:
        """The fields, as an array."""
        fields = (self.damping, self.vanishing, self.curvature, self.force, self.start)
        return np.array([*fields, float(self.first_order)])


@dataclass(frozen=True)
class Pair:
    """A method with n steps beside its limit on [0, time].

    Attributes:
        method: "heavy ball" or "Nesterov".
        momenta: mₖ at each step.
        step: η.
        flow: the limit.
        time: where the n-th step is.
        xs, limit: states of the method and of its limit at the n + 1 times, once they are known.
    """

    method: str
    momenta: Float[np.ndarray, " n"]
    step: float
    flow: Flow
    time: float
    xs: Float[np.ndarray, "points d"] = field(default_factory=lambda: np.zeros((0, 0)))
    limit: Float[np.ndarray, "points d"] = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def count(self) -> int:
        """n."""
        return len(self.momenta)

    @property
    def lookahead(self) -> bool:
        """Whether the gradient is taken at x + m(x − x₋) and not at x."""
        return self.method == "Nesterov"

    def asked_at(self, xs: Float[np.ndarray, "points d"]) -> Float[np.ndarray, "n d"]:
        """Where the method asks for a gradient if these are its states."""
        if not self.lookahead:
            return xs[:-1]
        return xs[:-1] + self.momenta[:, None] * moves(xs)


def moves(xs: Float[np.ndarray, "points d"]) -> Float[np.ndarray, "n d"]:
    """xₖ − xₖ₋₁ for k = 0 … n − 1, x₋₁ = x₀."""
    return np.diff(xs[:-1], axis=0, prepend=xs[:1])


class Runner:
    """Computes pairs on a problem, and gradients at many points; each compiled once."""

    def __init__(self, p: Problem, longest: int, refinement: int):
        self.p = p
        self.longest = longest
        self.refinement = refinement  # Runge–Kutta steps for one of the longest run's
        self._slopes = p.program.in_double(
            lambda f, rows: lax.map(jax.grad(of_flat(f, p.program.start)), rows, batch_size=64)
        )
        self._methods = {
            name: p.program.in_double(self._steps_of(method)) for name, method in METHODS.items()
        }
        self._flows = p.program.in_double(self._integrate)

    def gradients(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """∇f at each row."""
        return self._slopes(rows)

    def states(self, pairs: list[Pair]) -> list[Pair]:
        """The pairs, with their states."""
        xs = self._method_states(pairs)
        limits = self._flow_states(pairs)
        return [
            replace(pair, xs=x, limit=limit)
            for pair, x, limit in zip(pairs, xs, limits, strict=True)
        ]

    def _method_states(self, pairs: list[Pair]) -> list[np.ndarray]:
        found: dict[tuple[Any, ...], np.ndarray] = {}
        keys = [(pair.method, pair.step, pair.momenta.tobytes()) for pair in pairs]
        for name, run in self._methods.items():
            mine = {key: pair for key, pair in zip(keys, pairs, strict=True) if key[0] == name}
            tables = np.array(
                [np.resize(pair.momenta, self.longest) for pair in mine.values()], np.float64
            )
            etas = np.array([pair.step for pair in mine.values()])
            if len(mine):
                found |= dict(zip(mine, run(etas, tables, self.p.program.start), strict=True))
        return [found[key][: pair.count + 1] for key, pair in zip(keys, pairs, strict=True)]

    def _flow_states(self, pairs: list[Pair]) -> list[np.ndarray]:
        wanted = list(dict.fromkeys((pair.flow, pair.time) for pair in pairs))
        numbers = np.array([flow.numbers for flow, _ in wanted])
        times = np.array([time for _, time in wanted])
        runs = self._flows(numbers, times, self.p.program.start)
        by_flow = dict(zip(wanted, runs, strict=True))
        strides = [self.longest // pair.count for pair in pairs]
        return [
            by_flow[pair.flow, pair.time][::stride]
            for pair, stride in zip(pairs, strides, strict=True)
        ]

    def _steps_of(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def many(f: Any, etas: Any, tables: Any, leaves: list[Any]) -> Any:
            def one(eta: Any, table: Any) -> Any:
                step = method(eta, lambda count: table[count])
                every = np.arange(self.longest + 1)
                run = descend(f, leaves, step, self.longest, saveat=every)
                return jnp.concatenate([x.reshape(self.longest + 1, -1) for x in run.xs], axis=1)

            return jax.vmap(one)(etas, tables)

        return many

    def _integrate(self, f: Any, numbers: Any, times: Any, leaves: list[Any]) -> Any:
        slope = jax.grad(of_flat(f, self.p.program.start))
        x0 = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])

        def one(coefficients: Any, time: Any) -> Any:
            damping, vanishing, curvature, force, start, first_order = coefficients
            width = time / (self.longest * self.refinement)

            def field(t: Any, state: Any) -> Any:
                x, v = state
                g, turn = jax.jvp(slope, (x,), (v,))
                pull = -force * g - curvature * turn
                # ẋ = t ẍ(0) near 0, so that (1 + vanishing) ẍ(0) is the pull there.
                later = pull - (damping + vanishing / jnp.where(t > 0, t, 1.0)) * v
                a = jnp.where((vanishing > 0) & (t == 0), pull / (1 + vanishing), later)
                return jnp.where(first_order > 0, -g, v), a

            def small(i: Any, both: Any) -> Any:
                t, state = both
                return t + width, _runge_kutta(field, t, state, width)

            def to_next(both: Any, _: Any) -> Any:
                after = lax.fori_loop(0, self.refinement, small, both)
                return after, after[1][0]

            begin = (jnp.zeros(()), (x0, -start * slope(x0)))
            _, xs = lax.scan(to_next, begin, None, length=self.longest)
            return jnp.concatenate([x0[None], xs])

        return jax.vmap(one)(numbers, times)


def _runge_kutta(field: Callable[..., Any], t: Any, state: Any, width: Any) -> Any:
    """One step of the classical method of order 4."""
    shifted = lambda share, k: jax.tree.map(lambda y, dy: y + share * width * dy, state, k)
    a = field(t, state)
    b = field(t + width / 2, shifted(0.5, a))
    c = field(t + width / 2, shifted(0.5, b))
    d = field(t + width, shifted(1.0, c))
    mean = jax.tree.map(lambda a, b, c, d: (a + 2 * b + 2 * c + d) / 6, a, b, c, d)
    return shifted(1.0, mean)
