"""Rules of scan, while and cond.

A loop is read step after step until the degrees of its carry stay what they are; then every further
step is the same. Where they have not settled after `MOST_STEPS` steps, or the number of steps is
not known, that they do not change is posted as a requirement: it makes the rest of the loop the
same for every scaling that fulfils it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steepest.homogeneity._degrees import Degrees, common_shape, dense, disjoint_degrees
from steepest.homogeneity._form import ZERO
from steepest.homogeneity._value import Result, Value
from steepest.pieces import scan_counts

MOST_STEPS = 1000


def _scan(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    p = eqn.params
    (n_consts, n_carry), length = scan_counts(p), p["length"]
    consts, xs = inputs[:n_consts], inputs[n_consts + n_carry :]
    carry = [v.forgotten() for v in inputs[n_consts : n_consts + n_carry]]
    rows = [v.forgotten() for v in xs]
    alike = not any(v.degrees is not None and _varies_first(v.degrees) for v in rows)
    outs: list[list[Value]] = []

    def step(carry: list[Value], t: int) -> list[Value]:
        place = length - 1 - t if p["reverse"] else t
        results = reading.body(p["jaxpr"], [*consts, *carry, *(_row(v, place) for v in rows)])
        outs.append(results[n_carry:])
        return [v.forgotten() for v in results[:n_carry]]

    for t in range(length):
        if alike and t >= MOST_STEPS:
            carry = _closed(reading, eqn, carry, lambda carry: step(carry, 0))
            break
        before, carry = carry, step(carry, t)
        if alike and _same(before, carry):
            break
    outs += outs[-1:] * (length - len(outs))
    outs = outs[:length]
    if p["reverse"]:
        outs.reverse()
    stacked = [
        _stacked([row[k] for row in outs], len(var.aval.shape) - 1)
        for k, var in enumerate(eqn.outvars[n_carry:])
    ]
    return [*carry, *stacked]


def _varies_first(degrees: Degrees) -> bool:
    return any(part.shape[0] > 1 for part in degrees.parts)


def _row(v: Value, place: int) -> Value:
    """The slice of a stacked array that a step is handed."""
    if v.degrees is None or not v.degrees.parts:
        return v.anew()

    def row(part: np.ndarray) -> np.ndarray:
        return part.take([min(place, part.shape[0] - 1)], 0).reshape(part.shape[1:])

    return Value(v.degrees.mapped(row))


def _stacked(column: list[Value], rank: int) -> Degrees | None:
    """The results of all steps, of this rank each, under a leading axis."""
    present = [v.degrees for v in column if v.degrees is not None and not v.fits]
    if not present:
        return None
    rows = [present[0] if v.fits or v.degrees is None else v.degrees for v in column]
    if not any(any(rows[0].differences(row)) for row in rows[1:]):
        return rows[0].mapped(lambda part: part[None])
    shape = common_shape(rank, [part for row in rows for part in row.parts])
    return disjoint_degrees(ZERO, [np.stack([dense(row, shape) for row in rows])])


def _same(before: Sequence[Value], after: Sequence[Value]) -> bool:
    for a, b in zip(before, after, strict=True):
        if a.degrees is None or b.degrees is None:
            if a.degrees is not b.degrees:
                return False
        elif any(a.degrees.differences(b.degrees)):
            return False
    return True


def _closed(
    reading: Any, eqn: Any, carry: list[Value], step: Callable[[list[Value]], list[Value]]
) -> list[Value]:
    """A carry that a step leaves as it is, given what is posted; zeros take what comes."""
    verb = f"`{eqn.primitive.name}` whose carry goes from {{}} to {{}} in a step,"
    while True:
        after = step(carry)
        settled = True
        for k, (a, b) in enumerate(zip(carry, after, strict=True)):
            if a.degrees is None and b.degrees is not None:
                carry[k], settled = b, False
            elif a.degrees is not None and b.degrees is not None:
                reading.require(a.degrees.differences(b.degrees), eqn, verb)
        if settled:
            return carry


def _while(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    p = eqn.params
    n_cond, n_body = p["cond_nconsts"], p["body_nconsts"]
    cond_consts, body_consts = inputs[:n_cond], inputs[n_cond : n_cond + n_body]
    carry = inputs[n_cond + n_body :]
    body = lambda carry: reading.body(p["body_jaxpr"], [*body_consts, *carry])

    def goes_on(carry: list[Value]) -> Value:
        (answer,) = reading.body(p["cond_jaxpr"], [*cond_consts, *carry])
        return answer

    # Floats may round otherwise here than where f runs, and end the loop a step sooner or later.
    carry = [
        v if np.issubdtype(var.aval.dtype, np.integer) else v.forgotten()
        for v, var in zip(carry, eqn.outvars, strict=True)
    ]
    for _ in range(MOST_STEPS):  # as long as the number of steps does not depend on parameters
        answer = goes_on(carry)
        if answer.constant is None or answer.constant.agreed is None:
            break
        if not np.asarray(answer.constant.agreed):
            return [*carry]
        carry = body(carry)

    def step(carry: list[Value]) -> list[Value]:
        goes_on(carry)
        return [v.forgotten() for v in body(carry)]

    return [*_closed(reading, eqn, [v.forgotten() for v in carry], step)]


def _cond(reading: Any, eqn: Any, inputs: list[Value], wanted: list[bool]) -> Result:
    which, *operands = inputs
    branches = eqn.params["branches"]
    if which.constant is not None and which.constant.agreed is not None:
        index = int(np.clip(np.asarray(which.constant.agreed), 0, len(branches) - 1))
        return [*reading.body(branches[index], operands)]
    outs = [reading.body(branch, operands) for branch in branches]
    verb = "`cond` between results of {} and {}"
    return [
        reading.joined([v.forgotten() for v in column], eqn, verb)
        for column in zip(*outs, strict=True)
    ]


CONTROL = {"scan": _scan, "while": _while, "cond": _cond}
