"""The derivatives of f itself, where automatic differentiation takes a choice of its own.

At a tie of a program's choices, or at a root of zero, JAX's derivative may be none of the
function's: the Hessian of Σ abs(x)² is 0 at 0, the gradient of ‖x‖² is NaN there. What a theorem
asks of f there is read a hair off the point, on several sides, where no choice is tied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import Float

from steepest.curvature import Curvature, curvature_of, dense_hessian, sides
from steepest.flow import Derivatives, arms, hairs, sharpest
from steepest.pieces import Program, has_choices
from steepest.theorems.vectors import flat, split

_AGREE = 1e-5  # relative: derivatives at a point and a hair off it, of a program that is smooth
_NEARER = 16.0  # times: the second distance, from which the limit is extrapolated
_FEW = 256  # variables: up to there two pairs of sides are looked at, beyond one


class OwnDerivatives:
    """∇f and ∇²f at flat points, in float64.

    Attributes:
        chooses: whether the program has choices (max, abs, where, …), those by equality included.
    """

    def __init__(self, program: Program):
        self._program = program
        jaxpr = program.closed.jaxpr
        self.chooses = has_choices(jaxpr) or _compares(jaxpr)

    @cached_property
    def _values(self) -> Derivatives:
        return Derivatives(self._program)

    # ---- as JAX gives them

    @cached_property
    def _gradient(self) -> Callable[..., Any]:
        return self._program.in_double(lambda f, leaves: jax.grad(f)(leaves))

    @cached_property
    def _hessian(self) -> Callable[..., Any]:
        return self._program.in_double(dense_hessian)

    @cached_property
    def _curvature(self) -> Callable[[list[Any]], Curvature]:
        return curvature_of(self._program)

    def jax_gradient(self, x: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """What `jax.grad` gives, right or not."""
        return flat(self._gradient(self._split(x)))

    def jax_hessian(self, x: Float[np.ndarray, " d"]) -> Float[np.ndarray, "d d"]:
        """What `jax.hessian` gives, right or not; made symmetric."""
        H = self._hessian(self._split(x))
        return (H + H.T) / 2

    # ---- of the function

    def gradient(self, x: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
        """∇f(x): JAX's, unless the gradients on the sides of x contradict it.

        Then it is where the sides come together as they come nearer, by extrapolation. If they do
        not, f has no gradient at x, and it is JAX's all the same, perhaps NaN.
        """
        here = self.jax_gradient(x)
        finite = bool(np.isfinite(here).all())
        if finite and not self.chooses:
            return here
        around = self._around(self.jax_gradient, x)
        if not np.isfinite(around).all():
            return here
        mean, spread = around.mean(axis=0), _spread(around)
        size = float(np.max(np.linalg.norm(around, axis=1)))
        if finite and np.linalg.norm(here - mean) <= spread + _AGREE * size:
            return here
        nearer = self._around(self.jax_gradient, x, nearer=_NEARER)
        if not _spread(nearer) <= 2 / _NEARER * spread + 1e-10 * size:
            return here
        return _at_none(around, nearer).mean(axis=0)

    def hessian(self, x: Float[np.ndarray, " d"]) -> tuple[Float[np.ndarray, "d d"], float]:
        """(∇²f(x), how far it may be off): JAX's, unless that of some side departs from it.

        Then it is the mean of what the sides come to as they come nearer, off by the largest
        distance between two of them (0 else).
        """
        here = self.jax_hessian(x)
        finite = bool(np.isfinite(here).all())
        if finite and not self.chooses:
            return here, 0.0
        around = self._around(self.jax_hessian, x)
        if not np.isfinite(around).all():
            return here, 0.0
        size = float(np.max(np.linalg.norm(around, axis=(1, 2))))
        apart = np.linalg.norm(around - here, axis=(1, 2)) if finite else np.inf
        if np.all(apart <= _AGREE * size):
            return here, 0.0
        limits = self._limits(self.jax_hessian, x, around)
        return limits.mean(axis=0), _spread(limits.reshape(len(limits), -1))

    def curvature(self, x: Float[np.ndarray, " d"]) -> Curvature:
        """The extreme eigenvalues of ∇²f at x: JAX's, unless those of some side depart from them.

        Then they are the extremes of what the sides come to as they come nearer.
        """
        here = self._curvature(self._split(x))
        if np.isfinite(here.norm) and not self.chooses:
            return here
        around = self._around(self._ends, x)
        known = np.isfinite(around).all(axis=1)
        if not known.any() or not (known.all() or np.isfinite(here.norm)):
            return Curvature(np.nan, np.nan, here.products)
        size = float(np.max(np.abs(around[known])))
        if np.all(np.abs(around[known] - here[:2]) <= _AGREE * size):
            return here
        limits = self._limits(self._ends, x, around)[known]
        spent = (1 + 2 * len(around)) * here.products
        return Curvature(float(np.min(limits[:, 0])), float(np.max(limits[:, 1])), spent)

    def jumps(self, x: Float[np.ndarray, " d"]) -> bool | None:
        """Whether ∇f is seen to jump near x, as near as the program's dtype can tell.

        Segments through x are halved, each time keeping the half in which ∇f changes more: a
        change that a derivative makes is halved, too. None where a gradient is not finite.
        """
        for u in self._segments(x):
            ends = [x - u, x + 0.7 * u]
            slopes = [self.jax_gradient(end) for end in ends]
            whole = changed = float(np.linalg.norm(slopes[1] - slopes[0]))
            for _ in range(16):
                middle = ends[0] / 2 + ends[1] / 2
                slope = self.jax_gradient(middle)
                keep = int(np.argmax([np.linalg.norm(slope - other) for other in slopes]))
                ends, slopes = [ends[keep], middle], [slopes[keep], slope]
                changed = float(np.linalg.norm(slopes[1] - slopes[0]))
            if not np.isfinite(changed):
                return None
            if changed > 1e-3 * whole:
                return True
        return False

    def value_jumps(self, x: Float[np.ndarray, " d"]) -> bool:
        """Whether f itself is seen to jump near x, beyond the rounding of the program's dtype."""
        for u in self._segments(x):
            way = np.stack([x - u, 2 * u, 0 * u, 0 * u])
            hair = float(hairs(way[None])[0])
            share = sharpest(self._values.each[0], way, hair)
            jump = self._values.jump(*arms(way, share), hair, least=16 * self._program.eps)
            if jump is not None and jump.order == 0:
                return True
        return False

    def _segments(self, x: Float[np.ndarray, " d"]) -> Iterator[Float[np.ndarray, " d"]]:
        """Halves of segments about x at random, as long as its dtype may be off."""
        size = max(1.0, float(np.linalg.norm(x)))
        reach = max(64 * self._program.eps, 1e-9) * size
        rng = np.random.default_rng(1)
        for _ in range(4):
            u = rng.standard_normal(len(x))
            yield u * (reach / np.linalg.norm(u))

    def _around(
        self, of: Callable[[Any], Any], x: Float[np.ndarray, " d"], nearer: float = 1.0
    ) -> np.ndarray:
        """What a derivative is on the sides of x, so many times nearer; a row each."""
        points = sides(x, 2 if len(x) <= _FEW else 1)
        return np.array([of(x + (point - x) / nearer) for point in points])

    def _limits(
        self, of: Callable[[Any], Any], x: Float[np.ndarray, " d"], around: np.ndarray
    ) -> np.ndarray:
        """What `around`, a second derivative on the sides of x, comes to as they come nearer.

        Where x is large a hair off it may be far: they come nearer until little changes.
        """
        nearer = 1.0
        for _ in range(4):
            nearer *= _NEARER
            following = self._around(of, x, nearer)
            if not np.isfinite(following).all():
                break
            if np.max(np.abs(following - around)) <= 1e-3 * np.max(np.abs(following)):
                return _at_none(around, following)
            around = following
        return around

    def _ends(self, x: Float[np.ndarray, " d"]) -> tuple[float, float]:
        found = self._curvature(self._split(x))
        return found.least, found.largest

    def _split(self, x: Float[np.ndarray, " d"]) -> list[np.ndarray]:
        return split(x, self._program.start)


def _compares(jaxpr: jex_core.Jaxpr) -> bool:
    """Whether the program asks for equality: a branch of its own at a single point."""
    return any(
        eqn.primitive.name in ("eq", "ne")
        or any(_compares(inner) for inner in jex_core.jaxprs_in_params(eqn.params))
        for eqn in jaxpr.eqns
    )


def _at_none(around: np.ndarray, nearer: np.ndarray) -> np.ndarray:
    """What rows come to at distance 0, when they are linear in it."""
    return nearer + (nearer - around) / (_NEARER - 1)


def _spread(rows: Float[np.ndarray, "n m"]) -> float:
    """The largest distance between two rows."""
    return max(float(np.linalg.norm(a - b)) for a in rows for b in rows)
