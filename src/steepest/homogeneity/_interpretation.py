"""Read a program for its degrees: one loop over the equations, one table of rules.

A rule gives the degrees of an equation's results and may post *requirements*, equations between
forms that must hold for them to be so: the terms of a sum have one degree, the argument of exp has
degree 0. A scaling of the parameters that fulfils every requirement scales the result by its
degree, and this is a proof. The first that it breaks is the reason why nothing is proved.

A primitive without a rule is no obstacle where what enters it has degree 0: a function of numbers
that do not change does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.homogeneity._control import CONTROL
from steepest.homogeneity._degrees import INVARIANT, Degrees
from steepest.homogeneity._form import ZERO, Form
from steepest.homogeneity._guards import (
    DESCRIBED,
    MOVED,
    PER_ENTRY,
    Sides,
    Test,
    describe,
    followed,
    identity,
    on_side,
    outcome,
)
from steepest.homogeneity._logarithms import LOG_RULES, needed
from steepest.homogeneity._requirement import END, Requirement
from steepest.homogeneity._rules import NEED_DEGREE_ZERO, RULES
from steepest.homogeneity._value import Constant, Value, known
from steepest.pieces import called_jaxpr
from steepest.pieces._concrete import evaluate, widened
from steepest.pieces._double import IDENTITIES
from steepest.pieces._host import is_key
from steepest.pieces._interpret import last_uses
from steepest.pieces._source import defined_by_jax


def _is_reference(atom: Any) -> bool:
    return hasattr(atom.aval, "inner_aval")


class Interpretation:
    """The reading of one program.

    Attributes:
        requirements: what was posted, in the order of the program.
        notes: exponents that were read as fractions.
        runs_in_double: whether it can be run equation by equation in float64: a program that writes
            into arrays, or calls back to Python with numbers of its own types, cannot.
    """

    def __init__(self) -> None:
        self.requirements: list[Requirement] = []
        self.notes: dict[str, None] = {}
        self.runs_in_double = True
        self._call: Any = None  # the outermost equation that calls a function of JAX's own
        self._posted: set[tuple[Form, Form, int]] = set()

    # ---- the loop

    def run(self, closed: jex_core.ClosedJaxpr, args: Sequence[Value]) -> list[Value]:
        jaxpr = closed.jaxpr
        used = last_uses(jaxpr)
        env: dict[Any, Value] = dict(zip(jaxpr.constvars, map(known, closed.consts), strict=True))
        env.update(zip(jaxpr.invars, args, strict=True))

        def read(atom: Any) -> Value:
            return known(atom.val) if isinstance(atom, jex_core.Literal) else env[atom]

        for eqn in jaxpr.eqns:
            if any(map(_is_reference, eqn.invars)) or any(map(_is_reference, eqn.outvars)):
                self.runs_in_double = False
                self.never(eqn, f"`{eqn.primitive.name}` on an array that changes in place,")
                env.update((var, Value(INVARIANT)) for var in eqn.outvars)
                continue
            wanted = [var in used for var in eqn.outvars]
            if any(wanted):
                self.runs_in_double &= not eqn.primitive.name.endswith("callback")
                outs = self.equation(eqn, [read(atom) for atom in eqn.invars], wanted)
                env.update(zip(eqn.outvars, outs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def equation(self, eqn: Any, inputs: list[Value], wanted: list[bool]) -> list[Value]:
        name = eqn.primitive.name
        if name in ("rng_uniform", "io_callback"):
            self.never(eqn, f"`{name}` may give other numbers at each call,")
            return [Value(INVARIANT) for _ in eqn.outvars]
        if all(v.constant is not None for v in inputs) and _can_be_computed(eqn):
            return _computed_later(eqn, inputs)
        if all(v.is_invariant for v in inputs):
            return [Value(INVARIANT) for _ in eqn.outvars]
        inner = called_jaxpr(eqn)
        if inner is not None:
            return self.called(eqn, inner, inputs)
        if name in IDENTITIES:
            return inputs
        if name == "select_n":
            chosen = self.guarded(eqn, inputs)
            if chosen is not None:
                return [chosen]
        if any(v.sides is not None for v in inputs):
            outs = self.on_both_sides(eqn, inputs)
            if outs is not None:
                return outs
            inputs = [self.settled(v) if v.sides is not None else v for v in inputs]
        outs = self.by_rule(eqn, inputs, wanted)
        if len(outs) == 1 and name in DESCRIBED:
            describe(eqn, inputs, outs[0])
        return outs

    def by_rule(self, eqn: Any, inputs: list[Value], wanted: list[bool]) -> list[Value]:
        name = eqn.primitive.name
        if not all(v.is_plain for v in inputs):
            inputs = [self.settled(v) if v.pending is not None else v for v in inputs]
            if any(v.shift is not None for v in inputs):
                log_rule = LOG_RULES.get(name)
                if log_rule is None:
                    return needed(self, eqn, inputs)
                return log_rule(self, eqn, inputs, RULES)
        rule = RULES.get(name)
        if rule is None:
            self.need_degree_zero(eqn, inputs)
            return [Value(INVARIANT) for _ in eqn.outvars]
        outs = rule(self, eqn, inputs, wanted)
        return [o.anew() if isinstance(o, Value) else Value(o) for o in outs]

    # ---- the two sides of a test

    def guarded(self, eqn: Any, inputs: list[Value]) -> Value | None:
        """A `where` between two cases, each by what is known on its side of the test."""
        which, *cases = inputs
        if len(cases) != 2 or which.constant is not None or which.sides is not None:
            return None
        test, says = which.test or (Test("mask", which, identity(eqn.invars[0])), True)
        if outcome(test) is not None:
            return cases[outcome(test) == says]
        on_true, on_false = (on_side(cases[truth == says], test, truth) for truth in (True, False))
        if on_true is None or on_false is None or not (on_true.is_plain and on_false.is_plain):
            return None
        return self.two_sided(Sides(test, on_true, on_false, eqn))

    def on_both_sides(self, eqn: Any, inputs: list[Value]) -> list[Value] | None:
        test = next(v.sides.test for v in inputs if v.sides is not None)
        places = test.places
        if eqn.primitive.name not in PER_ENTRY:
            places = followed(places, eqn) if eqn.primitive.name in MOVED else None
            if places is None:
                return None
        outs: list[Value] = []
        for truth in (True, False):
            ins = [on_side(v, test, truth) or self.settled(v) for v in inputs]
            (out,) = self.equation(eqn, ins, [True])
            outs.append(self.settled(out) if out.sides is not None else out)
        moved = Test(test.kind, test.operand, places)
        return [self.two_sided(Sides(moved, outs[0], outs[1], eqn))]

    def two_sided(self, sides: Sides) -> Value:
        """One number again, where the sides agree."""
        both = [sides.if_false, sides.if_true]
        if all(v.is_plain for v in both) and self.agrees(both):
            return Value(self.joined(both, sides.eqn))
        return Value(INVARIANT, sides=sides)

    def body(self, closed: jex_core.ClosedJaxpr, args: Sequence[Value]) -> list[Value]:
        """As `run`, with results of a loop's body or a branch: nothing in them is left to post."""
        settled = [self.settled(v) for v in self.run(closed, args)]
        return [Value(v.degrees, v.constant) for v in settled]

    def settled(self, v: Value) -> Value:
        """v as a number that is scaled; what its use depends on is posted."""
        if v.sides is not None:
            verb = "`where` between values of {} and {}"
            both = [self.settled(side) for side in (v.sides.if_false, v.sides.if_true)]
            return Value(self.joined(both, v.sides.eqn, verb))
        if v.pending is not None:
            eqn, needs = v.pending
            self.need_degree_zero(eqn, [needs])
        if v.shift is not None:
            verb = "a result that is a logarithm, which a scaling shifts"
            self.require(v.shift.differences(INVARIANT), END, verb)
        if v.pending is None and v.shift is None:
            return v
        return Value(v.degrees, v.constant)

    def called(self, eqn: Any, inner: jex_core.ClosedJaxpr, inputs: list[Value]) -> list[Value]:
        outermost = self._call is None and defined_by_jax(inner.jaxpr)
        if outermost:
            self._call = eqn
        outs = self.run(inner, inputs)
        if outermost:
            self._call = None
        return outs

    # ---- what rules post

    def require(self, pairs: Iterable[tuple[Form, Form]], eqn: Any, verb: str) -> None:
        where = self._call or eqn
        for left, right in pairs:
            key = (left, right, id(eqn))
            if left != right and key not in self._posted:
                self._posted.add(key)
                self.requirements.append(Requirement(left, right, verb, where))

    def never(self, eqn: Any, verb: str) -> None:
        self.requirements.append(Requirement(ZERO, ZERO, verb, self._call or eqn, never=True))

    def need_degree_zero(self, eqn: Any, inputs: Sequence[Value]) -> None:
        name = eqn.primitive.name
        needs = "needs degree 0," if name in NEED_DEGREE_ZERO else "has no rule,"
        for v in inputs:
            if v.degrees is not None:
                verb = f"`{name}` of {{}}, which {needs}"
                self.require(v.degrees.differences(INVARIANT), eqn, verb)

    def uniform(self, v: Value, axes: Sequence[int], eqn: Any) -> Degrees | None:
        """The degrees of v, which must not change along these axes; taken at 0 there."""
        if v.degrees is None:
            return None
        taken, pairs = v.degrees.unequal_along(axes)
        self.require(pairs, eqn, f"`{eqn.primitive.name}` over entries of {{}} and {{}}")
        return taken

    def joined(self, values: Sequence[Value], eqn: Any, verb: str | None = None) -> Degrees | None:
        """The one degree of several numbers; what fits any degree fits theirs."""
        kept: Value | None = None
        for v in values:
            if v.degrees is None:
                continue
            if kept is None or kept.degrees is None:
                kept = v
                continue
            pairs = list(kept.degrees.differences(v.degrees))
            if not pairs or v.fits:
                continue
            if kept.fits:
                kept = v
                continue
            default = f"`{eqn.primitive.name}` of {{}}{_named(kept)} and {{}}{_named(v)}"
            self.require(pairs, eqn, verb or default)
        return None if kept is None else kept.degrees

    def result(self, outs: Sequence[Value], ranks: Sequence[int]) -> Form | None:
        """The one degree of all results; None where they are 0 whatever the parameters."""
        flat: list[Value] = []
        for v, rank in zip(map(self.settled, outs), ranks, strict=True):
            fits = v.constant is not None and v.constant.fits
            flat.append(Value(None if fits else self.uniform(v, range(rank), END)))
        joined = self.joined(flat, END, "results of {} and {}")
        return None if joined is None else joined.base

    def agrees(self, values: Sequence[Value]) -> bool:
        """Whether `joined` would post nothing."""
        rest = [v for v in values if not v.fits]
        first = rest[0].degrees if rest else None
        if first is None:
            return True
        return all(v.degrees is not None and not any(first.differences(v.degrees)) for v in rest)


def _named(v: Value) -> str:
    """A constant by its value, where it is one number."""
    if v.constant is None:
        return ""
    value = np.asarray(widened(v.constant.value))
    if value.shape == () and value.dtype.kind in "fiub":
        return f" (the constant {float(value):g})"
    return " (a constant)"


def _can_be_computed(eqn: Any) -> bool:
    """Whether the value of a constant can be had in float64."""
    name, inner = eqn.primitive.name, list(jex_core.jaxprs_in_params(eqn.params))
    if name == "scatter":
        return eqn.params["update_jaxpr"] is None
    if name.startswith("scatter"):
        return True
    if name.endswith("callback") or (inner and called_jaxpr(eqn) is None and name not in CONTROL):
        return False
    return all(_can_be_computed(e) for jaxpr in inner for e in jaxpr.eqns)


def _computed_later(eqn: Any, inputs: list[Value]) -> list[Value]:
    constants = [v.constant for v in inputs if v.constant is not None]
    exact = all(constant.is_exact for constant in constants) and _is_exact(eqn)
    whole = Constant(
        lambda: evaluate(eqn, [widened(constant.value) for constant in constants]),
        at_hand=False,
        own=None if exact else lambda: _in_own_types(eqn, constants),
        sources=constants,
    )
    outs = []
    for i in range(len(eqn.outvars)):
        own = None if exact else lambda i=i: whole.own[i]
        of_whole = lambda i=i: whole.value[i]
        outs.append(Constant(of_whole, at_hand=False, own=own, sources=[whole]))
    return [Value(INVARIANT, constant) for constant in outs]


# Their results are numbers that go in, or are 0 beside them: nothing is rounded.
_MOVES = (
    "broadcast_in_dim reshape squeeze expand_dims transpose slice rev concatenate gather "
    "dynamic_slice dynamic_update_slice select_n neg abs max min sign copy pad split sort top_k "
    "reduce_max reduce_min cummax cummin stop_gradient stack unstack tile scatter"
)
_EXACT = frozenset(_MOVES.split())


def _is_exact(eqn: Any) -> bool:
    """Whether float64 and the program's own types give the same, of the same numbers."""
    if eqn.primitive.name in _EXACT:
        return True
    if eqn.primitive.name == "convert_element_type":
        old, new = eqn.invars[0].aval.dtype, eqn.params["new_dtype"]
        if old == np.bool_ or (jnp.issubdtype(old, np.floating) and _holds(new, old)):
            return True
    inner = list(jex_core.jaxprs_in_params(eqn.params))
    if inner:
        return all(_is_exact(e) for jaxpr in inner for e in jaxpr.eqns)
    return not any(jnp.issubdtype(var.aval.dtype, np.inexact) for var in eqn.outvars)


def _holds(wide: Any, narrow: Any) -> bool:
    return jnp.issubdtype(wide, np.inexact) and jnp.promote_types(wide, narrow) == wide


def _in_own_types(eqn: Any, constants: list[Constant]) -> list[Any]:
    values = [
        value if is_key(value := constant.own) else jnp.asarray(value, atom.aval.dtype)
        for constant, atom in zip(constants, eqn.invars, strict=True)
    ]
    out = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(eqn.params))
    return list(out) if eqn.primitive.multiple_results else [out]
