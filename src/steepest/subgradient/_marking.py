"""The marks of a reading along a direction: what is unproved, what may have jumped, of what number.

Marks spread through the steps (`_masks`) and end where `_agreement` and `_roots` say.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from steepest.pieces import _smooth as smooth
from steepest.subgradient._agreement import (
    cases_agree,
    either_and,
    picks_what_it_compared,
    vanishes,
)
from steepest.subgradient._axes import carried, identity, looked_up
from steepest.subgradient._flat import Apply
from steepest.subgradient._masks import spread
from steepest.subgradient._plain import room
from steepest.subgradient._reading import Reading
from steepest.subgradient._roots import MovedRoot, Of, Root, common, rooted
from steepest.subgradient._value import Value, either, eps_of


class Marking(Reading):
    """See the module. `sides`: the name of the axis along which d, −d and 0 are read at once."""

    def __init__(self, sides: str | None):
        super().__init__()
        self.sides = sides
        self.moved: dict[Any, Root] = {}

    def spread_marks(
        self,
        name: str,
        params: dict[str, Any],
        inputs: list[Value],
        outs: list[Value],
        apply: Apply,
        bad: Any = None,
    ) -> None:
        """What of the outputs is unproved, may have jumped, and is a function of one number."""
        forgiven = picks_what_it_compared(name, inputs)
        for mark in ("unproved", "jumped"):
            masks = [getattr(v, mark) for v in inputs]
            for i in forgiven:  # as far as the compared numbers are sound themselves
                compared = masks[0] if i else None
                masks[i] = (
                    either_and(masks[i], lambda m=compared: jnp.any(m))
                    if (compared is not None)
                    else None
                )
            if mark == "unproved" and name == "select_n":
                masks[0] = either_and(masks[0], lambda: ~cases_agree(inputs[1:]))
            if mark == "unproved" and name == "mul":
                masks = [
                    either_and(m, lambda other=other: ~vanishes(other))
                    for m, other in zip(masks, reversed(inputs), strict=True)
                ]
            found = spread(name, params, inputs, masks, [o.array for o in outs], apply)
            for out, mask in zip(outs, found, strict=True):
                setattr(out, mark, mask)
        if bad is not None:
            outs[0].unproved = either(outs[0].unproved, bad)
        self.set_roots(name, params, inputs, outs, apply)
        for out in outs:
            self.close(out)

    def set_roots(
        self, name: str, params: Any, inputs: list[Value], outs: list[Value], apply: Apply
    ) -> None:
        of = common(inputs)
        for out in outs:
            out.root = None if of is None else self.root_of(name, params, inputs, out, of, apply)
            if out.root is None:
                rooted(out)

    def root_of(
        self, name: str, params: Any, inputs: list[Value], out: Value, of: Of, apply: Apply
    ) -> Of | None:
        """What the outcome of a step is a function of whose inputs are functions of `of`."""
        if of.single:
            return of.everywhere(len(out.shape))
        before = next(v.shape for v in inputs if v.varies)
        if name == "gather" and not inputs[0].varies:
            axes = looked_up(params, out.shape, of.axes)
        else:
            axes = carried(name, params, before, out.shape, of.axes)
        if axes is not None:
            return of.along(axes)
        if name not in smooth.MOVES or len(inputs) != 1:
            return None
        key = (name, str(params), of)
        if key not in self.moved:
            self.moved[key] = MovedRoot(of, apply, before, out.shape)
        return Of(self.moved[key], identity(out.shape))

    def close(self, out: Value) -> None:
        """End the mark where a function of one number agrees on both sides of its value."""
        if out.jumped is None or self.sides is None or out.root.root.value is out:
            return
        array = out.array if out.is_float else out.array.astype(jnp.int32)
        gap = lax.pmax(array, self.sides) - lax.pmin(array, self.sides)
        allowed = room(out, eps_of([out])) if out.is_float else 0
        out.jumped = out.jumped & ~((gap <= allowed) & out.root.usable(self.sides))
