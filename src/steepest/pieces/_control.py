"""Control flow on concrete numbers: loops are unrolled, the branch that is taken is inlined."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces._host import namespace
from steepest.pieces._identity import differ
from steepest.pieces._interpret import scan_inputs
from steepest.pieces._number import Number, constant
from steepest.pieces._source import user_line

MAX_LOOP = 10_000


def _scan(walk: Any, eqn: Any, inputs: list[Number]) -> list[Number]:
    p = eqn.params
    consts, carry, xs = scan_inputs(p, inputs)
    n_carry = len(carry)
    line = user_line(eqn)
    if p["length"] > MAX_LOOP:
        raise UnsupportedPrimitiveError(
            f"a scan of {p['length']} steps at {line} is too long to unroll (limit {MAX_LOOP}); "
            "sample instead: clarke(f, samples=..., radius=...)."
        )
    rows: list[list[Number]] = []
    order = range(p["length"])
    for i in reversed(order) if p["reverse"] else order:
        item = [
            walk.structural("slice", [x], line, lambda values, i=i: [values[0][i]])[0] for x in xs
        ]
        outs = walk.jaxpr(p["jaxpr"], [*consts, *carry, *item])
        carry = outs[:n_carry]
        rows.append(outs[n_carry:])
    if p["reverse"]:
        rows.reverse()
    stacked = [
        walk.structural(
            "concatenate", list(column), line, lambda values: [namespace(*values).stack(values)]
        )[0]
        for column in zip(*rows, strict=True)
    ]
    if not rows:
        stacked = [constant(np.zeros(v.aval.shape)) for v in eqn.outvars[n_carry:]]
    return [*carry, *stacked]


def _while(walk: Any, eqn: Any, inputs: list[Number]) -> list[Number]:
    p = eqn.params
    n_cond, n_body = p["cond_nconsts"], p["body_nconsts"]
    cond_consts, body_consts = inputs[:n_cond], inputs[n_cond : n_cond + n_body]
    carry = inputs[n_cond + n_body :]
    for _ in range(MAX_LOOP):
        (going,) = walk.jaxpr(p["cond_jaxpr"], [*cond_consts, *carry])
        if not bool(_going(walk, going)):
            return list(carry)
        carry = walk.jaxpr(p["body_jaxpr"], [*body_consts, *carry])
    raise UnsupportedPrimitiveError(
        f"the while loop at {user_line(eqn)} runs more than {MAX_LOOP} times at this point; "
        "sample instead: clarke(f, samples=..., radius=...)."
    )


def _going(walk: Any, number: Number) -> Any:
    """What a loop's condition says; where its two sides agree all around x, what that gives.

    A loop that multiplies by 0 compares 0·x with 0 at every turn, and would ask forever.
    """
    if number.labels is None:
        return number.value
    t = int(number.labels)
    node = next((n for n in walk.tape.nodes if t in n.owned), None)
    if node is not None and number.ref in node.outputs:
        a, b = node.numbers
        if not (a.upstream | b.upstream) and not differ(walk, a, b).any():
            return number.world(walk.tape.switches[t].at_equality)
    return walk.branch_on(number)


def _cond(walk: Any, eqn: Any, inputs: list[Number]) -> list[Number]:
    index, *operands = inputs
    if index.labels is not None:
        walk.branch_on(index)
    branches = eqn.params["branches"]
    chosen = min(max(int(index.value), 0), len(branches) - 1)
    return walk.jaxpr(branches[chosen], operands)


def _linear_solve(walk: Any, eqn: Any, inputs: list[Number]) -> list[Number]:
    """The program that solves; those beside it serve derivatives only."""
    lengths = eqn.params["const_lengths"]
    first = lengths.matvec + lengths.vecmat
    consts = inputs[first : first + lengths.solve]
    return walk.jaxpr(eqn.params["jaxprs"].solve, [*consts, *inputs[sum(lengths) :]])


CONTROL = {"scan": _scan, "while": _while, "cond": _cond, "custom_linear_solve": _linear_solve}
