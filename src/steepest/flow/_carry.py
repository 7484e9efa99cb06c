"""What a loop of steps is at, and what it carries from one of its turns to the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from steepest.flow._bracket import Bracket
from steepest.flow._crossing import Crossing
from steepest.flow._events import KINDS, Kind
from steepest.flow._mode import Arguments
from steepest.flow._samples import Samples
from steepest.flow._sliding import Leaving
from steepest.flow._standing import Step

# What the loop is at: it tries a step, looks at the multipliers in it, goes to the time at which
# something was met, looks at a state, looks when a multiplier left, goes to that time, looks at the
# mode beyond a crossing, at that in which a slide begins, at that in which one has ended, and at
# that in which the step ended.
STEPS, SAMPLES, LOCATES, LOOKS, LEAVES, ARRIVES = range(6)
CROSSES, SLIDES, RELEASES, PASSES = range(6, 10)


class Made(NamedTuple):
    """An event, if what is looked at is clear.

    Attributes:
        clear: whether it is.
        kind: which of `KINDS`.
        candidate: what is taken, held or let go.
        mode: after it.
    """

    clear: Any
    kind: Any
    candidate: Any
    mode: Arguments

    @classmethod
    def of(cls, clear: Any, kind: Kind, candidate: Any, mode: Arguments) -> Made:
        return cls(clear, jnp.asarray(KINDS.index(kind)), candidate, mode)


class Carry(NamedTuple):
    """What the loop is at.

    Attributes:
        phase: see above.
        step: see `Step`.
        solver, controller: Diffrax's states.
        fine: whether the last step's error is so far below the tolerance that its dense output will
            do for states within it.
        target, polished: the time that is tried for what was met, and how many were.
        samples: of the multipliers in the last step.
        crossing, leaving: what is tried.
        seen: whether the state that is looked at next is the one that `step.look` is of.
        left: between which times a multiplier left.
        late: by how much it is out of its bounds where it counts as having left.
    """

    phase: Any
    step: Step
    solver: Any
    controller: Any
    fine: Any
    target: Any
    polished: Any
    samples: Samples
    crossing: Crossing
    leaving: Leaving
    seen: Any
    left: Bracket
    late: Any
