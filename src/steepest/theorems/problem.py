"""A minimisation problem and what its user claims to know about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from steepest.curvature import Curvature, curvature_of, dense_hessian
from steepest.errors import ArgumentError, SolverError
from steepest.inputs import as_point, positive
from steepest.pieces import Program, trace
from steepest.quadratic import LARGEST_DENSE, Quadratic, as_quadratic
from steepest.theorems.rounding import EPS
from steepest.theorems.vectors import flat, split


@dataclass(frozen=True)
class Problem:
    """Minimise f from x0.

    Theorems run on it in float64, whatever the dtype of x0: the program is the user's, its
    arithmetic is double. The five constants are what the user asserts; left out, they are read off
    the program where it is a quadratic, else measured, and the certificate says which.

    Args:
        f: a function of one pytree that returns one real number.
        x0: the start, any pytree with real floats in it.
        smoothness: β with ‖∇f(x) − ∇f(y)‖ ≤ β‖x − y‖, positive.
        strong_convexity: μ with f − μ‖·‖²/2 convex; 0.0 says convex.
        hessian_lipschitz: M with ‖∇²f(x) − ∇²f(y)‖ ≤ M‖x − y‖.
        minimum: min f, or a lower bound of f.
        minimizer: a point where the minimum is attained, a pytree like x0.

    Raises:
        ArgumentError: a constant that cannot be (μ > β, a minimum above f(x0), …), named.
        NotScalarError: f does not return one real number.
        SolverError: f is not finite at x0.

    Example:
        >>> import jax.numpy as jnp
        >>> p = Problem(lambda x: jnp.sum(x**2), jnp.ones(3))
        >>> p.quadratic.largest
        2.0
    """

    f: Callable[[PyTree], Any]
    x0: PyTree
    smoothness: float | None = None
    strong_convexity: float | None = None
    hessian_lipschitz: float | None = None
    minimum: float | None = None
    minimizer: PyTree = None

    def __post_init__(self) -> None:
        if not callable(self.f):
            raise ArgumentError(f"f is {self.f!r}; it must be a function of one pytree.")
        for name in ("smoothness", "strong_convexity", "hessian_lipschitz"):
            value = getattr(self, name)
            if value is not None:
                positive(value, name, zero=name != "smoothness")
        if (
            self.smoothness is not None
            and self.strong_convexity is not None
            and self.strong_convexity > self.smoothness
        ):
            raise ArgumentError(
                f"strong_convexity is {self.strong_convexity} and smoothness {self.smoothness}; "
                "μ cannot exceed β."
            )
        seen = {"x0": self.value_at_start}
        if self.minimizer is not None:
            seen["minimizer"] = self._value_at_minimizer()
            if exceeds(seen["minimizer"], seen["x0"]):
                raise ArgumentError(
                    f"minimizer is none: f is {seen['minimizer']} there and {seen['x0']} at x0."
                )
        if self.minimum is not None:
            if not math.isfinite(self.minimum):
                raise ArgumentError(f"minimum is {self.minimum}; it must be finite.")
            for where, value in seen.items():
                if exceeds(self.minimum, value):
                    raise ArgumentError(
                        f"minimum is {self.minimum}, above the value at {where}, {value}."
                    )

    def _value_at_minimizer(self) -> float:
        given = as_point(self.minimizer, name="minimizer")
        shapes = [np.shape(leaf) for leaf in given.leaves]
        expected = [np.shape(leaf) for leaf in self.program.point.leaves]
        if shapes != expected:
            raise ArgumentError(f"minimizer has leaves of shapes {shapes}; x0 has {expected}.")
        return float(self._value([np.asarray(leaf, np.float64) for leaf in given.leaves]))

    @cached_property
    def program(self) -> Program:
        """f, traced at x0."""
        return trace(self.f, self.x0, name="x0")

    @cached_property
    def quadratic(self) -> Quadratic | None:
        """The quadratic that f is, where the program proves it."""
        return as_quadratic(self.program)

    @cached_property
    def _value(self) -> Callable[..., Any]:
        return self.program.in_double(lambda f, leaves: f(leaves))

    @cached_property
    def _gradient(self) -> Callable[..., Any]:
        return self.program.in_double(lambda f, leaves: jax.grad(f)(leaves))

    @cached_property
    def _hessian(self) -> Callable[..., Any]:
        return self.program.in_double(dense_hessian)

    @cached_property
    def curvature(self) -> Callable[[list[Any]], Curvature]:
        """leaves → extreme eigenvalues of the Hessian there."""
        return curvature_of(self.program)

    @cached_property
    def value_at_start(self) -> float:
        """f(x0) in float64."""
        value = float(self._value(self.program.start))
        if not math.isfinite(value):
            raise SolverError(f"f is {value} at x0; start where it is finite.")
        return value

    def value_at(self, vector: Float[np.ndarray, " d"]) -> float:
        """f at a flat vector, in float64."""
        return float(self._value(split(vector, self.program.start)))

    def hessian(self, leaves: list[Any]) -> Float[np.ndarray, "d d"]:
        """∇²f, written out, in float64.

        Raises:
            ArgumentError: too many variables to write it out.
        """
        d = self.program.point.dimension
        if d > LARGEST_DENSE:
            raise ArgumentError(
                f"x0 has {d} variables; this theorem writes the Hessian out, up to {LARGEST_DENSE}."
            )
        H = self._hessian(leaves)
        return (H + H.T) / 2

    @cached_property
    def _slopes(self) -> Callable[..., Any]:
        return self.program.in_double(_slopes)

    def gradient_contradiction(self) -> str | None:
        """Where ∇f, as differentiated, is not f's at x0, in words; None where no such is seen.

        Automatic differentiation takes its own convention at a kink or a tie, where the function
        may be smooth all the same; a difference quotient along a random line knows nothing of it.
        """
        x0 = self.program.start
        direction = np.random.default_rng(0).standard_normal(self.program.point.dimension)
        direction /= np.linalg.norm(direction)
        size = max(1.0, float(np.linalg.norm(flat(x0))))
        least = None
        for width in (1e-4 * size, 1e-6 * size):
            there, quotient, f = map(
                float, self._slopes(x0, split(direction, x0), np.float64(width))
            )
            allowed = 1e-3 * max(abs(there), abs(quotient)) + 64 * EPS * abs(f) / width
            if abs(there - quotient) <= allowed + 1e-6 * abs(f) / size:
                return None
            least = f"{there:.6g} along a line at x0, where f itself changes at rate {quotient:.6g}"
        return least

    def gradient(self, leaves: list[Any]) -> Float[np.ndarray, " d"]:
        """∇f, flattened leaf by leaf, in float64."""
        return flat(self._gradient(leaves))


def _slopes(f: Any, leaves: list[Any], direction: list[Any], width: Any) -> tuple[Any, Any, Any]:
    """⟨∇f, d⟩ by differentiation, the central difference quotient along d, and f."""
    value, gradient = jax.value_and_grad(f)(leaves)
    at = lambda t: f([leaf + t * d for leaf, d in zip(leaves, direction, strict=True)])
    dots = [jnp.vdot(g, d) for g, d in zip(gradient, direction, strict=True)]
    return sum(dots[1:], dots[0]), (at(width) - at(-width)) / (2 * width), value


def exceeds(value: float, other: float) -> bool:
    """value > other by more than a user's rounding of either (float32 inputs, printed digits)."""
    return not value <= other + 1e-6 * max(abs(value), abs(other))
