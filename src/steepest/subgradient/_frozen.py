"""The third reading: the program with every choice held, for `jax.grad` to differentiate.

At a norm's zero, √s with s = ‖Av‖², the gradient just beside the point in direction d is
∇s / (2√s) → Aᵀ(Ad/‖Ad‖): the derivative of the number ds/dt / (2‖Ad‖), which is carried along
where the program holds a norm.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from steepest.subgradient._directions import RankOne
from steepest.subgradient._flat import Apply
from steepest.subgradient._plain import singular_rule
from steepest.subgradient._reading import Reading
from steepest.subgradient._value import Value


class Frozen(Reading):
    """Reads the winners in program order; `directions` (or None) carries tangents along."""

    def __init__(self, winners: list[Any], directions: list[Any] | None):
        super().__init__()
        self.winners = iter(winners)
        self.directions = directions

    @property
    def carries(self) -> bool:
        return self.directions is not None

    def variable(self, array: Any, place: int) -> Value:
        tangent = None if self.directions is None else self.directions[place]
        return Value(array, True, tangent=tangent)

    def applied(self, inputs: list[Value], apply: Apply) -> list[Value]:
        arrays = [v.array for v in inputs]
        moving = [i for i, v in enumerate(inputs) if v.tangent is not None]
        if not moving:
            return [Value(o, True) for o in apply(arrays)]

        def of_moving(*some: Any) -> list[Any]:
            filled = list(arrays)
            for i, value in zip(moving, some, strict=True):
                filled[i] = value
            return apply(filled)

        outs, tangents = jax.jvp(
            of_moving, [arrays[i] for i in moving], [inputs[i].tangent for i in moving]
        )
        return [
            Value(o, True, tangent=t if jnp.issubdtype(o.dtype, jnp.floating) else None)
            for o, t in zip(outs, tangents, strict=True)
        ]

    def step(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        if singular_rule(name, inputs) is None:
            return self.applied(inputs, apply)
        singular, norm, length = next(self.winners)
        # Not defined there: a harmless argument keeps NaN out of the derivatives of the others.
        safe = [mended(v, singular) for v in inputs]
        outs = self.applied(safe, apply)
        if name == "sqrt":
            (out,), (s,) = outs, inputs
            if s.tangent is not None and s.squares:
                slope = s.tangent / (2 * length)
                out.array = jnp.where(norm, slope, jnp.where(singular, 0.0, out.array))
                out.tangent = jnp.where(norm, length, out.tangent)
            else:
                out.array = jnp.where(singular, jnp.zeros_like(out.array), out.array)
        return outs

    def larger(self, a: Value, b: Value, line: str) -> Value:
        first = next(self.winners)
        return self.applied([a, b], lambda v: [jnp.where(first, v[0], v[1])])[0]

    def switch(self, u: Value, v: Value, cases: list[Value], line: str) -> Value:
        return self.larger(cases[0], cases[1], line)

    def largest(self, views: Any, x: Value, params: dict[str, Any], line: str) -> Value:
        winners = next(self.winners)

        def chosen(v: list[Any]) -> list[Any]:
            keys = views(v[0], params, 0.0)
            return [jnp.sum(jnp.where(winners, keys, jnp.zeros_like(keys)), axis=0)]

        return self.applied([x], chosen)[0]

    def held(self) -> Value:
        return Value(next(self.winners), True)

    def compare(self, name: str, a: Value, b: Value, line: str) -> Value:
        return self.held()

    def equal(self, name: str, a: Value, b: Value, line: str) -> Value:
        return self.held()

    def index(self, x: Value, params: dict[str, Any], line: str) -> Value:
        return self.held()

    def stairs(self, name: str, x: Value, line: str) -> Value:
        return self.held()

    def order(self, x: Value, axis: int, line: str, several: bool) -> Value:
        return self.held()

    def components(self, v: Value) -> tuple[Any, ...]:
        if not v.is_float or not self.carries:
            return (v.array,)
        tangent = jnp.zeros_like(v.array) if v.tangent is None else v.tangent
        return v.array, tangent

    def restored(self, parts: tuple[Any, ...]) -> Value:
        return Value(parts[0], True, tangent=parts[1] if len(parts) > 1 else None)

    def child(self, winners: Any) -> Frozen:
        return Frozen(list(winners), self.directions)


def mended(v: Value, mask: Any) -> Value:
    """The value with ½ where `mask` holds."""
    if not v.is_float:
        return v
    shape = jnp.broadcast_shapes(v.shape, jnp.shape(mask))
    array = jnp.where(mask, jnp.asarray(0.5, v.array.dtype), jnp.broadcast_to(v.array, shape))
    tangent = v.tangent.array if isinstance(v.tangent, RankOne) else v.tangent
    if tangent is not None:
        tangent = jnp.where(mask, jnp.zeros_like(tangent), jnp.broadcast_to(tangent, shape))
    return Value(
        array,
        v.varies,
        v.size,
        v.series,
        v.spans,
        tangent,
        v.unproved,
        v.jumped,
        v.root,
        nonnegative=v.nonnegative,
        positive=v.positive,
        doubtful=v.doubtful,
        squares=v.squares,
        name=v.name,
    )
