"""A function at points: in float64, and as the caller would have it.

In float64 a few values are had soonest with NumPy, equation by equation; for many of a long
program, or where JAX would trace a loop anew each time, it is compiled. As the caller has it, f is
called as it is while it is short; JAX would compile each primitive of a long one for each shape,
and sooner compiles it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.homogeneity._rounding import RandomRounding
from steepest.inputs import Point
from steepest.pieces import run_in_double
from steepest.pieces._compile import compiled
from steepest.pieces._concrete import run

_LONG = 200  # equations
_FEW = 30  # evaluations


class Evaluation:
    """f, and the program that it was traced to, at the leaves of a point.

    Args:
        f: of a pytree like the point's.
        double: whether f is evaluated, and was traced, with JAX's float64 switched on.

    Attributes:
        is_long: whether values as the caller has them are had sooner than those in float64.
    """

    def __init__(
        self, f: Callable[[Any], Any], closed: jex_core.ClosedJaxpr, point: Point, *, double: bool
    ):
        self.f, self.closed, self.point, self.double = f, closed, point, double
        self.is_long = len(closed.jaxpr.eqns) > _LONG
        self._has_loops = _has_loops(closed.jaxpr)
        self._count = 0

    @cached_property
    def _compiled_in_double(self) -> Callable[[list[Any]], list[Any]]:
        return compiled(partial(run_in_double, self.closed))

    @cached_property
    def _compiled(self) -> Callable[..., list[Any]]:
        return compiled(jex_core.jaxpr_as_fun(self.closed))

    def in_double(self, leaves: Sequence[np.ndarray]) -> np.ndarray:
        """All entries of f, flat.

        Raises:
            UnsupportedPrimitiveError: see `run_in_double`.
        """
        self._count += 1
        compiling = self._has_loops or (self.is_long and self._count > _FEW)
        with jax.enable_x64(True):
            wide = [np.asarray(leaf, np.float64) for leaf in leaves]
            return _flat(self._compiled_in_double(wide) if compiling else run(self.closed, wide))

    @cached_property
    def _compiled_rounded(self) -> Callable[[list[Any], Any], list[Any]]:
        return compiled(lambda leaves, draw: RandomRounding(draw).run(self.closed, leaves))

    def rounded(self, leaves: Sequence[np.ndarray], draw: int) -> np.ndarray:
        """The same with each rounding drawn at random: see `RandomRounding`.

        Raises:
            UnsupportedPrimitiveError: see `run_in_double`.
        """
        with jax.enable_x64(True):
            wide = [np.asarray(leaf, np.float64) for leaf in leaves]
            seed = np.asarray(draw, np.uint64)
            if self._has_loops:
                return _flat(self._compiled_rounded(wide, seed))
            return _flat(RandomRounding(seed).run(self.closed, wide))

    def cast(self, leaves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Leaves in the caller's types."""
        return [
            np.asarray(leaf).astype(own.dtype)
            for leaf, own in zip(leaves, self.point.leaves, strict=True)
        ]

    def as_the_caller(self, leaves: Sequence[np.ndarray]) -> np.ndarray:
        """The same in the caller's own precision."""
        with jax.enable_x64(self.double):
            arrays = list(map(jnp.asarray, self.cast(leaves)))
            if self.is_long:
                return _flat(self._compiled(*arrays))
            return _flat(jax.tree.leaves(self.f(self.point.restore(arrays))))


def _has_loops(jaxpr: Any) -> bool:
    return any(
        eqn.primitive.name in ("scan", "while", "cond")
        or any(map(_has_loops, jex_core.jaxprs_in_params(eqn.params)))
        for eqn in jaxpr.eqns
    )


def _flat(outs: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.asarray(out, np.float64).reshape(-1) for out in outs])
