"""A user's function as a JAX program: traced once in the user's precision, run in double.

Tracing under another precision than the user's breaks programs (a scan whose carry is written as
float32), so the jaxpr is taken as the user's own call would make it and then *interpreted* with
every floating-point value in float64. The object is the function: custom derivative rules and
`stop_gradient`, which change what `jax.grad` returns but not the function, are read through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.inputs import Point, as_point, check_scalar
from steepest.pieces._concrete import run
from steepest.pieces._double import run_in_double
from steepest.pieces._host import is_host


@dataclass(frozen=True)
class Program:
    """A scalar function of one point, as a jaxpr, with the point it was traced at.

    Attributes:
        closed: the jaxpr with the arrays that the function closes over (not copied).
        point: the user's point, checked.
    """

    closed: jex_core.ClosedJaxpr
    point: Point

    @property
    def start(self) -> list[np.ndarray]:
        """The point's variables in float64, leaf by leaf."""
        return [np.asarray(leaf, dtype=np.float64) for leaf in self.point.leaves]

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The function's value in float64; call it inside `jax.enable_x64(True)`.

        NumPy's arrays are computed with on the host, without compiling.
        """
        if all(is_host(leaf) for leaf in leaves):
            (value,) = run(self.closed, [np.asarray(leaf, np.float64) for leaf in leaves])
            return value
        (value,) = run_in_double(self.closed, list(leaves))
        return value


def is_double_enabled() -> bool:
    """JAX's own flag, as it stands for the caller."""
    return jax.dtypes.canonicalize_dtype(np.float64) == np.float64


def trace(f: Callable[..., Any], x: PyTree, *, name: str = "x") -> Program:
    """Trace a scalar f at x.

    A point that holds float64 numbers is traced in float64 whatever JAX's global flag says
    (otherwise arrays that f closes over would be rounded to float32 on the way in); any other
    point under the user's own flag.

    Raises:
        ArgumentError: x is not a point (see `as_point`).
        NotScalarError: f does not return one real number.
    """
    point = as_point(x, name=name)
    double = any(leaf.dtype == np.float64 for leaf in point.leaves)
    with jax.enable_x64(double or is_double_enabled()):
        leaves = [jnp.asarray(leaf) for leaf in point.leaves]
        closed, out = jax.make_jaxpr(
            lambda variables: f(point.restore(variables)), return_shape=True
        )(leaves)
    check_scalar(out, f)
    return Program(closed, point)
