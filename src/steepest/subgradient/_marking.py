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
from steepest.subgradient._flat import Apply
from steepest.subgradient._masks import spread
from steepest.subgradient._plain import room
from steepest.subgradient._reading import Reading
from steepest.subgradient._roots import MovedRoot, Root, rooted, single_root
from steepest.subgradient._value import Value, either, eps_of


class Marking(Reading):
    """See the module. `sides`: the name of the axis along which d, −d and 0 are read at once."""

    def __init__(self, sides: str | None):
        super().__init__()
        self.sides = sides
        self.moved: dict[Any, tuple[Root, Root]] = {}

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
        roots = {v.root for v in inputs if v.varies}
        if (single := single_root(inputs)) is not None:
            for out in outs:
                out.root = single
        elif name in smooth.ELEMENTWISE or name in smooth.ELEMENTWISE_CHOICES:
            if len(roots) == 1 and None not in roots:
                outs[0].root = roots.pop()
        elif name in smooth.MOVES and len(inputs) == 1 and len(outs) == 1 and None not in roots:
            (root,) = roots
            key = (name, str(params), id(root))
            if key not in self.moved:
                self.moved[key] = (root, MovedRoot(root, apply, outs[0].shape))
            outs[0].root = self.moved[key][1]
        for out in outs:
            if out.root is None:
                rooted(out)

    def close(self, out: Value) -> None:
        """End the mark where a function of one number agrees on both sides of its value."""
        if out.jumped is None or self.sides is None or out.root.value is out:
            return
        array = out.array if out.is_float else out.array.astype(jnp.int32)
        gap = lax.pmax(array, self.sides) - lax.pmin(array, self.sides)
        allowed = room(out, eps_of([out])) if out.is_float else 0
        out.jumped = out.jumped & ~((gap <= allowed) & out.root.usable(self.sides))
