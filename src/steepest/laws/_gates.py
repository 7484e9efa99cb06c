"""A program with every choice replaced by a mixture: max(a, b) by g·a + (1 − g)·b.

For g in {0, 1} these are the program's pieces. What holds for one generic draw of real gates holds
for all of them, by analyticity, and so for every piece, met or not: a law of the mixture is a law
of the program. (The mixture may have fewer: it takes choices for free that may hang together.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.laws._ranges import MOVES, Path
from steepest.pieces import CHOICES, _smooth as smooth, called_jaxpr, has_choices
from steepest.pieces._double import IDENTITIES, evaluate_equation
from steepest.pieces._interpret import interpret


class NotMixed(Exception):  # noqa: N818 (a signal to the caller, not an error)
    """The program chooses in a way that no mixture is known for; the message names it."""


class _Value(NamedTuple):
    """An array, and whether it depends on parameters or inputs. A truth value that does is a gate:
    a number that says how far it is true."""

    array: Any
    varies: bool


class Mixture:
    """Runs a program as a mixture: see the module.

    Attributes:
        fixed: gates that are no choice, by the path of their equation (see `decided`).
        drawn: after a run, how many numbers of the gates it took.
        count: after a run, how many of these are a choice.
    """

    def __init__(self, fixed: Mapping[Path, np.ndarray]):
        self.fixed = fixed
        self.count = self.drawn = 0

    def run(self, closed: jex_core.ClosedJaxpr, args: Sequence[Any], gates: Any) -> list[Any]:
        """The outputs in float64; call it as `run_in_double`.

        Args:
            closed: the program.
            args: its inputs.
            gates: a vector of as many numbers as it takes; None to find out how many these are.

        Raises:
            NotMixed: see the class.
        """
        self.count, self.drawn, self._gates = 0, 0, gates
        # Integers come as they were given: they are data of the draw, not variables.
        given = [_Value(_widened(a), bool(jnp.issubdtype(a.dtype, np.floating))) for a in args]
        return [out.array for out in self._run(closed, given, ())]

    def _run(
        self, closed: jex_core.ClosedJaxpr, args: Sequence[_Value], path: Path
    ) -> list[_Value]:
        def equation(eqn: Any, inputs: list[_Value], _: Any) -> Sequence[_Value]:
            here = (*path, id(eqn))
            if not any(v.varies for v in inputs):
                outs = evaluate_equation(eqn, [v.array for v in inputs])
                return [_Value(out, False) for out in outs]
            inner = called_jaxpr(eqn)
            if inner is not None:
                return self._run(inner, inputs, here)
            if eqn.primitive.name in IDENTITIES:
                return inputs
            return self._equation(eqn, inputs, here)

        constant = lambda value, dtype: _Value(_widened(value), False)
        return interpret(closed, args, constant, equation)

    def _equation(self, eqn: Any, inputs: list[_Value], path: Path) -> list[_Value]:
        name, out = eqn.primitive.name, eqn.outvars[0].aval
        values = [v.array for v in inputs]
        fixed = self.fixed.get(path)
        if any(jnp.issubdtype(atom.aval.dtype, np.complexfloating) for atom in eqn.invars):
            return self._smooth(eqn, inputs)
        if name == "is_finite":  # of numbers that are
            return [_Value(jnp.ones(out.shape, bool), False)]
        if name in ("eq", "ne") and eqn.invars[0] is eqn.invars[1]:  # whether it is NaN
            return [_Value(jnp.full(out.shape, name == "eq"), False)]
        if name in ("max", "min"):
            return [_Value(_mixed(self._gate(out.shape, fixed), *values), True)]
        if name == "clamp":
            low, x, high = values
            inside = _mixed(self._gate(out.shape, None), x, low)
            return [_Value(_mixed(self._gate(out.shape, None), inside, high), True)]
        if name == "abs":
            return [_Value((2 * self._gate(out.shape, fixed) - 1) * values[0], True)]
        if name in ("reduce_max", "reduce_min"):
            return [_Value(self._heaviest(eqn, values[0]), True)]
        if name in ("sign", "floor", "ceil", "round"):
            return [_Value(self._gate(out.shape, None), True)]
        if out.dtype == np.bool_ and name not in _MOVES:
            return [_Value(self._truth(name, eqn, inputs, fixed), True)]
        if name == "select_n":
            return [_Value(self._select(eqn, inputs), True)]
        return self._smooth(eqn, inputs)

    # ---- gates

    def _gate(self, shape: Any, fixed: Any) -> Any:
        size = int(np.prod(shape))
        if self._gates is None:
            drawn = jnp.full(shape, 0.5)
        else:
            drawn = self._gates[self.drawn : self.drawn + size].reshape(shape)
        self.drawn += size
        if fixed is None:
            self.count += size
            return drawn
        self.count += int(np.isnan(fixed).sum())
        return jnp.where(np.isnan(fixed), drawn, np.nan_to_num(fixed))

    def _truth(self, name: str, eqn: Any, inputs: list[_Value], fixed: Any) -> Any:
        (out,) = eqn.outvars
        if name == "not":
            return 1.0 - inputs[0].array
        if name in CHOICES or name in _LOGIC:
            return self._gate(out.aval.shape, fixed)
        raise NotMixed(name)

    def _heaviest(self, eqn: Any, x: Any) -> Any:
        axes = tuple(eqn.params["axes"])
        # A candidate of −∞ is masked: it competes with nothing.
        weights = 2 * self._gate(x.shape, None) / np.prod([x.shape[axis] for axis in axes])
        return jnp.sum(jnp.where(jnp.isinf(x), 0.0, x) * weights, axes)

    def _select(self, eqn: Any, inputs: list[_Value]) -> Any:
        which, *cases = inputs
        boolean = eqn.invars[0].aval.dtype == np.bool_
        arrays = [_as_number(case.array) for case in cases]
        if not which.varies:
            return jax.lax.select_n(which.array, *arrays)
        integers = any(not _is_real(var.aval.dtype) for var in eqn.invars[1:])
        if not boolean or len(cases) != 2 or integers:
            raise NotMixed("select_n")
        no, yes = arrays
        return _mixed(which.array, yes, no)

    # ---- the rest

    def _smooth(self, eqn: Any, inputs: list[_Value]) -> list[_Value]:
        name = eqn.primitive.name
        values = [v.array for v in inputs]
        pairs = zip(inputs, eqn.invars, strict=True)
        gates = [v.varies and atom.aval.dtype == np.bool_ for v, atom in pairs]
        if any(gates):
            if name == "convert_element_type" and _is_real(eqn.params["new_dtype"]):
                return [_Value(values[0], True)]
            if name not in _MOVES:
                raise NotMixed(name)
            values = [_as_number(value) for value in values]
        looped = name == "scan" and not any(
            has_choices(inner) or not _all_smooth(inner)
            for inner in jex_core.jaxprs_in_params(eqn.params)
        )
        rounded = any(not _is_real(var.aval.dtype) for var in eqn.outvars)
        if not looped and (name not in smooth.SMOOTH or name in _FACTORED or rounded):
            raise NotMixed(name)
        outs = evaluate_equation(eqn, values)
        return [_Value(out, True) for out in outs]


_MOVES = MOVES | {"copy"}
_LOGIC = frozenset(["eq", "ne", "and", "or", "xor", "reduce_and", "reduce_or"])
# Their branches meet where eigenvalues or pivots do.
_FACTORED = frozenset(["eigh", "eig", "svd", "lu", "qr", "householder_product", "schur"])


def _mixed(g: Any, a: Any, b: Any) -> Any:
    """g·a + (1 − g)·b, and just a or b where g says so (the other may be infinite)."""
    return jnp.where(g == 1, a, jnp.where(g == 0, b, g * a + (1 - g) * b))


def _is_real(dtype: Any) -> bool:
    return bool(jnp.issubdtype(dtype, np.floating)) or dtype == np.bool_


def _as_number(value: Any) -> Any:
    return jnp.asarray(value, jnp.float64) if value.dtype == np.bool_ else value


def _widened(value: Any) -> Any:
    dtype = jnp.result_type(value)
    return jnp.asarray(value, jnp.float64) if jnp.issubdtype(dtype, np.floating) else value


def _all_smooth(jaxpr: Any) -> bool:
    """Whether a loop's body is made of smooth steps alone, and calls of such."""
    for eqn in jaxpr.eqns:
        inner = called_jaxpr(eqn)
        if inner is not None:
            if not _all_smooth(inner.jaxpr):
                return False
        elif eqn.primitive.name == "scan":
            if not all(map(_all_smooth, jex_core.jaxprs_in_params(eqn.params))):
                return False
        elif eqn.primitive.name not in smooth.SMOOTH | IDENTITIES or (
            eqn.primitive.name in _FACTORED
        ):
            return False
    return True
