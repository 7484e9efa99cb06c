"""Walk a program at a point: decide every choice that has room, leave the tied ones open.

The walk is an interpreter of the jaxpr on concrete float64 numbers. One loop; what it does with an
equation is told by the tables (`_choices`, `_composed`, `_smooth`, `_control`). It writes a `Tape`,
by steps of three kinds: `_step` (smooth), `_choosing` and `_equality`.

A choice whose output jumps (a comparison, a sign, an index) has different *worlds* downstream, one
for each outcome. Each number carries the label of the switch that it differs by; where the worlds
agree again (x · 1[x > 0] at 0) there is an exit, and the label ends. Where two labels meet before
they ended, or a tie depends on a label, the worlds cannot be told apart number by number:
`NeedsBranch` asks the caller to walk again with one switch forced to each of its outcomes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces import _smooth as smooth
from steepest.pieces._choices import CHOICES, EQUALITIES, Choice
from steepest.pieces._choosing import choose, fingerprint
from steepest.pieces._composed import COMPOSED
from steepest.pieces._concrete import evaluate
from steepest.pieces._control import CONTROL
from steepest.pieces._double import IDENTITIES, called_jaxpr
from steepest.pieces._equality import equality
from steepest.pieces._host import namespace
from steepest.pieces._interpret import interpret
from steepest.pieces._number import Number, constant, dtype_eps, is_float_type
from steepest.pieces._program import Program
from steepest.pieces._source import defined_by_jax, user_line
from steepest.pieces._state import TIE_FACTOR as TIE_FACTOR, NeedsBranch as NeedsBranch, State
from steepest.pieces._step import step
from steepest.pieces._tape import Tape

_FEW = 64  # a constant of so many numbers is cheap to compare with others


@dataclass
class Walked:
    """What a walk found: the tape, the value at the point, and what stayed undefined."""

    tape: Tape
    value: float
    singular_line: str | None


def walk(
    program: Program,
    *,
    forced: dict[tuple[int, int], int] | None = None,
    tie_tol: float | None = None,
    seed: int = 0,
) -> Walked:
    """Walk the program at its point. Call inside `jax.enable_x64(True)`.

    Raises:
        NeedsBranch: see the module.
        UnsupportedPrimitiveError: a primitive without a rule, with the user's line.
    """
    with np.errstate(all="ignore"):  # what is not defined is found by the rules
        return _Walk(program, forced or {}, tie_tol, seed).run()


class _Walk(State):
    """The loop over equations, and the steps that rules of our own are made of."""

    def run(self) -> Walked:
        closed = self.program.closed
        args = [
            Number([value], i, np.abs(value), dtype_eps(leaf.dtype))
            for i, (value, leaf) in enumerate(
                zip(self.program.start, self.program.point.leaves, strict=True)
            )
        ]
        (out,) = self.jaxpr(closed, args)
        if out.labels is not None and np.any(out.labels != -1):
            self.branch_on(out)
        self.tape.value = out.operand
        bad = out.bad is not None and bool(np.any(out.bad))
        return Walked(self.tape, float(out.value), self.bad_line if bad else None)

    def jaxpr(self, closed: jex_core.ClosedJaxpr, args: list[Number]) -> list[Number]:
        return interpret(closed, args, constant, self.equation)

    def equation(self, eqn: Any, inputs: list[Number], wanted: list[bool]) -> list[Number]:
        name = eqn.primitive.name
        if name == "rng_uniform":
            raise UnsupportedPrimitiveError(
                f"`{name}` at {user_line(eqn)} gives other numbers at each call, so the program is "
                "no function of x; draw with jax.random and a key."
            )
        if all(n.ref is None and n.bad is None for n in inputs):
            return [
                constant(out, var.aval.dtype)
                for out, var in zip(
                    evaluate(eqn, [n.value for n in inputs]), eqn.outvars, strict=True
                )
            ]
        inner = called_jaxpr(eqn)
        if inner is not None:
            return self.called(eqn, inner, inputs)
        if name in IDENTITIES:
            return inputs
        if name in CONTROL:
            return CONTROL[name](self, eqn, inputs)
        line = self.call_line or user_line(eqn)
        if any(
            jnp.issubdtype(v.aval.dtype, np.complexfloating) for v in [*eqn.invars, *eqn.outvars]
        ):
            raise UnsupportedPrimitiveError(
                f"complex numbers that depend on x, in `{name}` at {line}, have no rules; write "
                "that step with real and imaginary parts, or sample: clarke(f, samples=..., "
                "radius=...)."
            )
        if name in COMPOSED and _some_float(inputs):
            return COMPOSED[name](self, {**eqn.params, "wanted": wanted}, inputs, line)
        if name == "convert_element_type" and not is_float_type(eqn.params["new_dtype"]):
            # A float made an integer is cut towards zero: a step, before it is a conversion.
            if smooth.is_float(inputs[0].value) and eqn.params["new_dtype"] != np.bool_:
                inputs = [choose(self, "trunc", CHOICES["trunc"], {}, inputs, line)]
            elif smooth.is_float(inputs[0].value):
                inputs = [equality(self, False, [inputs[0], constant(0.0)], line)]
        if _some_float(inputs):
            if name in CHOICES:
                return [choose(self, name, CHOICES[name], eqn.params, inputs, line)]
            if name in EQUALITIES:
                return [equality(self, EQUALITIES[name], inputs, line)]
            held = smooth.PARAMETERS.get(name, 0)
            if not smooth.is_smooth(name, eqn.params) or any(
                n.ref is not None for n in inputs[:held]
            ):
                raise UnsupportedPrimitiveError(
                    f"no rule for the primitive `{name}`, which depends on x, at {line}; it may "
                    "have kinks, so it is not taken as smooth. Write that step with jax.numpy, or "
                    "sample: clarke(f, samples=..., radius=...)."
                )
        if name == "pow" and _is_root(eqn, inputs):
            return [self.primitive("sqrt", inputs[:1], line)]
        apply = lambda values: evaluate(eqn, values)
        if name not in smooth.MOVES and name not in ("gather", "dynamic_slice"):
            return step(self, name, eqn.params, inputs, line, apply)
        if any(n.ref is None and np.size(n.value) > _FEW for n in inputs):
            return step(self, name, eqn.params, inputs, line, apply)
        # x[0] read twice is one number, so that x[0] * x[0] is a square.
        same = (name, *map(fingerprint, inputs), *sorted(eqn.params.items()))
        if same not in self.moved:
            self.moved[same] = step(self, name, eqn.params, inputs, line, apply)
        return self.moved[same]

    def called(self, eqn: Any, inner: jex_core.ClosedJaxpr, inputs: list[Number]) -> list[Number]:
        """The function that is called, whatever derivative rule comes with it."""
        outermost = self.call_line is None and defined_by_jax(inner.jaxpr)
        if outermost:
            self.call_line = user_line(eqn)
        outs = self.jaxpr(inner, inputs)
        if outermost:
            self.call_line = None
        return outs

    # ---- what rules of our own are made of

    def structural(
        self, name: str, inputs: list[Number], line: str, apply: Callable[[list[Any]], list[Any]]
    ) -> list[Number]:
        """A step of our own that moves numbers about."""
        if all(n.ref is None and n.bad is None for n in inputs):
            return [constant(out) for out in apply([n.value for n in inputs])]
        return step(self, name, {}, inputs, line, apply)

    def primitive(self, name: str, inputs: list[Number], line: str) -> Number:
        """An elementary operation of our own, on floats."""
        apply = _operation(name)
        if all(n.ref is None and n.bad is None for n in inputs):
            return constant(apply([n.value for n in inputs])[0])
        if name in CHOICES:
            return choose(self, name, CHOICES[name], {}, inputs, line)
        return step(self, name, {}, inputs, line, apply)[0]

    def choose(
        self, name: str, row: Choice, params: dict[str, Any], inputs: list[Number], line: str
    ) -> Number:
        return choose(self, name, row, params, inputs, line)

    def plain(
        self,
        name: str,
        params: dict[str, Any],
        inputs: list[Number],
        line: str,
        apply: Callable[[list[Any]], list[Any]],
    ) -> list[Number]:
        return step(self, name, params, inputs, line, apply)


_OPERATIONS = {
    "max": "maximum",
    "min": "minimum",
    "div": "divide",
    "mul": "multiply",
    "sub": "subtract",
    "trunc": "trunc",
    "sqrt": "sqrt",
}


def _operation(name: str) -> Callable[[list[Any]], list[Any]]:
    def apply(values: list[Any]) -> list[Any]:
        with np.errstate(all="ignore"):
            return [getattr(namespace(*values), _OPERATIONS[name])(*values)]

    return apply


def _is_root(eqn: Any, inputs: list[Number]) -> bool:
    """Whether a power is a square root of its first operand, number by number."""
    base, exponent = inputs
    same = np.shape(base.value) == eqn.outvars[0].aval.shape
    return exponent.ref is None and same and bool(np.all(np.asarray(exponent.value) == 0.5))


def _some_float(inputs: list[Number]) -> bool:
    return any(smooth.is_float(n.value) and n.ref is not None for n in inputs)
