"""Nesterov's method with constant step and momentum, watched at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from steepest.descent import descend
from steepest.flow import straight
from steepest.methods import nesterov
from steepest.theorems.problem import Problem
from steepest.theorems.rounding import (
    EPS,
    SIX_DIGITS,
    SMALLEST,
    drawn_rounding,
    noise,
    third_difference,
    underflow,
)
from steepest.theorems.vectors import flat, in_words, norm, split
from steepest.trajectory import Trajectory

_AT_ONCE = 2**22  # numbers of a run that are kept at a time
_WATCHED = ("norm", "third_difference", "drawn")

Contradiction = tuple[str, float]  # in words, and a constant that would not be contradicted


class Comparator(NamedTuple):
    """The point that a run is compared with: x*, or what stands for it.

    Attributes:
        x: the point, flat.
        value: f there.
        gradient_norm: ‖∇f‖ there, as computed; at rounding, it is the noise of ∇f.
    """

    x: Float[np.ndarray, " d"]
    value: float
    gradient_norm: float

    @property
    def exists(self) -> bool:
        """Whether it is a point at all."""
        numbers = (*self.x, self.value, self.gradient_norm)
        return bool(np.all(np.isfinite(numbers)))


class Accelerator:
    """Compiles the watched run once; the constants are its arguments."""

    def __init__(self, p: Problem, steps: int):
        self.p = p
        self.steps = steps
        self._run = p.program.in_double(self._watched)
        self._advance = p.program.in_double(_advance)
        self._rows = max(1, min(steps, _AT_ONCE // max(2 * p.program.point.dimension, 1)))
        self._some = p.program.in_double(lambda f, eta, m, x, v: _path(f, eta, m, self._rows, x, v))
        self.still = [np.zeros_like(leaf) for leaf in p.program.start]

    def _watched(self, f: Any, eta: Any, m: Any, leaves: Any, middle: Any) -> Any:
        trajectory = descend(
            f,
            leaves,
            nesterov(eta, m),
            self.steps,
            monitors={
                "norm": norm,
                "third_difference": lambda x: third_difference(f, x),
                "drawn": lambda x: drawn_rounding(f, x),
            },
            saveat=np.arange(self.steps + 1),
            states=False,
        )
        still = jax.tree.map(jnp.zeros_like, list(leaves))
        look = lambda carry, _: _watch(f, eta, m, middle, carry)
        _, rows = lax.scan(look, (list(leaves), still), length=self.steps)
        return trajectory, rows

    def advance(
        self, L: float, mu: float, count: int, x: Any, v: Any
    ) -> tuple[list[np.ndarray], list[np.ndarray], Float[np.ndarray, " d"]]:
        """(x, v, ∇f(x)) after so many steps from (x, v)."""
        eta, m = coefficients(L, mu)
        x, v, gradient = self._advance(eta, m, count, x, v)
        return x, v, flat(gradient)

    def ways(self, L: float, mu: float, steps: int) -> Iterator[Float[np.ndarray, "n 4 d"]]:
        """The ways x_k → y_k → x_{k+1} of a run, some at a time, with the last one before them."""
        eta, m = coefficients(L, mu)
        x, v = self.p.program.start, self.still
        kept = flat(x)[None]
        while steps > 0:
            x, v, points = self._some(eta, m, x, v)
            points = points[: 2 * steps]
            yield straight(np.concatenate([kept, points]))
            kept, steps = points[-2:], steps - len(points) // 2

    def _missing(self, L: float, mu: float, last: int) -> str | None:
        """That ∇f is NaN, though f is finite, at the lookahead of the last step."""
        eta, m = coefficients(L, mu)
        x, v, _ = self.advance(L, mu, last, self.p.program.start, self.still)
        return self.p.gradient_missing_at(flat(x) + eta * m * flat(v))

    def __call__(self, L: float, mu: float, at: Comparator) -> AcceleratedRun:
        p = self.p
        eta, m = coefficients(L, mu)
        trajectory, rows = self._run(eta, m, p.program.start, split(at.x, p.program.start))
        watched = {name: trajectory.monitors.pop(name) for name in _WATCHED}
        finite = np.isfinite(trajectory.values) & np.isfinite(watched["norm"])
        end = len(finite) - 1 if finite.all() else max(int(np.argmin(finite)) - 1, 0)
        trajectory = replace(trajectory, final=p.program.point.restore(trajectory.final))
        missing = None if finite.all() else self._missing(L, mu, end)
        return AcceleratedRun(
            learning_rate=eta,
            momentum=m,
            at=at,
            noise_at_comparator=p.noise(split(at.x, p.program.start)),
            values=trajectory.values[: end + 1],
            noise=noise(watched["third_difference"][: end + 1], watched["drawn"][: end + 1]),
            norms=watched["norm"][: end + 1],
            rows={name: row[:end] for name, row in rows.items()},
            trajectory=trajectory,
            complete=bool(finite.all()),
            missing=missing,
            _point=lambda t: flat(self.advance(L, mu, t, p.program.start, self.still)[0]),
        )


def coefficients(L: float, mu: float) -> tuple[float, float]:
    """η = 1/L and m = (√κ − 1)/(√κ + 1)."""
    root = np.sqrt(L / mu)
    return 1 / L, float((root - 1) / (root + 1))


@dataclass(frozen=True)
class AcceleratedRun:
    """A run over steps 0 … n (n cut where f left float range); yₖ is the lookahead of step k.

    Attributes:
        learning_rate, momentum: η and m.
        at: what x* is taken to be.
        noise_at_comparator: how far the computed f may be off there.
        values, noise, norms: f(xₖ), how far it may be off, ‖xₖ‖.
        rows: at yₖ, a number a step: see `_watch`.
        trajectory: the run.
        complete: whether all its numbers are finite.
        missing: that it ended since automatic differentiation gives no ∇f, in words; else None.
    """

    learning_rate: float
    momentum: float
    at: Comparator
    noise_at_comparator: float
    values: Float[np.ndarray, " points"]
    noise: Float[np.ndarray, " points"]
    norms: Float[np.ndarray, " points"]
    rows: dict[str, Float[np.ndarray, " steps"]]
    trajectory: Trajectory
    complete: bool
    missing: str | None
    _point: Callable[[int], np.ndarray] = field(repr=False)

    @property
    def steps(self) -> int:
        """n."""
        return len(self.values) - 1

    def point(self, t: int) -> Float[np.ndarray, " d"]:
        """x_t, run again."""
        return self._point(t)

    @property
    def rounding(self) -> Float[np.ndarray, " points"]:
        """How far step k's arithmetic may move xₖ₊₁ and ηvₖ₊₁: a number a state."""
        rows, eta, d = self.rows, self.learning_rate, len(self.at.x)
        sizes = self.norms + float(np.linalg.norm(self.at.x))
        gradients = np.append(rows["gradient_norm"], 0.0)
        moves = np.append(rows["moved"], 0.0)
        relative = 8 * EPS * np.sqrt(d) * (sizes + moves + eta * gradients)
        smallest = SMALLEST * (1 + eta) * d
        return relative + eta * self.at.gradient_norm + smallest

    @property
    def value_rounding(self) -> Float[np.ndarray, " points"]:
        """How far f(xₖ) − f(x*), as computed, may be off."""
        sizes = np.abs(self.values) + abs(self.at.value)
        if underflow(sizes) and np.any(self.rows["gradient_norm"] > 0):
            return np.full_like(sizes, np.nan)  # the digits of f are lost
        return self.noise + self.noise_at_comparator + 2 * EPS * sizes

    def against_smoothness(self, L: float) -> Contradiction | None:
        """The step that contradicts β: f falls by less than ‖∇f(y)‖²/(2β), or ∇f changes faster."""
        rows = self.rows
        if not self.steps:
            return None
        moved = rows["gradient_norm"] / L
        visible = moved >= 1e-6 * np.max(self.norms)
        steep = visible & (rows["gradient_change"] > L * moved * (1 + SIX_DIGITS))
        if steep.any():
            t = int(np.argmax(steep))
            quotient = float(rows["gradient_change"][t] / moved[t])
            return f"a step changes ∇f by {quotient:.6g} times its length, {self._at(t)}", quotient
        guaranteed = (rows["gradient_norm"] / np.sqrt(2 * L)) ** 2
        decrease = rows["value"] - self.values[1:]
        off = self._pair(1) + 4 * EPS * (guaranteed + rows["gradient_norm"] * self.norms[1:])
        rises = guaranteed > decrease + off
        if not rises.any():
            return None
        t = int(np.argmax(rises))
        detail = (
            f"a step lowers f by {decrease[t]:.6g}, less than ‖∇f‖²/(2β) = {guaranteed[t]:.6g}, "
            f"{self._at(t)}"
        )
        return detail, 2 * L

    def against_strong_convexity(self, mu: float) -> Contradiction | None:
        """Where f(z) < f(y) + ⟨∇f(y), z − y⟩ + μ‖z − y‖²/2, for z = x* and for the state z = xₖ."""
        rows = self.rows
        sizes = self.norms[:-1] + self.norms[1:] + float(np.linalg.norm(self.at.x))
        slack = 8 * EPS * np.sqrt(len(self.at.x)) * rows["gradient_norm"] * sizes
        for whose, value, off in (
            ("x*", self.at.value, self.noise_at_comparator + 2 * EPS * abs(self.at.value)),
            ("state", self.values[:-1], self._pair(0)),
        ):
            squared = rows[f"distance_{whose}"] ** 2
            flatter = rows["value"] + rows[f"slope_{whose}"]
            # The computed ∇f may be off by its noise, and by the rounding of its terms.
            unsure = self.at.gradient_norm + 8 * EPS * np.sqrt(len(self.at.x)) * sizes / (
                self.learning_rate
            )
            off = off + self._pair(0) + slack + unsure * rows[f"distance_{whose}"]
            above = flatter + mu * squared / 2 - value
            low = above > off + 1e-9 * mu * squared
            if low.any():
                t = int(np.argmax(low))
                with np.errstate(divide="ignore", invalid="ignore"):
                    possible = 2 * (value - flatter + off) / squared
                best = float(np.min(possible[low]))
                of = "x*" if whose == "x*" else "the state"
                detail = f"at {of} f is {above[t]:.3g} below its parabola of curvature μ"
                return f"{detail}, {self._at(t)}", best
        return None

    def _pair(self, shift: int) -> Float[np.ndarray, " steps"]:
        """Rounding in f(yₖ) − f(xₖ₊shift)."""
        there = slice(1, None) if shift else slice(None, -1)
        looked = noise(self.rows["third_difference"], self.rows["drawn"]) + 2 * EPS * np.abs(
            self.rows["value"]
        )
        return looked + self.noise[there] + 2 * EPS * np.abs(self.values[there])

    def _at(self, t: int) -> str:
        return f"at the lookahead of step {t}, near {in_words(self.point(t))}"


def _watch(f: Any, eta: Any, m: Any, middle: Any, carry: Any) -> Any:
    """One step, and what the proof asks at its lookahead y: f, ∇f, and slopes towards x* and x."""
    x, v = carry
    y = jax.tree.map(lambda a, b: a + eta * m * b, x, v)
    value, gradient = jax.value_and_grad(f)(y)
    after = jax.tree.map(lambda b, g: m * b - g, v, gradient)
    moved = jax.tree.map(lambda a, b: a + eta * b, x, after)
    difference = lambda a, b: [s - t for s, t in zip(a, b, strict=True)]
    slope = lambda to: sum(jnp.vdot(g, d) for g, d in zip(gradient, difference(to, y), strict=True))
    row = {
        "value": value,
        "gradient_norm": norm(gradient),
        "gradient_change": norm(difference(jax.grad(f)(moved), gradient)),
        "slope_x*": slope(list(middle)),
        "distance_x*": norm(difference(list(middle), y)),
        "slope_state": slope(x),
        "distance_state": norm(difference(x, y)),
        "moved": eta * norm(after),
        "third_difference": third_difference(f, y),
        "drawn": drawn_rounding(f, y),
    }
    return (moved, after), row


def _advance(f: Any, eta: Any, m: Any, count: Any, x: Any, v: Any) -> Any:
    step = lambda _, carry: _step(f, eta, m, *carry)[:2]
    x, v = lax.fori_loop(0, count, step, (_as_arrays(x), _as_arrays(v)))
    return x, v, jax.grad(f)(x)


def _path(f: Any, eta: Any, m: Any, count: int, x: Any, v: Any) -> Any:
    """(x, v, the points y_0, x_1, y_1, … flat) of so many steps."""
    whole = lambda leaves: jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])

    def look(carry: Any, _: Any) -> Any:
        x, v, y = _step(f, eta, m, *carry)
        return (x, v), jnp.stack([whole(y), whole(x)])

    (x, v), rows = lax.scan(look, (_as_arrays(x), _as_arrays(v)), length=count)
    return x, v, rows.reshape(2 * count, -1)


def _step(f: Any, eta: Any, m: Any, x: Any, v: Any) -> tuple[Any, Any, Any]:
    """(x, v) after a step, and its lookahead."""
    y = jax.tree.map(lambda a, b: a + eta * m * b, x, v)
    v = jax.tree.map(lambda b, g: m * b - g, v, jax.grad(f)(y))
    return jax.tree.map(lambda a, b: a + eta * b, x, v), v, y


def _as_arrays(leaves: Any) -> list[Any]:
    return [jnp.asarray(leaf) for leaf in leaves]
