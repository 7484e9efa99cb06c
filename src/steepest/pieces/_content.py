"""Whether two programs are the same, by all that is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.extend import core as jex_core

from steepest.pieces._double import called_jaxpr
from steepest.pieces._host import is_key
from steepest.pieces._program import Program
from steepest.pieces._source import defined_by_jax, user_line


class Content:
    """A program that equals another of the same content: equations, numbers that they close over,
    and the user's lines, which messages name.

    What was compiled for the one serves the other. A function that closes over other numbers than
    before, or was edited, is traced to other content.

    Args:
        program: a program.

    Attributes:
        program: the same with arrays of its own, which nobody else writes to or deletes.
    """

    def __init__(self, program: Program):
        consts = [c if is_key(c) else np.array(c) for c in program.closed.consts]
        self.program = replace(program, closed=program.closed.replace(consts=consts))

    @cached_property
    def parts(self) -> Hashable:
        return _closed(self.program.closed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)


class _Itself:
    """An object that equals no other."""

    def __init__(self, it: Any):
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.it is other.it

    def __hash__(self) -> int:
        return id(self.it)


def _closed(closed: jex_core.ClosedJaxpr) -> Hashable:
    return _jaxpr(closed.jaxpr), tuple(map(_number, closed.consts))


def _jaxpr(jaxpr: jex_core.Jaxpr) -> Hashable:
    """Variables are told apart by the order in which they are met."""
    places: dict[Any, int] = {}

    def met(var: Any) -> Hashable:
        if isinstance(var, jex_core.Literal):
            return var.aval, _number(var.val)
        return places.setdefault(var, len(places)), var.aval

    def equation(eqn: Any) -> Hashable:
        inputs, outputs = tuple(map(met, eqn.invars)), tuple(map(met, eqn.outvars))
        inner = called_jaxpr(eqn)
        if inner is None:
            params: Any = eqn.params
        else:  # a rule for its derivative, or how it is to be compiled, is not read
            params = inner, eqn.params.get("name"), defined_by_jax(inner.jaxpr)
        return eqn.primitive.name, inputs, outputs, _param(params), user_line(eqn)

    given = tuple(map(met, (*jaxpr.constvars, *jaxpr.invars)))
    equations = tuple(map(equation, jaxpr.eqns))
    return given, equations, tuple(map(met, jaxpr.outvars))


def _param(value: Any) -> Hashable:
    if isinstance(value, jex_core.ClosedJaxpr):
        return _closed(value)
    if isinstance(value, jex_core.Jaxpr):
        return _jaxpr(value)
    if isinstance(value, dict):
        return tuple((name, _param(part)) for name, part in sorted(value.items()))
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(_param, value))
    if isinstance(value, (np.ndarray, np.generic, jax.Array, bool, int, float, complex)):
        return _number(value)
    try:
        hash(value)
    except TypeError:
        return _Itself(value)
    return value


def _number(value: Any) -> Hashable:
    """Bit by bit: −0 is not 0, and NaN equals itself. A key of random numbers shows none."""
    if is_key(value):
        return _Itself(value)
    array = np.ascontiguousarray(value)
    bits = hashlib.sha256(array.tobytes())
    return type(value), np.shape(value), array.dtype, bits.digest()
