"""A user's function as a JAX program: traced once in the user's precision, run in double.

Tracing under another precision than the user's breaks programs (a scan whose carry is written as
float32), so the jaxpr is taken as the user's own call would make it and then *interpreted* with
every floating-point value in float64. The object is the function: custom derivative rules and
`stop_gradient`, which change what `jax.grad` returns but not the function, are read through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.errors import UnsupportedPrimitiveError
from steepest.inputs import Point, as_point, check_scalar
from steepest.pieces._closed import detached
from steepest.pieces._concrete import run
from steepest.pieces._double import run_in_double
from steepest.pieces._host import is_host
from steepest.pieces._missing import holds_nan
from steepest.pieces._number import dtype_eps
from steepest.pieces._source import user_line


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

    def leaves(self, flat: Any) -> list[Any]:
        """A vector of R^d cut into the point's variables, leaf by leaf."""
        cut, place = [], 0
        for leaf in self.point.leaves:
            size = int(np.prod(leaf.shape))
            cut.append(flat[place : place + size].reshape(leaf.shape))
            place += size
        return cut

    @cached_property
    def eps(self) -> float:
        """The rounding unit of the coarsest type that it computes in."""
        return max(map(dtype_eps, [leaf.dtype for leaf in self.point.leaves] + _types(self.closed)))

    @cached_property
    def _holds_nan(self) -> bool:
        return holds_nan(self.closed)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The function's value in float64; call it inside `jax.enable_x64(True)`.

        NumPy's arrays are computed with on the host, without compiling.
        """
        if all(is_host(leaf) for leaf in leaves):
            (value,) = run(self.closed, [np.asarray(leaf, np.float64) for leaf in leaves])
            return value
        (value,) = run_in_double(self.closed, list(leaves), nan=self._holds_nan)
        return value

    def in_double(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function(f, *args)`, jitted in double precision, with NumPy arrays as its results.

        Here f takes the point's variables, leaf by leaf, to the function's value. The arrays that
        the function closes over go in as arguments, so none is folded into the compiled program.
        NaN among them that the function leaves out does not spoil its derivatives.
        """
        jaxpr, nan = self.closed.jaxpr, self._holds_nan

        @jax.jit
        def run(consts: list[Any], *args: Any) -> Any:
            def f(leaves: Sequence[Any]) -> Any:
                closed = jex_core.ClosedJaxpr(jaxpr, consts)
                (value,) = run_in_double(closed, list(leaves), nan=nan)
                return value

            return function(f, *args)

        def call(*args: Any) -> Any:
            with jax.enable_x64(True), loops_named(lambda: jaxpr):
                return jax.tree.map(np.asarray, run(self.closed.consts, *args))

        return call


@contextmanager
def loops_named(jaxpr: Callable[[], jex_core.Jaxpr]) -> Iterator[None]:
    """JAX's error about a loop that has no reverse derivative as ours, with the user's line.

    Raises:
        UnsupportedPrimitiveError: the program differentiated within is one of these.
    """
    try:
        yield
    except ValueError as error:
        if "Reverse-mode differentiation does not work" not in str(error):
            raise
        raise UnsupportedPrimitiveError(
            f"f loops with {_first_loop(jaxpr())}, which cannot be differentiated in reverse (a "
            "custom derivative rule around it is read through, since it is the function that "
            "counts); write it as a scan of fixed length."
        ) from error


def is_double_enabled() -> bool:
    """JAX's own flag, as it stands for the caller."""
    return jax.dtypes.canonicalize_dtype(np.float64) == np.float64


def _first_loop(jaxpr: jex_core.Jaxpr, *callers: Any) -> str:
    """The first `while` of the program, with the user's line."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "while":
            return f"`while` at {user_line(eqn, *callers)}"
        for inner in jex_core.jaxprs_in_params(eqn.params):
            if found := _first_loop(inner, eqn, *callers):
                return found
    return ""


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
        closed = jax.make_jaxpr(lambda v: check_scalar(f(point.restore(v)), f))(leaves)
    return Program(detached(closed), point)


def _types(closed: Any) -> list[Any]:
    """Of all arrays that the program makes, those in loops and branches too."""
    jaxpr = getattr(closed, "jaxpr", closed)
    found: list[Any] = []
    for eqn in jaxpr.eqns:
        found += [var.aval.dtype for var in eqn.outvars if hasattr(var.aval, "dtype")]
        for inner in jex_core.jaxprs_in_params(eqn.params):
            found += _types(inner)
    return found
