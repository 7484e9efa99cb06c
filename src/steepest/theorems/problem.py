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
from jaxtyping import Array, Float, PyTree

from steepest.clarke import clarke
from steepest.curvature import Curvature, a_hair_off
from steepest.errors import (
    ArgumentError,
    NotLocallyLipschitzError,
    SolverError,
    TooManyPiecesError,
    UnprovedError,
    UnsupportedPrimitiveError,
)
from steepest.inputs import Scalar, as_point, finite_number, function, positive_number
from steepest.pieces import Program, trace
from steepest.quadratic import LARGEST_DENSE, Quadratic, as_quadratic
from steepest.theorems.own_derivatives import OwnDerivatives
from steepest.theorems.rounding import EPS, drawn_rounding, third_difference
from steepest.theorems.vectors import flat, in_words, norm, of_flat, split

Number = float | int | np.number | Float[Array, ""]


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
    smoothness: Number | None = None
    strong_convexity: Number | None = None
    hessian_lipschitz: Number | None = None
    minimum: Scalar | None = None
    minimizer: PyTree = None

    def __post_init__(self) -> None:
        function(self.f, "f", "one pytree")
        for name in ("smoothness", "strong_convexity", "hessian_lipschitz"):
            value = getattr(self, name)
            if value is not None:
                positive_number(value, name, zero=name != "smoothness")
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
            if not self._starts_at_minimizer and exceeds(
                seen["minimizer"], seen["x0"], self.noise(self.program.start)
            ):
                raise ArgumentError(
                    f"minimizer is none: f is {seen['minimizer']} there and {seen['x0']} at x0."
                )
        if self.minimum is not None:
            minimum = finite_number(self.minimum, "minimum")
            for where, value in seen.items():
                if exceeds(minimum, value, self.noise(self.program.start)):
                    raise ArgumentError(
                        f"minimum is {self.minimum}, above the value at {where}, {value}."
                    )

    @property
    def _starts_at_minimizer(self) -> bool:
        """Whether x0 is the minimizer to the digits of a float32: then their values say nothing."""
        x0, x = flat(self.program.start), flat(as_point(self.minimizer).leaves)
        return bool(np.linalg.norm(x - x0) <= 1e-5 * (np.linalg.norm(x) + np.linalg.norm(x0)))

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
    def derivatives(self) -> OwnDerivatives:
        """∇f and ∇²f, of the function also where JAX's are not."""
        return OwnDerivatives(self.program)

    def curvature(self, leaves: list[Any]) -> Curvature:
        """Extreme eigenvalues of the Hessian there; where a choice is tied, on the sides of it."""
        return self.derivatives.curvature(flat(leaves))

    @cached_property
    def curvature_at_start(self) -> Curvature:
        """`curvature` at x0."""
        return self.curvature(self.program.start)

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
        self.check_dense()
        return self.derivatives.hessian(flat(leaves))[0]

    def check_dense(self) -> None:
        """That the Hessian can be written out.

        Raises:
            ArgumentError: too many variables.
        """
        d = self.program.point.dimension
        if d > LARGEST_DENSE:
            raise ArgumentError(
                f"x0 has {d} variables; this theorem writes the Hessian out, up to {LARGEST_DENSE}."
            )

    @cached_property
    def _slopes(self) -> Callable[..., Any]:
        return self.program.in_double(_slopes)

    @cached_property
    def missing_gradient(self) -> str | None:
        """Why ∇f(x0) is not known, in words, where it comes out as NaN: a number that f computes
        and leaves out does that, too. None where it is no NaN, or a kink is seen there."""
        x0 = self.program.start
        if (
            not np.any(np.isnan(self.derivatives.jax_gradient(flat(x0))))
            or self._kink(x0) is not None
        ):
            return None
        return (
            f"automatic differentiation gives NaN at {in_words(flat(x0))}, where f is "
            f"{self.value_at_start:.6g}; keep what f leaves out from what it computes by a `where`"
        )

    def gradient_missing_at(self, x: Float[np.ndarray, " d"]) -> str | None:
        """That JAX's ∇f is NaN at a flat x where f is finite, in words; None where that is not so.

        There a run ends that has not left the range of float64.
        """
        if not np.isfinite(x).all() or not math.isfinite(self.value_at(x)):
            return None
        if not np.any(np.isnan(self.derivatives.jax_gradient(x))):
            return None
        return f"automatic differentiation gives NaN for ∇f at {in_words(x)}, where f is finite"

    def wrong_gradient_at(self, x: Float[np.ndarray, " d"]) -> str | None:
        """JAX's ∇f at a flat x and f's own, in words, where the two differ."""
        if not np.isfinite(x).all():
            return None
        given, own = self.derivatives.jax_gradient(x), self.derivatives.gradient(x)
        if not np.isfinite(own).all() or np.array_equal(given, own):
            return None
        words = [in_words(g).removeprefix("x = ") for g in (given, own)]
        return f"{words[0]}, where f has {words[1]}, at {in_words(x)}"

    def gradient_contradiction(self) -> str | None:
        """Where ∇f, as differentiated, is not f's at x0, in words; None where no such is seen.

        Automatic differentiation takes its own convention at a kink or a tie, where the function
        may be smooth all the same; difference quotients along a random line know nothing of it.
        They contradict it where two at successive widths agree with each other, well above the
        noise of f, and not with it. A recognised quadratic has no choices to get wrong.
        """
        if self.quadratic is not None:
            return None
        x0 = self.program.start
        direction = np.random.default_rng(0).standard_normal(self.program.point.dimension)
        direction /= np.linalg.norm(direction)
        size = max(1.0, float(np.linalg.norm(flat(x0))))
        noise = self.noise(x0)
        before, contradicted = math.nan, None
        for width in size * 10.0 ** -np.arange(2, 13):
            there, quotient = map(float, self._slopes(x0, split(direction, x0), width))
            larger = max(abs(there), abs(quotient))
            clear = noise / width <= 1e-3 * larger
            if clear and abs(there - quotient) <= 1e-2 * larger:
                return None
            if clear and abs(before - quotient) <= 1e-3 * larger:
                contradicted = f"{there:.6g} along a line at x0; f itself changes at {quotient:.6g}"
            before = quotient if clear else math.nan
        return contradicted

    def kink(self, leaves: list[Any]) -> str | None:
        """Where f is seen not to be differentiable at a point, in words; None where it is not seen.

        Asked of programs with choices only (max, abs, where, …). Choices that tie to the precision
        of the program's dtype are one kink for `clarke`; that ∇f jumps there must be seen, too.
        """
        return self._kink(leaves) if self.derivatives.chooses else None

    def _kink(self, leaves: list[Any]) -> str | None:
        try:
            differential = clarke(self.f)(self.program.point.restore(leaves))
        except NotLocallyLipschitzError as error:
            # Parts that fit each other, but for the rounding of single precision, do not jump.
            x = flat(leaves)
            fits = self.derivatives.jumps(x) is False and not self.derivatives.value_jumps(x)
            return None if fits else str(error)
        except (UnsupportedPrimitiveError, TooManyPiecesError, UnprovedError):
            return None
        if differential.is_singleton is not False or self.derivatives.jumps(flat(leaves)) is False:
            return None
        return repr(differential)

    @cached_property
    def _noises(self) -> Callable[..., Any]:
        def samples(f: Any, leaves: list[Any]) -> Any:
            differences = [third_difference(f, leaves, width) for width in (1.0, 2.0, 3.0, 5.0)]
            return jnp.stack(
                [*(8 * jnp.abs(each) for each in differences), drawn_rounding(f, leaves)]
            )

        return self.program.in_double(samples)

    def noise(self, leaves: list[Any]) -> float:
        """How far the computed f may be off there: its third differences, or drawn roundings."""
        largest = float(np.max(self._noises(leaves)))
        return largest if math.isfinite(largest) else 0.0

    @cached_property
    def _gradient_third_difference(self) -> Callable[..., Any]:
        start = self.program.start

        def difference(f: Any, x: Any) -> Any:
            slope = jax.grad(of_flat(f, start))
            width = 4 * EPS * jnp.maximum(jnp.abs(x), jnp.max(jnp.abs(x)) / 1024)
            g = jax.vmap(lambda k: slope(x + k * width))(jnp.arange(4.0))
            return norm([g[3] - 3 * g[2] + 3 * g[1] - g[0]])

        return self.program.in_double(difference)

    @cached_property
    def _gradient_drawn(self) -> Callable[..., Any]:
        start = self.program.start
        return self.program.in_double(
            lambda f, x: drawn_rounding(lambda x: jax.grad(of_flat(f, start))(x), x)
        )

    def gradient_noise(self, x: Float[np.ndarray, " d"]) -> float:
        """The rounding of ∇f, in length: its third difference over a few units in the last place,
        or what drawn roundings make of it, whichever is more.

        A hair off x where ∇f comes out as NaN at it. So are roundings drawn for a program with
        choices: one that is tied at x they may turn.
        """
        here = float(self._gradient_third_difference(x))
        if math.isnan(here):
            x = a_hair_off(x)
            here = float(self._gradient_third_difference(x))
        if self.quadratic is None and self.derivatives.chooses:
            x = a_hair_off(x)
        drawn = float(self._gradient_drawn(x))
        return max(here, drawn) if math.isfinite(drawn) else here

    def gradient(self, leaves: list[Any]) -> Float[np.ndarray, " d"]:
        """∇f, of the function where it has one, flattened leaf by leaf, in float64."""
        return self.derivatives.gradient(flat(leaves))


def _slopes(f: Any, leaves: list[Any], direction: list[Any], width: Any) -> tuple[Any, Any]:
    """⟨∇f, d⟩ by differentiation, and the central difference quotient along d."""
    gradient = jax.grad(f)(leaves)
    at = lambda t: f([leaf + t * d for leaf, d in zip(leaves, direction, strict=True)])
    dots = [jnp.vdot(g, d) for g, d in zip(gradient, direction, strict=True)]
    return sum(dots[1:], dots[0]), (at(width) - at(-width)) / (2 * width)


def exceeds(value: float, other: float, noise: float = 0.0) -> bool:
    """value > other by more than a user's digits of either (float32, as printed) and the noise."""
    return not value <= other + 1e-6 * max(abs(value), abs(other)) + noise
