"""One loop over a program's equations, read in three ways.

*Plain*: the values at the point, which candidate wins each choice, and whether any is tied.
*Along*: the same just beside the point in a given direction, where ties are broken by Taylor
coefficients. *Frozen*: the program with every choice held as one of those two found it, smooth and
ready for `jax.grad`. The winners are data that the first two write and the third reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend import core as jex_core

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces import _smooth as smooth, called_jaxpr, user_line
from steepest.pieces._source import defined_by_jax
from steepest.pieces._uses import last_uses
from steepest.subgradient._sites import VIEWS
from steepest.subgradient._value import Value, is_float

Apply = Callable[[list[Any]], list[Any]]
_SMALL = 256  # constants up to this size are computed while tracing


@dataclass
class Found:
    """What a reading wrote down besides the value.

    Attributes:
        winners: for each choice, in program order, its outcome as arrays.
        flags: lines of the program with a scalar that says whether something happened there.
        jumps, norms: how many choices can jump, how many roots are norms (known while tracing).
    """

    winners: list[Any] = field(default_factory=list)
    flags: list[tuple[str, Any]] = field(default_factory=list)
    jumps: int = 0
    norms: int = 0


class Loop:
    """The common part: the loop, the dispatch on the primitive, and what is known by structure."""

    def __init__(self) -> None:
        self.found = Found()
        self.call_line: str | None = None
        self.numbered: dict[Any, int] = {}

    # ---- what the readings differ in

    def variable(self, array: Any, place: int) -> Value:
        """Leaf `place` of the point."""
        raise NotImplementedError

    def step(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        """A smooth step, or one that moves discrete numbers about."""
        raise NotImplementedError

    def larger(self, a: Value, b: Value, line: str) -> Value:
        """max(a, b)."""
        raise NotImplementedError

    def largest(self, views: Any, x: Value, params: dict[str, Any], line: str) -> Value:
        """The largest of several views of x."""
        raise NotImplementedError

    def compare(self, name: str, a: Value, b: Value, line: str) -> Value:
        raise NotImplementedError

    def equal(self, name: str, a: Value, b: Value, line: str) -> Value:
        raise NotImplementedError

    def index(self, x: Value, params: dict[str, Any], line: str) -> Value:
        """The index of the largest."""
        raise NotImplementedError

    def stairs(self, name: str, x: Value, line: str) -> Value:
        """sign, floor, ceil, round, trunc."""
        raise NotImplementedError

    def order(self, x: Value, axis: int, line: str, several: bool) -> Value:
        """The permutation that sorts x; `several`: others are carried along."""
        raise NotImplementedError

    def components(self, v: Value) -> tuple[Any, ...]:
        """A value as arrays of shapes that do not depend on what happened, for a loop's carry."""
        raise NotImplementedError

    def restored(self, parts: tuple[Any, ...]) -> Value:
        raise NotImplementedError

    def close(self, out: Value) -> None:
        """End the marks of a function of one number, where a reading has marks."""

    def child(self, winners: Any) -> Loop:
        """A loop of the same reading for the body of a scan or the branch of a cond."""
        raise NotImplementedError

    # ---- the loop

    def run(self, closed: jex_core.ClosedJaxpr, args: list[Value]) -> list[Value]:
        jaxpr = closed.jaxpr
        used = last_uses(jaxpr)
        env: dict[Any, Value] = {
            var: constant(c) for var, c in zip(jaxpr.constvars, closed.consts, strict=True)
        }
        env.update(zip(jaxpr.invars, args, strict=True))

        def read(atom: Any) -> Value:
            if isinstance(atom, jex_core.Literal):
                return constant(np.asarray(atom.val, atom.aval.dtype))  # pyright: ignore[reportAttributeAccessIssue]
            return env[atom]

        for i, eqn in enumerate(jaxpr.eqns):
            if not any(var in used for var in eqn.outvars):
                continue
            outs = self.equation(eqn, [read(atom) for atom in eqn.invars], used)
            env.update(zip(eqn.outvars, outs, strict=True))
            for atom in eqn.invars:
                if not isinstance(atom, jex_core.Literal) and used.get(atom) == i:
                    env.pop(atom, None)
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, eqn: Any, inputs: list[Value], used: Any) -> list[Value]:
        name = eqn.primitive.name
        apply = lambda values: bind(eqn, values)
        if not any(v.varies for v in inputs):
            return constants(inputs, apply)
        avals = [v.aval for v in [*eqn.invars, *eqn.outvars]]
        if any(jnp.issubdtype(getattr(a, "dtype", np.bool_), np.complexfloating) for a in avals):
            raise UnsupportedPrimitiveError(
                f"complex numbers that depend on x, in `{name}` at {user_line(eqn)}, have no "
                "rules; write that step with real and imaginary parts."
            )
        inner = called_jaxpr(eqn)
        if inner is not None:
            return self.called(eqn, inner, inputs)
        line = self.call_line or user_line(eqn)
        from steepest.subgradient._flow import FLOW

        if name in FLOW:
            return FLOW[name](self, eqn, inputs, line)
        if any(v.varies and v.is_float for v in inputs):
            if name in _RULES:
                return _RULES[name](self, eqn, inputs, line, [v in used for v in eqn.outvars])
            held = inputs[: smooth.PARAMETERS.get(name, 0)]
            unknown = name not in smooth.SMOOTH or name == "eigh"
            if unknown or any(v.varies for v in held):
                raise UnsupportedPrimitiveError(
                    f"no rule for the primitive `{name}`, which depends on x, at {line}; it may "
                    "have kinks, so it is not taken as smooth. Write that step with jax.numpy."
                )
        if name in smooth.STRUCTURAL and name in ("stop_gradient", "optimization_barrier"):
            return inputs
        if name == "select_n" and (chosen := _settled(inputs)) is not None:
            return [chosen]
        return self.labelled(name, eqn.params, inputs, line, apply)

    def labelled(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        """A smooth step, with what its structure says of the outcome."""
        outs = self.step(name, params, inputs, line, apply)
        same = (name, str(params), *[_identity(v) for v in inputs])
        for place, out in enumerate(outs):
            # The same step on the same values gives the same value.
            out.name = self.numbered.setdefault((place, same), out.name)
            out.squares = _is_squares(name, params, inputs)
            out.nonnegative = out.squares or _is_nonnegative(name, inputs)
        sources = {v.source for v in inputs if v.varies}
        if len(sources) == 1 and (not outs[0].is_float):
            outs[0].source = sources.pop()
        return outs

    def called(self, eqn: Any, inner: jex_core.ClosedJaxpr, inputs: list[Value]) -> list[Value]:
        """The function that is called, whatever derivative rule comes with it."""
        outermost = self.call_line is None and defined_by_jax(inner.jaxpr)
        if outermost:
            self.call_line = user_line(eqn)
        outs = self.run(inner, inputs)
        if outermost:
            self.call_line = None
        return outs

    # ---- steps of our own, for choices that are made of simpler ones

    def simple(self, name: str, inputs: list[Value], line: str) -> Value:
        operation = _OPERATIONS[name]
        apply = lambda values: [operation(*values)]
        if not any(v.varies for v in inputs):
            return constants(inputs, apply)[0]
        return self.labelled(name, {}, inputs, line, apply)[0]

    def maximum(self, a: Value, b: Value, line: str, sign: float = 1.0) -> Value:
        if a.name == b.name:
            return a
        if not a.varies and not b.varies:
            pick = jnp.maximum if sign > 0 else jnp.minimum
            return constants([a, b], lambda v: [pick(*v)])[0]
        if sign > 0:
            if _is_lowest(a) or _is_lowest(b):
                return b if _is_lowest(a) else a
            out = self.larger(a, b, line)
            out.nonnegative = _nonnegative(a) or _nonnegative(b)
            return out
        lower = self.larger(self.simple("neg", [a], line), self.simple("neg", [b], line), line)
        return self.simple("neg", [lower], line)


# ---- constants


def constant(array: Any) -> Value:
    if not hasattr(array, "dtype"):
        array = jnp.asarray(array)
    if jnp.issubdtype(array.dtype, jax.dtypes.extended) or not is_float(array):
        return Value(array)
    return Value(array, size=abs(array))


def constants(inputs: list[Value], apply: Apply) -> list[Value]:
    arrays = [v.array for v in inputs]
    small = all(not isinstance(a, Tracer) and np.size(a) <= _SMALL for a in arrays)
    if small and arrays:
        with jax.ensure_compile_time_eval():
            outs = apply(arrays)
    else:
        outs = apply(arrays)
    return [constant(out) for out in outs]


def bind(eqn: Any, values: list[Any]) -> list[Any]:
    """The equation as it stands, in the user's precision."""
    out = eqn.primitive.bind(*values, **eqn.params)
    return list(out) if eqn.primitive.multiple_results else [out]


# ---- what is known by structure


def _identity(v: Value) -> Any:
    if v.varies or isinstance(v.array, Tracer) or np.size(v.array) > _SMALL:
        return v.name
    if jnp.issubdtype(v.array.dtype, jax.dtypes.extended):
        return v.name
    array = np.asarray(v.array)
    return array.shape, str(array.dtype), array.tobytes()


def _settled(inputs: list[Value]) -> Value | None:
    """The case of a select whose predicate is known while tracing."""
    which, *cases = inputs
    if which.varies or isinstance(which.array, Tracer) or np.size(which.array) > _SMALL:
        return None
    chosen = np.unique(np.asarray(which.array).astype(int))
    return cases[int(chosen[0])] if chosen.size == 1 else None


def _is_lowest(v: Value) -> bool:
    if v.varies or isinstance(v.array, Tracer) or np.size(v.array) != 1:
        return False
    return v.shape == () and bool(np.asarray(v.array) == -np.inf)


def _nonnegative(v: Value) -> bool:
    if v.varies:
        return v.nonnegative
    if isinstance(v.array, Tracer) or np.size(v.array) > 10 * _SMALL:
        return False
    return bool(np.all(np.asarray(v.array) >= 0))


_PASSING = smooth.MOVES | {
    "add", "add_any", "reduce_sum", "cumsum", "pad", "mul", "div", "copy", "copy_p", "gather",
    "dynamic_slice", "split", "convert_element_type", "select_n", "dot_general",
}  # fmt: skip


def _is_squares(name: str, params: dict[str, Any], inputs: list[Value]) -> bool:
    """Σ (w_j v_j)² by structure: its root is a norm, hence Lipschitz whatever the v_j are."""
    if name == "square" or (name == "integer_pow" and params["y"] > 0 and params["y"] % 2 == 0):
        return True
    if name == "pow" and not inputs[1].varies and not isinstance(inputs[1].array, Tracer):
        exponent = np.asarray(inputs[1].array)
        return bool(np.all((exponent > 0) & (exponent % 2 == 0)))
    if name == "mul" and inputs[0].name == inputs[1].name:
        return True
    if name == "dot_general" and inputs[0].name == inputs[1].name:
        return inputs[0].array.ndim == 1
    if name == "select_n":
        inputs = inputs[1:]
    if name not in _PASSING:
        return False
    return all(v.squares if v.varies else _nonnegative(v) for v in inputs if v.is_float) and not (
        name == "div" and inputs[1].varies
    )


def _is_nonnegative(name: str, inputs: list[Value]) -> bool:
    if name in ("exp", "exp2", "logistic", "sqrt"):
        return True
    if name == "select_n":
        inputs = inputs[1:]
    return name in _PASSING and all(_nonnegative(v) for v in inputs if v.is_float)


# ---- the table: primitives that choose, in terms of the readings' few choices


def _max(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    return [loop.maximum(v[0], v[1], line, 1.0 if eqn.primitive.name == "max" else -1.0)]


def _abs(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    if v[0].nonnegative:
        return [v[0]]
    out = loop.larger(v[0], loop.simple("neg", v, line), line)
    out.nonnegative = True
    return [out]


def _clamp(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    low, x, high = v
    return [loop.maximum(low, loop.maximum(x, high, line, -1.0), line)]


def _rem(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    x, y = v
    whole = loop.stairs("trunc", loop.simple("div", [x, y], line), line)
    return [loop.simple("sub", [x, loop.simple("mul", [whole, y], line)], line)]


def _views(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    views, sign = VIEWS[eqn.primitive.name]
    if sign > 0:
        return [loop.largest(views, v[0], eqn.params, line)]
    out = loop.largest(views, loop.simple("neg", v, line), eqn.params, line)
    return [loop.simple("neg", [out], line)]


def _compare(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    name = eqn.primitive.name
    a, b = v
    if a.name == b.name:
        whole = np.full(a.shape, name in ("ge", "le", "le_to", "eq"))
        return [Value(whole)]
    if name in ("eq", "ne"):
        return [loop.equal(name, a, b, line)]
    return [loop.compare(name, a, b, line)]


def _index(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    x = v[0] if eqn.primitive.name == "argmax" else loop.simple("neg", v, line)
    out = loop.index(x, eqn.params, line)
    out.source = v[0].name
    return [out]


def _stairs(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    return [loop.stairs(eqn.primitive.name, v[0], line)]


def _convert(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    dtype = eqn.params["new_dtype"]
    if not jnp.issubdtype(dtype, np.floating) and v[0].is_float:
        if dtype == np.bool_:
            return [loop.equal("ne", v[0], constant(np.zeros((), v[0].array.dtype)), line)]
        v = [loop.stairs("trunc", v[0], line)]
    return loop.labelled(
        "convert_element_type", eqn.params, v, line, lambda values: bind(eqn, values)
    )


def _sort(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    if eqn.params["num_keys"] > 1:
        raise UnsupportedPrimitiveError(f"a sort by several keys, at {line}, has no rule.")
    return _sorted(loop, v, eqn.params["dimension"], line, wanted)


def _sorted(loop: Loop, v: list[Value], axis: int, line: str, wanted: Any) -> list[Value]:
    order = loop.order(v[0], axis, line, any(wanted[1:]))
    order.source = v[0].name
    take = lambda values: [jnp.take_along_axis(values[0], values[1], axis)]
    outs = []
    for place, x in enumerate(v):
        (out,) = loop.labelled("gather", {}, [x, order], line, take)
        if place and not x.varies:
            out.source = v[0].name
        outs.append(out)
    return outs


def _top_k(loop: Loop, eqn: Any, v: list[Value], line: str, wanted: Any) -> list[Value]:
    (x,) = v
    axis = eqn.params.get("axis", -1) % len(x.shape)
    places = constant(
        np.broadcast_to(
            np.arange(x.shape[axis], dtype=np.int32).reshape(
                [-1 if a == axis else 1 for a in range(len(x.shape))]
            ),
            x.shape,
        )
    )
    top = lambda values: [
        jax.lax.slice_in_dim(jnp.flip(values[0], axis), 0, eqn.params["k"], axis=axis)
    ]
    both = _sorted(loop, [x, places], axis, line, wanted)
    return [loop.labelled("slice", {}, [part], line, top)[0] for part in both]


_RULES: dict[str, Callable[..., list[Value]]] = {
    **dict.fromkeys(["max", "min"], _max),
    "abs": _abs,
    "clamp": _clamp,
    "rem": _rem,
    **dict.fromkeys(VIEWS, _views),
    **dict.fromkeys(["gt", "ge", "lt", "le", "lt_to", "le_to", "eq", "ne"], _compare),
    **dict.fromkeys(["argmax", "argmin"], _index),
    **dict.fromkeys(["sign", "floor", "ceil", "round"], _stairs),
    "convert_element_type": _convert,
    "sort": _sort,
    "top_k": _top_k,
}
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "neg": jnp.negative,
    "div": jnp.divide,
    "mul": jnp.multiply,
    "sub": jnp.subtract,
}
