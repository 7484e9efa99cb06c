"""The first reading: values at the point, and whether anything is tied there."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces import _smooth as smooth
from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient._flat import Apply
from steepest.subgradient._reading import Reading
from steepest.subgradient._sites import along_axes, is_near, order_along, plain_winners
from steepest.subgradient._sizes import size_of
from steepest.subgradient._structure import is_nonnegative, is_positive
from steepest.subgradient._value import Value, eps_of, is_float


def singular_rule(name: str, inputs: list[Value]) -> Any:
    """Where a step is not smooth, or None if it is so everywhere."""
    if name == "pow" and inputs[1].varies and not is_positive(inputs[0]):
        return smooth.varying_power
    if name == "div" and not inputs[1].varies:
        return None
    if name in _FINE_IF_POSITIVE and is_positive(inputs[_FINE_IF_POSITIVE[name]]):
        return None
    if name == "log1p" and is_nonnegative(inputs[0]):
        return None
    return smooth.SINGULAR.get(name)


# … with the place of the argument.
_FINE_IF_POSITIVE = {"sqrt": 0, "rsqrt": 0, "log": 0, "pow": 0, "cbrt": 0, "div": 1}


def room(v: Value, eps: float) -> Any:
    return 0.0 if v.size is None else TIE_FACTOR * eps * v.size  # whole numbers are exact


class Plain(Reading):
    """Values and sizes at the point; `found.flags` tell where something is tied or singular."""

    def variable(self, array: Any, place: int) -> Value:
        return Value(array, True, jnp.abs(array))

    def tied(self, line: str, mask: Any) -> None:
        self.found.flags.append((line, jnp.any(mask)))

    def step(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        arrays = [v.array for v in inputs]
        rule = singular_rule(name, inputs)
        if rule is not None:
            eps = eps_of(inputs)
            singular = rule(arrays, [room(v, eps) for v in inputs], params)
            self.tied(line, singular)
            is_norm = name == "sqrt" and inputs[0].squares
            self.found.norms += is_norm
            nothing = jnp.zeros(jnp.shape(singular), bool)
            self.found.winners.append((singular, nothing, jnp.ones_like(arrays[0])))
        outs = apply(arrays)
        sizes = size_of(name, params, inputs, outs, apply)
        return [Value(o, True, s) for o, s in zip(outs, sizes, strict=True)]

    def larger(self, a: Value, b: Value, line: str) -> Value:
        eps = eps_of([a, b])
        first = a.array >= b.array
        self.tied(line, is_near(a.array, b.array, TIE_FACTOR * eps * (a.size + b.size)))
        self.found.winners.append(first)
        size = jnp.where(first, a.size, b.size)
        return Value(jnp.maximum(a.array, b.array), True, size)

    def switch(self, u: Value, v: Value, cases: list[Value], line: str) -> Value:
        first = u.array >= v.array
        self.tied(line, is_near(u.array, v.array, TIE_FACTOR * eps_of([u, v]) * (u.size + v.size)))
        self.found.winners.append(first)
        pick = lambda a, b: jnp.where(first, a, b)
        return Value(pick(cases[0].array, cases[1].array), True, pick(cases[0].size, cases[1].size))

    def largest(self, views: Any, x: Value, params: dict[str, Any], line: str) -> Value:
        keys = views(x.array, params, -jnp.inf)
        sizes = views(x.size, params, 0.0)
        winners, tied = plain_winners(keys, sizes, eps_of([x]))
        self.tied(line, tied)
        self.found.winners.append(winners)
        size = jnp.max(jnp.where(winners, sizes, 0), axis=0)
        return Value(jnp.max(keys, axis=0), True, size)

    def jump(self, array: Any) -> Value:
        self.found.jumps += 1
        self.found.winners.append(array)
        return Value(array, True, jnp.abs(array) if is_float(array) else None)

    def compare(self, name: str, a: Value, b: Value, line: str) -> Value:
        room = TIE_FACTOR * eps_of([a, b]) * (a.size + b.size)
        self.tied(line, is_near(a.array, b.array, room))
        return self.jump(COMPARE[name](a.array, b.array))

    def equal(self, name: str, a: Value, b: Value, line: str) -> Value:
        return self.compare(name, a, b, line)

    def index(self, x: Value, params: dict[str, Any], line: str) -> Value:
        keys, sizes = along_axes(x.array, params, 0.0), along_axes(x.size, params, 0.0)
        _, tied = plain_winners(keys, sizes, eps_of([x]))
        self.tied(line, tied)
        return self.jump(jnp.argmax(keys, axis=0).astype(params["index_dtype"]))

    def stairs(self, name: str, x: Value, line: str) -> Value:
        self.tied(line, jnp.abs(x.array - threshold(name, x.array)) <= room(x, eps_of([x])))
        return self.jump(STAIRS[name](x.array))

    def order(self, x: Value, axis: int, line: str, several: bool) -> Value:
        none = jnp.zeros((0, *x.shape), x.array.dtype)
        order, tied, _ = order_along(x.array, x.size, none, none, axis, eps_of([x]))
        self.tied(line, tied)
        self.found.winners.append(order)
        self.found.jumps += several
        return Value(order, True)

    def components(self, v: Value) -> tuple[Any, ...]:
        if not v.is_float:
            return (v.array,)
        return jnp.asarray(v.array), jnp.broadcast_to(jnp.asarray(v.size, v.array.dtype), v.shape)

    def restored(self, parts: tuple[Any, ...]) -> Value:
        return Value(parts[0], True, parts[1] if len(parts) > 1 else None)

    def child(self, winners: Any) -> Plain:
        return Plain()


def threshold(name: str, x: Any) -> Any:
    """The step of the stairs that is nearest; infinite where there is none near."""
    if name == "sign":
        return jnp.zeros_like(x)
    if name == "round":
        return jnp.floor(x) + 0.5
    near = jnp.round(x)
    return jnp.where(near == 0, jnp.inf, near) if name == "trunc" else near


COMPARE = {
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "lt_to": lambda a, b: a < b,
    "le_to": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
}
STAIRS = {
    "sign": jnp.sign,
    "floor": jnp.floor,
    "ceil": jnp.ceil,
    "round": lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "trunc": jnp.trunc,
}
