"""The second reading: the program just beside the point, along a direction.

Every number is a Taylor polynomial in t > 0, and a choice follows the leading coefficient of its
margin. A winner found so wins on an open cone at the point. What does not rest on that is marked:

- *unproved*: a choice that jumps stayed tied to the last coefficient, or a step is singular there;
- *jumped*: the number may differ on the other side of a tied jump. The mark ends where a function
  of one number is seen to agree on both sides, and where a comparison or an index picks among the
  very numbers that it compared.

For the second mark the reading is run on three sides at once, d, −d and 0, by `jax.vmap` with the
axis named in `sides`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from steepest.pieces._walk import TIE_FACTOR
from steepest.subgradient import _taylor as taylor
from steepest.subgradient._agreement import stacked
from steepest.subgradient._flat import Apply
from steepest.subgradient._frozen import mended
from steepest.subgradient._marking import Marking
from steepest.subgradient._plain import STAIRS, room, singular_rule, threshold
from steepest.subgradient._roots import rooted
from steepest.subgradient._sites import (
    along_axes,
    is_near,
    near_top,
    one_hot,
    order_along,
    plain_winners,
    winners_along,
)
from steepest.subgradient._sizes import size_of
from steepest.subgradient._spans import coefficients
from steepest.subgradient._taylor import ORDER
from steepest.subgradient._value import Value, either, eps_of, is_float

# Kinds of flags, before the line.
SINGULAR, TIED, JUMPS = "singular ", "tied ", "jumps "


class Along(Marking):
    """See the module. `lenient`: take the root of anything that grows like t² for a norm, since
    only the values along the direction count. `order`: the number of Taylor coefficients."""

    def __init__(
        self, directions: list[Any], sides: str | None, lenient: bool = False, order: int = ORDER
    ):
        super().__init__(sides)
        self.directions, self.lenient, self.degree = directions, lenient, order

    def variable(self, array: Any, place: int) -> Value:
        d = self.directions[place][None]
        return rooted(Value(array, True, jnp.abs(array), d, jnp.abs(d)))

    def mark(self, kind: str, line: str, mask: Any) -> None:
        self.found.flags.append((f"{kind}{line}", jnp.any(mask)))

    # ---- smooth steps

    def step(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        rule = singular_rule(name, inputs)
        singular = norm = bad = None
        used = inputs
        if rule is not None:
            eps = eps_of(inputs)
            singular = rule([v.array for v in inputs], [room(v, eps) for v in inputs], params)
            norm, length = self.norms(name, inputs[0], singular, eps)
            bad = singular & ~norm
            self.mark(SINGULAR, line, bad)
            self.found.winners.append((singular, norm, length))
            used = [mended(v, singular) for v in inputs]
        arrays = [v.array for v in used]
        outs = apply(arrays)
        sizes = size_of(name, params, used, outs, apply)
        rows = coefficients(name, params, used, outs, apply, self.degree)
        values = [
            Value(o, True, s, series, spans)
            for o, s, (series, spans) in zip(outs, sizes, rows, strict=True)
        ]
        if singular is not None:
            (out,) = values
            # A root is zero where it is singular; of the others not even the value is known.
            value = 0.0 if name in ("sqrt", "cbrt") else jnp.nan
            out.array = jnp.where(singular, jnp.asarray(value, out.array.dtype), out.array)
            if name == "sqrt":
                self.add_norm(out, inputs[0], norm)
        self.spread_marks(name, params, inputs, values, apply, bad)
        return values

    def norms(self, name: str, s: Value, singular: Any, eps: float) -> tuple[Any, Any]:
        """Where s = c_2 t² + …, c_2 > 0, stands under a root; and √c_2."""
        nothing = jnp.zeros(jnp.shape(singular), bool)
        length = jnp.ones_like(s.array)
        if name != "sqrt" or not (s.squares or self.lenient):
            return nothing, length
        self.found.norms += s.squares
        if s.series is None or s.series.shape[0] < 2:
            return nothing, length
        near = lambda k: jnp.abs(s.series[k]) <= TIE_FACTOR * eps * s.spans[k]
        grows = (s.series[1] > 0) & ~near(1)
        zero = jnp.abs(s.array) <= room(s, eps)
        norm = singular & zero & near(0) & grows
        return norm, jnp.where(norm, jnp.sqrt(jnp.where(norm, s.series[1], 1)), length)

    def add_norm(self, out: Value, s: Value, norm: Any) -> None:
        if s.series is None or s.series.shape[0] < 2 or not (s.squares or self.lenient):
            return
        safe = [jnp.where(norm, jnp.zeros_like(s.array), s.array)]
        safe += [jnp.where(norm, c, jnp.ones_like(c)) for c in s.series]
        safe[1] = jnp.zeros_like(s.array)
        row = jnp.stack(taylor.root_at_zero(safe)[1:])
        out.series = jnp.where(norm, row, out.series)
        out.spans = jnp.where(norm, jnp.abs(row), out.spans)

    # ---- choices

    def pair(self, a: Value, b: Value) -> tuple[Any, Any, Any, Any]:
        """(index of the larger, tied at the point, tied to the end, candidates left)."""
        eps = eps_of([a, b])
        keys = jnp.stack(jnp.broadcast_arrays(a.array, b.array))
        sizes = jnp.stack(jnp.broadcast_arrays(a.size, b.size, keys[0])[:2])
        series, spans = stacked(a, b, keys.shape[1:])
        index, open_, alive = winners_along(keys, sizes, series, spans, eps)
        near = is_near(keys[0], keys[1], TIE_FACTOR * eps * (sizes[0] + sizes[1]))
        return index, near, open_, alive

    def larger(self, a: Value, b: Value, line: str) -> Value:
        return self.picked(a, b, [a, b])

    def switch(self, u: Value, v: Value, cases: list[Value], line: str) -> Value:
        out = self.picked(u, v, cases)
        for mark in ("unproved", "jumped"):  # a margin that is not sound decides nothing
            setattr(out, mark, either(getattr(out, mark), getattr(u, mark), getattr(v, mark)))
        return out

    def picked(self, a: Value, b: Value, cases: list[Value]) -> Value:
        """The first case where a is larger, the second where b is; equal where a and b are."""
        index, near, _, alive = self.pair(a, b)
        first = index == 0
        self.found.winners.append(first)
        pick = lambda x, y: jnp.where(first, x, y)
        out = Value(pick(cases[0].array, cases[1].array), True)
        if out.is_float:
            series, spans = stacked(cases[0], cases[1], jnp.shape(out.array))
            out.size = pick(cases[0].size, cases[1].size)
            if series.shape[0]:
                out.series = pick(series[:, 0], series[:, 1])
                out.spans = pick(spans[:, 0], spans[:, 1])
        for v in (a, b):  # what is not known may be the larger
            if v.unproved is not None:
                out.unproved = either(out.unproved, v.unproved & jnp.isnan(v.array))
        for i, case in enumerate(cases):
            seen = alive[i]
            if case.unproved is not None:
                out.unproved = either(out.unproved, seen & case.unproved)
            if case.jumped is not None:  # it may win on another side
                out.jumped = either(out.jumped, (seen | near) & case.jumped)
        self.set_roots("max", {}, [a, b, *cases], [out], lambda v: v)
        self.close(out)
        return out

    def largest(self, views: Any, x: Value, params: dict[str, Any], line: str) -> Value:
        keys, sizes = views(x.array, params, -jnp.inf), views(x.size, params, 0.0)
        n = 0 if x.series is None else x.series.shape[0]
        many = lambda stack: (
            jax.vmap(lambda c: views(c, params, 0.0))(stack)
            if n
            else jnp.zeros((0, *keys.shape), keys.dtype)
        )
        series, spans = many(x.series), many(x.spans)
        index, _, alive = winners_along(keys, sizes, series, spans, eps_of([x]))
        tied = near_top(keys, sizes, jnp.ones(keys.shape, bool), eps_of([x]))
        self.found.winners.append(one_hot(index, keys.shape[0]))
        take = lambda stack: jnp.take_along_axis(stack, index[None], 0)[0]
        out = Value(take(keys), True, take(sizes))
        if n:
            out.series, out.spans = jax.vmap(take)(series), jax.vmap(take)(spans)
        for mark in ("unproved", "jumped"):
            mask = getattr(x, mark)
            if mask is not None:
                seen = views(jnp.broadcast_to(mask, x.shape).astype(keys.dtype), params, 0.0) > 0
                # What is tied at the point may win on another side.
                # What is not known may be the largest.
                among = alive | jnp.isnan(keys) if mark == "unproved" else alive | tied
                setattr(out, mark, jnp.any(seen & among, axis=0))
        return rooted(out)

    def jump(
        self, array: Any, near: Any, open_: Any, inputs: list[Value], line: str, name: str
    ) -> Value:
        self.found.jumps += 1
        self.found.winners.append(array)
        self.mark(TIED, line, open_)
        self.mark(JUMPS, line, near)
        out = Value(array, True, jnp.abs(array) if is_float(array) else None)
        out.unproved = either(open_, *[v.unproved for v in inputs])
        out.jumped = either(near, *[v.jumped for v in inputs])
        self.set_roots(name, {}, inputs, [out], lambda v: v)
        return out

    def compare(self, name: str, a: Value, b: Value, line: str) -> Value:
        index, near, open_, _ = self.pair(a, b)
        truth = index == (0 if name in ("gt", "ge") else 1)
        truth = jnp.where(open_, name in ("ge", "le", "le_to"), truth)
        out = self.jump(truth, near, open_, [a, b], line, name)
        out.source = frozenset([a.name, b.name])
        return out

    def equal(self, name: str, a: Value, b: Value, line: str) -> Value:
        _, near, open_, _ = self.pair(a, b)
        return self.jump(open_ == (name == "eq"), near, open_, [a, b], line, name)

    def index(self, x: Value, params: dict[str, Any], line: str) -> Value:
        move = lambda stack: along_axes(stack, params, 0.0)
        keys, sizes = move(x.array), move(x.size)
        n = 0 if x.series is None else x.series.shape[0]
        empty = jnp.zeros((0, *keys.shape), keys.dtype)
        series, spans = (jax.vmap(move)(s) if n else empty for s in (x.series, x.spans))
        index, open_, _ = winners_along(keys, sizes, series, spans, eps_of([x]))
        _, near = plain_winners(keys, sizes, eps_of([x]))
        out = self.jump(index.astype(params["index_dtype"]), near, open_, [], line, "argmax")
        self.set_roots("argmax", params, [x], [out], lambda v: v)
        for mark in ("unproved", "jumped"):
            mask = getattr(x, mark)
            if mask is not None:
                setattr(out, mark, jnp.ones_like(near) & jnp.any(mask))
        return out

    def stairs(self, name: str, x: Value, line: str) -> Value:
        t = threshold(name, x.array)
        safe = jnp.where(jnp.isfinite(t), t, 0)
        index, near, open_, _ = self.pair(x, Value(safe, False, jnp.abs(safe)))
        near = near & jnp.isfinite(t)
        at, above, below = _beside(name, safe)
        beside = jnp.where(open_, at, jnp.where(index == 0, above, below))
        array = jnp.where(near, beside, STAIRS[name](x.array))
        return self.jump(array, near, open_ & near, [x], line, name)

    def order(self, x: Value, axis: int, line: str, several: bool) -> Value:
        none = jnp.zeros((0, *x.shape), x.array.dtype)
        series, spans = (none if s is None else s for s in (x.series, x.spans))
        order, tied, open_ = order_along(x.array, x.size, series, spans, axis, eps_of([x]))
        self.found.winners.append(order)
        self.found.jumps += several
        out = rooted(Value(order, True))
        if x.unproved is not None:
            out.unproved = jnp.broadcast_to(jnp.any(x.unproved), order.shape)
        if several:
            self.mark(TIED, line, open_)
            self.mark(JUMPS, line, tied)
            lost = jnp.broadcast_to(jnp.any(open_), order.shape)
            out.unproved = either(out.unproved, lost)
            out.jumped = jnp.broadcast_to(jnp.any(tied), order.shape)
        return out

    # ---- loops

    def components(self, v: Value) -> tuple[Any, ...]:
        masks = tuple(
            jnp.zeros(v.shape, bool) if m is None else jnp.broadcast_to(m, v.shape)
            for m in (v.unproved, v.jumped)
        )
        array = jnp.asarray(v.array)
        if not v.is_float:
            return array, *masks
        rows = [taylor.padded(s, v.shape, self.degree, array.dtype) for s in (v.series, v.spans)]
        return array, *masks, jnp.broadcast_to(v.size, v.shape).astype(array.dtype), *rows

    def restored(self, parts: tuple[Any, ...]) -> Value:
        array, unproved, jumped, *rest = parts
        out = Value(array, True, *rest)
        out.unproved, out.jumped = unproved, jumped
        return rooted(out)

    def child(self, winners: Any) -> Along:
        return Along(self.directions, self.sides, self.lenient, self.degree)


def _beside(name: str, t: Any) -> tuple[Any, Any, Any]:
    """Values of a step at its threshold, above it and below it."""
    return {
        "sign": (t, jnp.ones_like(t), -jnp.ones_like(t)),
        "floor": (t, t, t - 1),
        "ceil": (t, t + 1, t),
        "round": (STAIRS["round"](t), t + 0.5, t - 0.5),
        "trunc": (t, jnp.where(t < 0, t + 1, t), jnp.where(t > 0, t - 1, t)),
    }[name]
