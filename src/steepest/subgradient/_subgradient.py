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
from typing import Any, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest.errors import NotLocallyLipschitzError, UnprovedError
from steepest.inputs import (
    Point,
    as_point,
    check_scalar,
    chosen_argument,
    function,
    is_traced,
    random_key,
)
from steepest.subgradient._along import JUMPS, SINGULAR, TIED
from steepest.subgradient._flat import Flat
from steepest.subgradient._plan import plan
from steepest.subgradient._program import Verdict, flags_at, subgradient_at


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
        `argnums`) of arrays of x's dtype. Under `jit` or `vmap` its result is NaN where no element
        can be proved (of numbers that leave the dtype's range it is what `jax.grad` makes of
        them); elsewhere it raises what follows.

    Raises:
        ArgumentError: x is missing or not a pytree of floats, or `key` is no key.
        NotScalarError: f does not return one real number.
        UnsupportedPrimitiveError: a primitive that is not known to be smooth, with the line.
        NotLocallyLipschitzError: f is not finite at x, or was found to jump or to steepen near x.
        UnprovedError: otherwise; the message names the line. Also where a derivative is not a
            finite number, as that of a branch that is not taken may be.

    A tie is a margin within 8·eps·Σ|terms| of the equations that made its operands, eps being that
    of their dtype (of a product with n terms within max(1, 8/n^¼)·eps·Σ|terms|).

    Where no choice can jump it runs in less than twice the time of `jax.grad` and compiles in about
    twice. Elsewhere (`sign`, `argmax`, `floor`, `cond`, selects not seen to be continuous, norms) a
    second reading stands by, which takes several times as long to compile.

    >>> import jax, jax.numpy as jnp
    >>> relu = lambda x: jnp.maximum(x, 0.0)
    >>> f = lambda x: relu(x) - relu(-x)
    >>> float(subgradient(f)(0.0)), float(jax.jit(subgradient(f))(0.0))
    (1.0, 1.0)
    >>> abs(float(subgradient(abs)(0.0)))
    1.0
    """
    key = random_key(key)
    traces = Traces(f, argnums)

    def whole(call: Any) -> tuple[list[Any], Verdict]:
        flat, leaves = traces.planned(call)
        return subgradient_at(flat, leaves, key)

    jitted = eqx.filter_jit(whole)

    def of_arguments(*args: Any, **kwargs: Any) -> PyTree:
        call, point = traces.checked(args, kwargs)
        gradient, verdict = whole(call) if is_traced((call, key)) else jitted(call)
        if is_traced((verdict, gradient)):  # here, or in what f closes over
            return point.restore(gradient)
        finite = all(np.isfinite(np.asarray(leaf)).all() for leaf in gradient)
        if not verdict.proved or not finite:
            refuse(verdict, traces, call, key)
        return point.restore(gradient)

    return of_arguments


class Traces:
    """f with some of its arguments as the point; checked, then traced."""

    def __init__(self, f: Any, argnums: int | Sequence[int]):
        self.f, self.argnums = function(f, "f"), argnums

    def checked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Point]:
        """The call with the point's variables as arrays, and the point."""
        point = as_point(self.pick(args), name="x")
        x = point.restore([jnp.asarray(leaf) for leaf in point.leaves])
        return (self.put(args, x), kwargs), as_point(x, name="x", finite=False)

    def pick(self, args: tuple[Any, ...]) -> Any:
        if isinstance(self.argnums, int):
            return chosen_argument(args, self.argnums)
        return tuple(chosen_argument(args, i) for i in self.argnums)

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

    def planned(self, call: Any) -> tuple[Flat, list[Any]]:
        """The program of a call, ready to be read, and the variables."""
        point = as_point(self.pick(call[0]), name="x", finite=False)
        leaves = list(point.leaves)
        g = self.of_x(call)
        closed = jax.make_jaxpr(lambda v: check_scalar(g(point.restore(v)), self.f))(leaves)
        return plan(closed), leaves


def refuse(verdict: Verdict, traces: Traces, call: Any, key: jax.Array) -> NoReturn:
    """Raise what `verdict` calls for: that no jump is found near x is no proof that there is none.

    Raises:
        NotLocallyLipschitzError, UnprovedError: see `subgradient`.
    """
    lines: list[str] = []

    @eqx.filter_jit
    def flags(call: Any) -> tuple[Any, ...]:
        flat, leaves = traces.planned(call)
        return flags_at(flat, leaves, key, lines)

    happened = [line for flag, line in zip(flags(call), lines, strict=True) if flag]
    where = lambda kind: ", ".join(
        dict.fromkeys(line.removeprefix(kind) for line in happened if line.startswith(kind))
    )
    if verdict.jump and not verdict.unproved:
        raise NotLocallyLipschitzError(
            f"f jumps at x: its value beside x is not its value at x ({where(JUMPS) or 'x'}); "
            "no subgradient exists there."
        )
    from steepest.clarke._clarke import generator
    from steepest.clarke._probe import Probe, jumps_near, slope_grows
    from steepest.pieces import trace

    program = trace(traces.of_x(call), traces.pick(call[0]))
    rng = generator(key)
    with jax.enable_x64(True), np.errstate(all="ignore"):
        probe = Probe(program)
        value = float(probe(probe.center[None])[0])
        if not np.isfinite(value):
            raise NotLocallyLipschitzError(
                f"f is {value} at x ({where(SINGULAR) or 'x'}); no subgradient exists there."
            )
        if verdict.open and jumps_near(probe, rng):
            raise NotLocallyLipschitzError(
                f"f jumps at points as near to x as rounding allows ({where(JUMPS)}); no "
                "subgradient exists there."
            )
        if verdict.unproved and slope_grows(probe, value, rng):
            raise NotLocallyLipschitzError(
                f"the slope of f grows without bound near x ({where(SINGULAR)}); no "
                "subgradient exists there."
            )
    if verdict.proved:
        raise UnprovedError(
            "a derivative is not a finite number at x, though f is one: perhaps that of a branch "
            "which is not taken there, or a number beyond the range of its dtype. Keep what such a "
            "branch is made of finite by a `where` of its own, or scale f."
        )
    lost = where(SINGULAR) or where(TIED) or where(JUMPS) or "some line"
    raise UnprovedError(
        f"no subgradient could be proved at x: the choice or the step at {lost} is tied or "
        "singular there to every order that is computed. Move x a little, or see "
        "clarke(f)(x), whose `inner` and `outer` bracket the differential."
    )
