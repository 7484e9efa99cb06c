"""A way to read a program: one loop over its steps, and what the ways differ in.

*In one pass*: values, first coefficients along a direction and winners together, inside the
function that is differentiated. It serves programs whose choices cannot jump.
*Plain*, *along*, *frozen*: the values at the point and whether anything is tied there; the same
just beside the point, where ties are broken by Taylor coefficients; the program with every choice
held as one of those two found it. The winners are data that the first two write and the third
reads.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces import _smooth as smooth, user_line
from steepest.subgradient import _structure as structure
from steepest.subgradient._flat import SMALL, Apply, Atom, Flat, Step, identity
from steepest.subgradient._value import Value, constant


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


class Reading(ABC):
    """The common part: the loop, the dispatch on the primitive, and what is known by structure."""

    def __init__(self) -> None:
        self.found = Found()
        self.numbered: dict[Any, int] = {}
        self.wants = (True, True)  # those of the step in hand
        self.meets_nan = False

    # ---- what the readings differ in

    @abstractmethod
    def variable(self, array: Any, place: int) -> Value:
        """Leaf `place` of the point."""

    @abstractmethod
    def step(
        self, name: str, params: dict[str, Any], inputs: list[Value], line: str, apply: Apply
    ) -> list[Value]:
        """A smooth step, or one that moves discrete numbers about."""

    @abstractmethod
    def larger(self, a: Value, b: Value, line: str) -> Value:
        """max(a, b)."""

    @abstractmethod
    def largest(self, views: Any, x: Value, params: dict[str, Any], line: str) -> Value:
        """The largest of several views of x."""

    @abstractmethod
    def switch(self, u: Value, v: Value, cases: list[Value], line: str) -> Value:
        """The first case where u > v, the second where u < v; they are equal where u = v."""

    @abstractmethod
    def compare(self, name: str, a: Value, b: Value, line: str) -> Value:
        """a > b and its kin."""

    @abstractmethod
    def equal(self, name: str, a: Value, b: Value, line: str) -> Value:
        """a == b, a != b."""

    @abstractmethod
    def index(self, x: Value, params: dict[str, Any], line: str) -> Value:
        """The index of the largest."""

    @abstractmethod
    def stairs(self, name: str, x: Value, line: str) -> Value:
        """sign, floor, ceil, round, trunc."""

    @abstractmethod
    def order(self, x: Value, axis: int, line: str, several: bool) -> Value:
        """The permutation that sorts x; `several`: others are carried along."""

    @abstractmethod
    def components(self, v: Value) -> tuple[Any, ...]:
        """A value as arrays of shapes that do not depend on what happened, for a loop's carry."""

    @abstractmethod
    def restored(self, parts: tuple[Any, ...]) -> Value:
        """The value of `components`."""

    @abstractmethod
    def child(self, winners: Any) -> Reading:
        """One of the same kind for the body of a scan or the branch of a cond."""

    def close(self, out: Value) -> None:
        """End the marks of a function of one number, where a reading has marks."""
        del out

    # ---- the loop

    def run(self, flat: Flat, args: list[Value]) -> list[Value]:
        env: dict[int, Value] = dict(zip(flat.inputs, args, strict=True))
        last = flat.last_uses
        self.meets_nan |= flat.closes_over_nan

        def read(atom: Atom) -> Value:
            return env[atom] if isinstance(atom, int) else atom

        for i, step in enumerate(flat.steps):
            outs = self.outcome(step, [read(atom) for atom in step.inputs], last)
            env.update(zip(step.outputs, outs, strict=True))
            for atom in step.inputs:
                if isinstance(atom, int) and last.get(atom) == i:
                    env.pop(atom, None)
        return [read(atom) for atom in flat.outputs]

    def outcome(self, step: Step, inputs: list[Value], used: Any) -> list[Value]:
        name = step.name
        if step.held:
            arrays = [lax.stop_gradient(v.array) if v.is_float else v.array for v in inputs]
            return [constant(out) for out in step.apply(arrays)]
        if not any(v.varies for v in inputs):
            few = all(math.prod(shape) <= 1 for shape in step.shapes)
            known = few or step.equation.outvars[0].aval.dtype == np.bool_
            return constants(inputs, _switched if name == "switch" else step.apply, known)
        eqn = step.equation
        for atom in [*eqn.invars, *eqn.outvars]:
            dtype = getattr(atom.aval, "dtype", None)
            if dtype is not None and dtype in (np.complex64, np.complex128):
                raise UnsupportedPrimitiveError(
                    f"complex numbers that depend on x, in `{name}` at {user_line(step.source)}, "
                    "have no rules; write that step with real and imaginary parts."
                )
        from steepest.subgradient._flow import FLOW
        from steepest.subgradient._rules import RULES

        # A choice may be made of several steps and choices, each of which may ask the one before.
        self.wants = (True, True) if name in RULES else step.wants
        line = step.line if name in FLOW or name in RULES or name in smooth.SINGULAR else ""
        if name in FLOW:
            return FLOW[name](self, step, inputs, line)
        if any(v.varies and v.is_float for v in inputs):
            if name in RULES:
                return RULES[name](self, step, inputs, line, [v in used for v in step.outputs])
            held = inputs[: smooth.PARAMETERS.get(name, 0)]
            unknown = not smooth.is_smooth(name, step.params) or name == "eigh"
            if unknown or any(v.varies for v in held):
                raise UnsupportedPrimitiveError(
                    f"no rule for the primitive `{name}`, which depends on x, at {step.line}; it "
                    "may have kinks, so it is not taken as smooth. Write that step with jax.numpy."
                )
        if name in ("stop_gradient", "optimization_barrier"):
            return inputs
        if name == "select_n" and (chosen := structure.settled(inputs)) is not None:
            return [chosen]
        return self.labelled(name, step.params, inputs, line, step.apply, step.label)

    def labelled(
        self,
        name: str,
        params: dict[str, Any],
        inputs: list[Value],
        line: str,
        apply: Apply,
        label: str = "",
    ) -> list[Value]:
        """A smooth step, with what its structure says of the outcome."""
        outs = self.step(name, params, inputs, line, apply)
        same = (name, label, *[identity(v) for v in inputs])
        for place, out in enumerate(outs):
            # The same step on the same values gives the same value.
            out.name = self.numbered.setdefault((place, same), out.name)
            structure.label(out, name, params, inputs)
        sources = {v.source for v in inputs if v.varies}
        if len(sources) == 1 and not outs[0].is_float:
            outs[0].source = sources.pop()
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
            if structure.is_lowest(a) or structure.is_lowest(b):
                return b if structure.is_lowest(a) else a
            out = self.larger(a, b, line)
            out.nonnegative = structure.is_nonnegative(a) or structure.is_nonnegative(b)
            out.positive = structure.is_positive(a) or structure.is_positive(b)
            return out
        lower = self.larger(self.simple("neg", [a], line), self.simple("neg", [b], line), line)
        return self.simple("neg", [lower], line)


def constants(inputs: list[Value], apply: Apply, known: bool = True) -> list[Value]:
    """What does not depend on x; `known`: to be computed while tracing, as predicates are."""
    arrays = [v.array for v in inputs]
    small = all(not isinstance(a, Tracer) and np.size(a) <= SMALL for a in arrays)
    if known and small and arrays:
        with jax.ensure_compile_time_eval():
            outs = apply(arrays)
    else:
        outs = apply(arrays)
    return [constant(out) for out in outs]


def _switched(v: list[Any]) -> list[Any]:
    return [jnp.where(v[0] >= v[1], v[2], v[3])]


_OPERATIONS = {
    "neg": lax.neg,
    "div": jnp.divide,
    "mul": jnp.multiply,
    "sub": jnp.subtract,
}
