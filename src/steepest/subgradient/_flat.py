"""A program as one list of steps: calls are read through, and what nothing reads is left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend import core as jex_core

from steepest.pieces import called_jaxpr, user_line
from steepest.pieces._double import power
from steepest.pieces._source import defined_by_jax
from steepest.subgradient._value import Value, constant, is_float

# Not linear in a number, and of several: what is carried along with these is of one shape.
_OF_ONE_SHAPE = frozenset({"pow", "atan2", "select_n"})
Apply = Callable[[list[Any]], list[Any]]
Atom = int | Value  # a number of the list, or a constant


@dataclass(eq=False)
class Step:
    """One equation.

    Attributes:
        name, params: the primitive and its parameters; `switch` is our own.
        inputs, outputs: what it reads, and the numbers that it defines.
        shapes: of the outputs.
        apply: the equation on arrays, in the user's precision.
        source: the equation whose line the user knows.
        held: its outcome does not matter to f, so that it is a constant to derivatives.
        wants: whether later choices ask for first coefficients of its outputs, and for sizes.
        bodies: the programs among its parameters, made ready (scan, cond).
    """

    name: str
    params: dict[str, Any]
    inputs: list[Atom]
    outputs: list[int]
    shapes: list[tuple[int, ...]]
    apply: Apply
    source: Any
    equation: Any = None
    held: bool = False
    wants: tuple[bool, bool] = (True, True)
    bodies: list[Flat] = field(default_factory=list)

    @cached_property
    def line(self) -> str:
        return user_line(self.source)

    @cached_property
    def label(self) -> str:
        return str(self.params)


@dataclass(eq=False)
class Flat:
    """The list: what comes in, the steps, what goes out."""

    inputs: list[int]
    steps: list[Step]
    outputs: list[Atom]
    shapes: dict[int, tuple[int, ...]]

    @cached_property
    def last_uses(self) -> dict[int, int]:
        """The last step that reads each number."""
        last = {a: len(self.steps) for a in self.outputs if isinstance(a, int)}
        for i in range(len(self.steps) - 1, -1, -1):
            for a in self.steps[i].inputs:
                if isinstance(a, int):
                    last.setdefault(a, i)
        return last

    @cached_property
    def closes_over_nan(self) -> bool:
        """Whether a constant that is known holds NaN; of one that is traced it is taken not to."""
        constants = [a.array for step in self.steps for a in step.inputs if isinstance(a, Value)]
        return any(
            not isinstance(c, Tracer) and is_float(c) and bool(np.isnan(np.asarray(c)).any())
            for c in constants
        )

    def shape(self, atom: Atom) -> tuple[int, ...]:
        return self.shapes[atom] if isinstance(atom, int) else atom.shape


def flatten(closed: jex_core.ClosedJaxpr, call: Any = None) -> Flat:
    """The list of a program; `call`: the equation whose line stands for all of them, if any."""
    count = itertools.count()
    steps: list[Step] = []
    shapes: dict[int, tuple[int, ...]] = {}
    seen: dict[Any, list[Step]] = {}  # the same equation on the same numbers is one step
    varying: set[Any] = set()  # numbers that depend on what comes in
    spread: dict[tuple[Atom, tuple[int, ...]], int] = {}  # scalars as wide as others

    def number(var: Any) -> int:
        place = next(count)
        shapes[place] = tuple(getattr(var.aval, "shape", ()))
        return place

    def widened(eqn: Any, atom: Atom, var: Any, source: Any) -> Atom:
        """A scalar that varies, as wide as what an equation makes of it and others, where JAX
        leaves it as it is."""
        wide = tuple(getattr(eqn.outvars[0].aval, "shape", ()))
        if eqn.primitive.name not in _OF_ONE_SHAPE or isinstance(atom, Value):
            return atom
        if atom not in varying or shapes[atom] or not wide:
            return atom
        if (atom, wide) not in spread:
            scalar = jax.ShapeDtypeStruct((), var.aval.dtype)
            (one,) = jax.make_jaxpr(lambda v: jnp.broadcast_to(v, wide))(scalar).jaxpr.eqns
            spread[atom, wide] = place = number(one.outvars[0])
            steps.append(_step(one, [atom], [place], source))
            varying.add(place)
        return spread[atom, wide]

    def walk(inner: jex_core.ClosedJaxpr, args: Sequence[Atom], call: Any) -> list[Atom]:
        env: dict[Any, Atom] = {
            var: constant(c) for var, c in zip(inner.jaxpr.constvars, inner.consts, strict=True)
        }
        env.update(zip(inner.jaxpr.invars, args, strict=True))

        def read(atom: Any) -> Atom:
            if isinstance(atom, jex_core.Literal):
                return constant(np.asarray(atom.val, atom.aval.dtype))  # pyright: ignore[reportAttributeAccessIssue]
            return env[atom]

        for eqn in inner.jaxpr.eqns:
            inputs = [read(atom) for atom in eqn.invars]
            called = called_jaxpr(eqn)
            if called is not None:
                # JAX's own functions are named by the line that calls them.
                outermost = call is None and defined_by_jax(called.jaxpr)
                outs: list[Atom] = walk(called, inputs, eqn if outermost else call)
            else:
                pairs = zip(inputs, eqn.invars, strict=True)
                inputs = [widened(eqn, a, var, call or eqn) for a, var in pairs]
                # A number of the list is no name of a constant, though both are counted from 0.
                names = [(a,) if isinstance(a, int) else identity(a) for a in inputs]
                same = (eqn.primitive.name, *names)
                step = next((s for s in seen.get(same, ()) if _alike(s.params, eqn.params)), None)
                if step is None:
                    step = _step(eqn, inputs, [number(var) for var in eqn.outvars], call or eqn)
                    steps.append(step)
                    seen.setdefault(same, []).append(step)
                    if varying & {a for a in inputs if isinstance(a, int)}:
                        varying.update(step.outputs)
                outs = list(step.outputs)
            env.update(zip(eqn.outvars, outs, strict=True))
        return [read(atom) for atom in inner.jaxpr.outvars]

    inputs = [number(var) for var in closed.jaxpr.invars]
    varying.update(inputs)
    outputs = walk(closed, inputs, call)
    flat = Flat(inputs, steps, outputs, shapes)
    return Flat(inputs, read_steps(flat), outputs, shapes)


def _alike(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a is b or str(a) == str(b)


def _step(eqn: Any, inputs: list[Atom], outputs: list[Any], source: Any) -> Step:
    return Step(
        eqn.primitive.name,
        eqn.params,
        inputs,
        outputs,
        [tuple(getattr(var.aval, "shape", ())) for var in eqn.outvars],
        lambda values: bind(eqn, values),
        source,
        eqn,
    )


def read_steps(flat: Flat) -> list[Step]:
    """The steps that an output rests on."""
    needed = {a for a in flat.outputs if isinstance(a, int)}
    kept = []
    for step in reversed(flat.steps):
        if any(place in needed for place in step.outputs):
            kept.append(step)
            needed.update(a for a in step.inputs if isinstance(a, int))
    return kept[::-1]


def bind(eqn: Any, values: list[Any]) -> list[Any]:
    """The equation as it stands, in the user's precision."""
    if eqn.primitive.name == "pow":
        return [power(*values)]
    out = eqn.primitive.bind(*values, **eqn.params)
    return list(out) if eqn.primitive.multiple_results else [out]


def identity(v: Value) -> Any:
    """Equal for values that are known to be equal."""
    numbers = known(v)
    return v.name if numbers is None else (numbers.shape, str(numbers.dtype), numbers.tobytes())


def known(value: Value) -> np.ndarray | None:
    """A constant's numbers, where they are known while tracing and few."""
    if value.varies or isinstance(value.array, Tracer) or np.size(value.array) > SMALL:
        return None
    if jnp.issubdtype(value.array.dtype, jax.dtypes.extended):
        return None
    return np.asarray(value.array)


SMALL = 256  # constants up to this size are computed while tracing
