"""The reading in one pass, for programs whose choices cannot jump.

Candidates that tie have equal values, so that the choice matters to the gradient alone, and first
coefficients along one random direction decide: where they are equal too, so are the candidates'
gradients, with probability one, and either may go on. Nothing is read twice: the pass is the
function that is differentiated, its winners computed from numbers behind a stop_gradient.

A step that is singular at the point makes NaN, which spreads through whatever rests on it and is
lost where it is not chosen: a finite value at the end is a proof.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._flat import Apply
from steepest.subgradient._frozen import mended
from steepest.subgradient._plain import room, singular_rule
from steepest.subgradient._reading import Reading
from steepest.subgradient._sites import near_top, one_hot, order_along
from steepest.subgradient._sizes import size_of
from steepest.subgradient._slopes import slope_of, slopes
from steepest.subgradient._structure import is_nonnegative, is_positive
from steepest.subgradient._value import Value, eps_of


class NeedsCareError(Exception):
    """The program holds what one pass does not read: a jump, a root at zero, an order of NaN."""


class OnePass(Reading):
    """See the module. `carries`: whether slopes are, for there is a choice."""

    def __init__(self, directions: list[Any], carries: bool):
        super().__init__()
        self.directions, self.carries = directions, carries

    def variable(self, array: Any, place: int) -> Value:
        fixed = lax.stop_gradient(array)
        return Value(array, True, lax.abs(fixed), tangent=self.directions[place])

    def step(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        wants_slopes, wants_sizes = self.wants
        rule, singular, used = singular_rule(name, inputs), None, inputs
        if rule is not None:
            if name == "sqrt" and is_nonnegative(inputs[0]):
                raise NeedsCareError
            held = [still(v) for v in inputs]
            singular = rule([v.array for v in held], [room(v, eps_of(held)) for v in held], params)
            self.found.flags.append((line, jnp.any(singular)))
            used = [mended(v, singular) for v in inputs]
        arrays = apply([v.array for v in used])
        outs = [Value(array, True) for array in arrays]
        if wants_slopes and self.carries:
            for out, slope in zip(outs, slopes(name, params, used, outs, apply), strict=True):
                out.tangent = slope
        if wants_sizes and any(out.is_float for out in outs):
            fixed = [still(v) for v in used]
            found = size_of(name, params, fixed, [still(v).array for v in outs], apply)
            for out, size in zip(outs, found, strict=True):
                out.size = size
        if singular is not None:
            (out,) = outs
            out.array = _with_nan(out.array, singular)
        doubtful = singular is not None or any(v.doubtful for v in inputs)
        if doubtful and name == "mul":
            # A constant zero makes zero of whatever it multiplies.
            for v in inputs:
                if not v.varies and not is_positive(v):
                    outs[0].array = jnp.where(v.array == 0, 0, outs[0].array)
        for out in outs:
            out.doubtful = doubtful
        return outs

    # ---- choices

    def ahead(self, a: Value, b: Value) -> Any:
        """Where a goes on: by margin, by slope where that is tied; NaN before any number."""
        x, y = still(a), still(b)
        gap = x.array - y.array
        near = lax.abs(gap) <= TIE_FACTOR * eps_of([a, b]) * (x.size + y.size)
        first = jnp.where(near, _or_zero(a) >= _or_zero(b), ~(gap < 0) if a.varies else gap >= 0)
        return first & ~jnp.isnan(y.array) if a.varies and b.varies else first

    def picked(self, first: Any, a: Value, b: Value) -> Value:
        pick = lambda x, y: jnp.where(first, x, y)
        out = Value(pick(a.array, b.array), True, doubtful=a.doubtful or b.doubtful)
        if out.is_float and self.wants[0] and self.carries:
            out.tangent = pick(_or_zero(a), _or_zero(b))
        if out.is_float and self.wants[1]:
            out.size = pick(still(a).size, still(b).size)
        return out

    def larger(self, a: Value, b: Value, line: str) -> Value:
        return self.picked(self.ahead(a, b), a, b)

    def switch(self, u: Value, v: Value, cases: list[Value], line: str) -> Value:
        out = self.picked(self.ahead(u, v), cases[0], cases[1])
        for margin in (u, v):
            if margin.doubtful and out.is_float:
                out.array = _with_nan(out.array, jnp.isnan(still(margin).array))
                out.doubtful = True
        return out

    def largest(self, views: Any, x: Value, params: dict[str, Any], line: str) -> Value:
        fixed = still(x)
        keys, sizes = views(fixed.array, params, -jnp.inf), views(fixed.size, params, 0.0)
        near = near_top(keys, sizes, jnp.ones(keys.shape, bool), eps_of([x]))
        slopes = jnp.where(near, views(_or_zero(x), params, 0.0), -jnp.inf)
        winner = one_hot(jnp.argmax(slopes, axis=0).astype(jnp.int32), keys.shape[0])
        zero = jnp.zeros_like(keys)
        pick = lambda v: jnp.sum(jnp.where(winner, views(v, params, 0.0), zero), axis=0)
        array = _with_nan(pick(x.array), jnp.isnan(jnp.max(keys, axis=0)))
        return Value(array, True, pick(fixed.size), tangent=pick(_or_zero(x)), doubtful=x.doubtful)

    def order(self, x: Value, axis: int, line: str, several: bool) -> Value:
        if several or x.doubtful:  # the place of what is not known is not known
            raise NeedsCareError
        fixed, slope = still(x), _or_zero(x)[None]
        order, _, _ = order_along(
            fixed.array, fixed.size, slope, jnp.zeros_like(slope), axis, eps_of([x])
        )
        return Value(order, True)

    # ---- what can jump is not for one pass

    def compare(self, name: str, a: Value, b: Value, line: str) -> Value:
        raise NeedsCareError

    def equal(self, name: str, a: Value, b: Value, line: str) -> Value:
        raise NeedsCareError

    def index(self, x: Value, params: dict[str, Any], line: str) -> Value:
        raise NeedsCareError

    def stairs(self, name: str, x: Value, line: str) -> Value:
        raise NeedsCareError

    # ---- loops

    def components(self, v: Value) -> tuple[Any, ...]:
        array = jnp.asarray(v.array)
        if not v.is_float:
            return (array,)
        size = jnp.broadcast_to(still(v).size, v.shape).astype(array.dtype)
        return array, size, lax.stop_gradient(jnp.broadcast_to(_or_zero(v), v.shape))

    def restored(self, parts: tuple[Any, ...]) -> Value:
        array, *rest = parts
        out = Value(array, True, *(lax.stop_gradient(part) for part in rest[:1]), doubtful=True)
        out.tangent = lax.stop_gradient(rest[1]) if rest else None
        return out

    def child(self, winners: Any) -> OnePass:
        return OnePass(self.directions, self.carries)


def still(v: Value) -> Value:
    """The value as a constant to derivatives."""
    if not v.is_float:
        return v
    array = lax.stop_gradient(v.array) if v.varies else v.array
    size = lax.abs(jnp.asarray(array)) if v.size is None else v.size
    return Value(array, v.varies, size, nonnegative=v.nonnegative, positive=v.positive, name=v.name)


def _with_nan(array: Any, lost: Any) -> Any:
    """NaN where `lost` holds; added, so that nothing of it is kept for the derivative."""
    return array + jnp.where(lost, jnp.asarray(jnp.nan, array.dtype), jnp.zeros((), array.dtype))


def _or_zero(v: Value) -> Any:
    if v.tangent is not None:
        return slope_of(v)
    return jnp.zeros((), v.array.dtype) if not v.varies else jnp.zeros(v.shape, v.array.dtype)
