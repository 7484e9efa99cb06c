"""`subgradient`: an element of the Clarke differential at about the price of a gradient.

A random direction d breaks every tie, as in the lexicographic derivatives of Nesterov (2005) and
the directed derivatives of Khan and Barton (2013): a choice goes the way its margin moves along d,
by its first Taylor coefficient that is not zero. The pattern of choices found so holds on an open
cone at x, so that the gradient of the program with its choices held is the limit of gradients of f
itself: an element of ∂f(x). Automatic differentiation alone gives an element of a conservative
field, which may lie outside (Bolte and Pauwels 2020; Lee, Yu, Rival and Yang 2020).

A choice that stays tied to the last coefficient is harmless where its candidates have equal values
(max, min, abs, sort): that their first coefficients agree along a random d says that their
gradients do, with probability one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.errors import NotLocallyLipschitzError, SteepestError
from steepest.inputs import Point, as_point, check_scalar, is_traced
from steepest.subgradient._along import JUMPS, SINGULAR, TIED
from steepest.subgradient._program import (
    Beside,
    at_point,
    beside,
    frozen_gradient,
    is_tied,
    random_directions,
)


class UnprovedError(SteepestError, ArithmeticError):
    """What was asked for could not be proved at this point; the message names the line."""


def subgradient(
    f: Callable[..., Any],
    *,
    key: jax.Array | None = None,
    argnums: int | Sequence[int] = 0,
) -> Callable[..., PyTree]:
    """A drop-in for `jax.grad` that returns an element of ∂f(x): `subgradient(f)(x)`.

    The object is the function: custom derivative rules are ignored and `stop_gradient` is the
    identity. The result can be jitted, mapped and used inside a scan; same key, same element.

    Args:
        f: a function that returns one real number.
        key: of the direction that breaks ties; default `jax.random.key(0)`.
        argnums: which argument of f is x, or which.

    Returns: a function of f's arguments that returns a pytree like x (a tuple for several
        `argnums`) of arrays of x's dtype. Where no element can be proved it raises; under `jit` or
        `vmap` its result is NaN. It raises
        ArgumentError: x is not a pytree of floats.
        NotScalarError: f does not return one real number.
        UnsupportedPrimitiveError: a primitive that is not known to be smooth, with the line.
        NotLocallyLipschitzError: f jumps at x, or was found to jump or to grow steeper near x.
        UnprovedError: otherwise; the message names the line.

    A tie is a margin within 8·eps·Σ|terms| of the equations that made its operands, eps being that
    of their dtype (for matrix products a bound of the root-mean-square is taken).

    >>> import jax, jax.numpy as jnp
    >>> relu = lambda x: jnp.maximum(x, 0.0)
    >>> f = lambda x: relu(x) - relu(-x)
    >>> float(subgradient(f)(0.0)), float(jax.jit(subgradient(f))(0.0))
    (1.0, 1.0)
    >>> abs(float(subgradient(abs)(0.0)))
    1.0
    """
    key = jax.random.key(0) if key is None else key
    read = Reading(f, argnums)

    @eqx.filter_jit
    def quick(call: Any) -> tuple[list[Any], Any]:
        closed, leaves, _ = read.traced(call)
        _, found = at_point(closed, leaves)
        return frozen_gradient(closed, leaves, found.winners, None), is_tied(found)

    @eqx.filter_jit
    def careful(call: Any) -> tuple[list[Any], Beside]:
        closed, leaves, _ = read.traced(call)
        value, found = at_point(closed, leaves)
        directions = random_directions(key, leaves)
        side = beside(closed, leaves, directions, value, found=found)
        carried = directions if found.norms else None
        return frozen_gradient(closed, leaves, side.winners, carried), side._replace(winners=())

    def whole(call: Any) -> list[Any]:
        closed, leaves, _ = read.traced(call)
        value, found = at_point(closed, leaves)
        if not found.flags:
            return frozen_gradient(closed, leaves, found.winners, None)
        directions = random_directions(key, leaves)

        def break_ties() -> tuple[Any, Any]:
            side = beside(closed, leaves, directions, value, found=found)
            return side.winners, ~(side.jump | side.unproved | side.open)

        def as_they_are() -> tuple[Any, Any]:
            return tuple(found.winners), jnp.asarray(True)

        winners, proved = lax.cond(is_tied(found), break_ties, as_they_are)
        gradient = frozen_gradient(closed, leaves, winners, directions if found.norms else None)
        return [jnp.where(proved, g, jnp.nan) for g in gradient]

    def of_arguments(*args: Any, **kwargs: Any) -> PyTree:
        call, point = read.checked(args, kwargs)
        if is_traced(call):
            return point.restore(whole(call))
        gradient, tied = quick(call)
        if isinstance(tied, Tracer):  # f closes over an outer transformation's numbers
            return point.restore(whole(call))
        if tied:
            gradient, side = careful(call)
            if side.jump or side.unproved or side.open:
                require(side, read, call, key)
        return point.restore(gradient)

    return of_arguments


class Reading:
    """f with some of its arguments as the point; checked, then traced."""

    def __init__(self, f: Callable[..., Any], argnums: int | Sequence[int]):
        self.f, self.argnums = f, argnums

    def checked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Point]:
        """The call with the point's variables as arrays, and the point."""
        point = as_point(self.pick(args), name="x")
        x = point.restore([jnp.asarray(leaf) for leaf in point.leaves])
        return (self.put(args, x), kwargs), as_point(x, name="x", finite=False)

    def pick(self, args: tuple[Any, ...]) -> Any:
        if isinstance(self.argnums, int):
            return args[self.argnums]
        return tuple(args[i] for i in self.argnums)

    def put(self, args: tuple[Any, ...], x: Any) -> tuple[Any, ...]:
        filled = list(args)
        if isinstance(self.argnums, int):
            filled[self.argnums] = x
        else:
            for i, part in zip(self.argnums, x, strict=True):
                filled[i] = part
        return tuple(filled)

    def of_x(self, call: Any) -> Callable[[Any], Any]:
        args, kwargs = call
        return lambda x: self.f(*self.put(args, x), **kwargs)

    def traced(self, call: Any) -> tuple[jex_core.ClosedJaxpr, list[Any], Point]:
        point = as_point(self.pick(call[0]), name="x", finite=False)
        leaves = list(point.leaves)
        g = self.of_x(call)
        closed, out = jax.make_jaxpr(lambda v: g(point.restore(v)), return_shape=True)(leaves)
        check_scalar(out, self.f)
        return closed, leaves, point


def require(side: Beside, read: Reading, call: Any, key: jax.Array | None) -> None:
    """Raise what `side` calls for: that no jump is found near x is no proof that there is none.

    Raises:
        NotLocallyLipschitzError, UnprovedError: see `subgradient`.
    """
    lines = lines_of(read, call)
    where = lambda kind: ", ".join(
        dict.fromkeys(
            line.removeprefix(kind)
            for line, flag in zip(lines, side.flags, strict=True)
            if flag and line.startswith(kind)
        )
    )
    if side.jump and not side.unproved:
        raise NotLocallyLipschitzError(
            f"f jumps at x: its value beside x is not its value at x ({where(JUMPS) or 'x'}); "
            "no subgradient exists there."
        )
    if side.open or side.unproved:
        from steepest.clarke._clarke import generator
        from steepest.clarke._probe import Probe, jumps_near, slope_grows
        from steepest.pieces import trace

        program = trace(read.of_x(call), read.pick(call[0]))
        rng = generator(key)
        with jax.enable_x64(True), np.errstate(all="ignore"):
            probe = Probe(program)
            if side.open and jumps_near(probe, rng):
                raise NotLocallyLipschitzError(
                    f"f jumps at points as near to x as rounding allows ({where(JUMPS)}); no "
                    "subgradient exists there."
                )
            value = float(probe(probe.center[None])[0])
            if side.unproved and slope_grows(probe, value, rng):
                raise NotLocallyLipschitzError(
                    f"the slope of f grows without bound near x ({where(SINGULAR)}); no "
                    "subgradient exists there."
                )
    if side.unproved or side.open:
        lost = where(SINGULAR) or where(TIED) or where(JUMPS)
        raise UnprovedError(
            f"no subgradient could be proved at x: the choice or the step at {lost} is tied or "
            "singular there to every order that is computed. Move x a little, or see "
            "clarke(f)(x), whose `inner` and `outer` bracket the differential."
        )


def lines_of(read: Reading, call: Any) -> list[str]:
    """The lines that the flags of a reading along a direction belong to."""
    lines: list[str] = []

    def again() -> Any:
        closed, leaves, _ = read.traced(call)
        value, found = at_point(closed, leaves)
        zeros = [jnp.zeros_like(leaf) for leaf in leaves]
        return beside(closed, leaves, zeros, value, found=found, lines=lines).jump

    jax.eval_shape(again)
    return lines
