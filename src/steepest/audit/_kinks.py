"""The kinks that a program meets at one point, line by line.

The program is run once on the host, in float64, as its equations stand. At every choice the margin
is compared with the rounding of the equation that made its operands, as everywhere in `steepest`;
where a unit is clipped at a constant (a ReLU), units that stay clipped on the whole batch are dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax.extend import core as jex_core

from steepest.audit._margins import MARGINS
from steepest.pieces import CHOICES, _smooth as smooth, called_jaxpr, user_line
from steepest.pieces._choices import EQUALITIES
from steepest.pieces._concrete import evaluate, widened
from steepest.pieces._double import IDENTITIES
from steepest.pieces._interpret import interpret, scan_counts
from steepest.pieces._number import dtype_eps
from steepest.pieces._source import defined_by_jax
from steepest.pieces._walk import TIE_FACTOR


@dataclass
class KinkLine:
    """The choices of one primitive on one of the user's lines.

    Attributes:
        line: the user's line.
        primitive: what chooses.
        entries: how many numbers are chosen, over the batch.
        tied: how many of them are within rounding of another choice.
        margin: the least distance to another choice among the rest.
        units: entries for one example, where the constant of a clipping is met (else None).
        dead: how many of the units are clipped on every example.
    """

    line: str
    primitive: str
    entries: int = 0
    tied: int = 0
    margin: float = float("inf")
    units: int | None = None
    dead: int = 0


@dataclass
class _Number:
    value: Any
    size: Any
    varies: bool
    eps: float


class Kinks:
    """One run of a program.

    Attributes:
        lines: what was met, in the order of the program.
        singular: lines where a step has no derivative (a root at 0).
        not_read: steps whose kinks, if they have any, are not looked for.
        first_nan: the line that first made a NaN of numbers, or None.
    """

    def __init__(self, examples: int):
        self.examples = examples
        self.found: dict[tuple[str, str], KinkLine] = {}
        self.singular: dict[str, int] = {}
        self.not_read: dict[str, None] = {}
        self.first_nan: str | None = None
        self._call: Any = None

    @property
    def lines(self) -> list[KinkLine]:
        return list(self.found.values())

    @property
    def tied(self) -> int:
        return sum(line.tied for line in self.lines)

    def run_program(self, closed: jex_core.ClosedJaxpr, leaves: Sequence[Any]) -> list[np.ndarray]:
        """The results; what is met on the way is kept."""
        args = [
            _Number(widened(leaf), np.abs(widened(leaf)), True, dtype_eps(leaf.dtype))
            for leaf in leaves
        ]
        with np.errstate(all="ignore"):
            return [np.asarray(out.value) for out in self._run(closed, args)]

    def _run(self, closed: jex_core.ClosedJaxpr, args: Sequence[_Number]) -> list[_Number]:
        one = lambda eqn, inputs, _: self._equation(eqn, inputs)
        return interpret(closed, args, _constant, one)

    def _equation(self, eqn: Any, inputs: list[_Number]) -> list[_Number]:
        name, params = eqn.primitive.name, eqn.params
        inner = called_jaxpr(eqn)
        if inner is not None:
            outermost = self._call is None and defined_by_jax(inner.jaxpr)
            if outermost:
                self._call = eqn
            outs = self._run(inner, inputs)
            if outermost:
                self._call = None
            return outs
        if name in IDENTITIES:
            return inputs
        if name in _CONTROL and any(v.varies for v in inputs):
            return _CONTROL[name](self, eqn, inputs)
        values = [v.value for v in inputs]
        apply = lambda values: evaluate(eqn, values)
        outs = apply(values)
        varies = any(v.varies for v in inputs)
        if not varies:
            return [_constant(o, var.aval.dtype) for o, var in zip(outs, eqn.outvars, strict=True)]
        line = user_line(self._call or eqn)
        if self.first_nan is None and _turned_nan(outs, values):
            self.first_nan = line
        floats = [v for v in inputs if smooth.is_float(v.value)]
        eps = max((v.eps for v in floats), default=0.0)
        sizes = [v.size for v in inputs]
        if any(v.varies for v in floats):
            if name in CHOICES:
                self._choice(name, eqn, inputs, eps, line)
            elif name in EQUALITIES and inputs[0].value is not inputs[1].value:
                gap = np.abs(values[0] - values[1])
                self._count(name, line, gap, gap <= TIE_FACTOR * eps * (sizes[0] + sizes[1]))
            elif name in MARGINS:
                gaps, room = MARGINS[name](values, sizes, params)
                self._count(name, line, gaps, (gaps <= TIE_FACTOR * eps * room) & np.isfinite(gaps))
            elif name not in smooth.SMOOTH:
                self.not_read[f"`{name}` at {line}"] = None
            rule = smooth.SINGULAR.get(name)
            if name == "pow" and inputs[1].varies:
                rule = smooth.varying_power
            if rule is not None:
                bad = np.sum(rule(values, [TIE_FACTOR * eps * s for s in sizes], params))
                if bad:
                    self.singular[line] = self.singular.get(line, 0) + int(bad)
        return [
            _Number(o, s, True, eps)
            for o, s in zip(
                outs, smooth.size(name, values, sizes, outs, params, apply), strict=True
            )
        ]

    def _choice(self, name: str, eqn: Any, inputs: list[_Number], eps: float, line: str) -> None:
        row, values, params = CHOICES[name], [v.value for v in inputs], eqn.params
        data = row.freeze([values[0]], params)
        keys = np.asarray(row.keys(values, params, data))
        sizes = np.abs(np.asarray(row.keys([v.size for v in inputs], params, data)))
        best = np.argmax(keys, axis=0)[None]
        top, size = np.take_along_axis(keys, best, 0), np.take_along_axis(sizes, best, 0)
        gaps = top - keys
        np.put_along_axis(gaps, best, np.inf, 0)
        gaps = np.where(np.isfinite(keys), gaps, np.inf)  # −∞ is masked: it competes with nothing
        near = (gaps <= TIE_FACTOR * eps * (sizes + size)) & np.isfinite(gaps)
        found = self._count(name, line, gaps.min(axis=0), near.any(axis=0))
        bounds = [v.value for v in inputs if not v.varies]
        clipped = name == "max" and len(bounds) == 1 and bool(np.isfinite(bounds[0]).all())
        batch = [axis for axis, n in enumerate(keys.shape[1:]) if n == self.examples]
        if clipped and batch:  # the last axis, if a model of one example is mapped: A @ x
            moving = 0 if inputs[0].varies else 1
            alive = (keys[moving] > keys[1 - moving]).any(axis=batch[0])
            found.units = (found.units or 0) + int(alive.size)
            found.dead += int(np.sum(~alive))

    def _count(self, name: str, line: str, gaps: Any, tied: Any) -> KinkLine:
        gaps, tied = np.asarray(gaps), np.asarray(tied)
        found = self.found.setdefault((line, name), KinkLine(line, name))
        found.entries += int(np.size(gaps))
        found.tied += int(np.sum(tied))
        found.margin = min(found.margin, float(np.min(gaps[~tied], initial=np.inf)))
        return found


def _constant(value: Any, dtype: Any) -> _Number:
    array = widened(value)
    size = np.abs(array) if smooth.is_float(array) else 0.0
    return _Number(array, size, False, dtype_eps(dtype))


def _turned_nan(outs: Sequence[Any], values: Sequence[Any]) -> bool:
    nan = lambda array: smooth.is_float(array) and bool(np.isnan(array).any())
    return any(map(nan, outs)) and not any(map(nan, values))


# ---- control flow, as it goes at this point


def _scan(run: Kinks, eqn: Any, inputs: list[_Number]) -> list[_Number]:
    p = eqn.params
    (n_consts, n_carry), length = scan_counts(p), p["length"]
    consts, carry = inputs[:n_consts], inputs[n_consts : n_consts + n_carry]
    xs = inputs[n_consts + n_carry :]
    outs: list[list[_Number]] = []
    for t in reversed(range(length)) if p["reverse"] else range(length):
        row = [
            _Number(x.value[t], x.size[t] if np.ndim(x.size) else x.size, x.varies, x.eps)
            for x in xs
        ]
        results = run._run(p["jaxpr"], [*consts, *carry, *row])
        carry = results[:n_carry]
        outs.append(results[n_carry:])
    if p["reverse"]:
        outs.reverse()
    return [*carry, *map(_stacked, zip(*outs, strict=True))]


def _stacked(column: Sequence[_Number]) -> _Number:
    values = np.stack([v.value for v in column])
    sizes = np.stack([np.broadcast_to(v.size, np.shape(v.value)) for v in column])
    return _Number(values, sizes, any(v.varies for v in column), max(v.eps for v in column))


def _while(run: Kinks, eqn: Any, inputs: list[_Number]) -> list[_Number]:
    p = eqn.params
    n_cond, n_body = p["cond_nconsts"], p["body_nconsts"]
    cond, body = inputs[:n_cond], inputs[n_cond : n_cond + n_body]
    carry = inputs[n_cond + n_body :]
    while bool(run._run(p["cond_jaxpr"], [*cond, *carry])[0].value):
        carry = run._run(p["body_jaxpr"], [*body, *carry])
    return carry


def _cond(run: Kinks, eqn: Any, inputs: list[_Number]) -> list[_Number]:
    index, *operands = inputs
    branches = eqn.params["branches"]
    return run._run(branches[int(np.clip(index.value, 0, len(branches) - 1))], operands)


_CONTROL = {"scan": _scan, "while": _while, "cond": _cond}
