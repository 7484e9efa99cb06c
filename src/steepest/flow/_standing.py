"""How far a loop of steps goes, and where a run stands after it."""

from __future__ import annotations

from typing import Any, NamedTuple

from steepest.flow._field import Look
from steepest.flow._mode import Arguments
from steepest.flow._tries import Tries

MOST_MADE = 64  # events in one loop


class Limits(NamedTuple):
    """How far a loop goes.

    Attributes:
        until: no further step is begun after that.
        end: no step goes beyond that.
        steps: how many are taken; with 0 the mode is looked at where it is.
        events: how many are made.
        watched: whether anything is watched at all.
        tries: to pass crossings, before.
    """

    until: Any
    end: Any
    steps: Any
    events: Any
    watched: Any
    tries: Tries = Tries()


class Step(NamedTuple):
    """Where a run stands.

    Attributes:
        t, y: the end of the last accepted step, or the last event that was made.
        next_t: where the next step is to end.
        begin, start, dense: time and state at which the last accepted step began, and what its
            dense output is made of.
        accepted, rejected: how many steps.
        spent, pulled: how many right-hand sides, and gradients of held pairs for them.
        finite: whether the state stayed finite.
        met: whether what is watched turned negative in the last step.
        low, when: times before and after it did.
        located: whether the mode ends at the time `when`, to first order, and `look` is there; if
            not, and something was met, both times are near to it to the accuracy of the dense
            output.
        left: whether a multiplier out of its bounds ends it.
        look: what was looked at last.
        mode: after the events that were made.
        passed: how many crossings are lost in the errors of their steps.
        tries: to pass them.
        events, times, kinds, candidates: how many, when, which of `KINDS`, and what is taken, held
            or let go there.
    """

    t: Any
    y: Any
    next_t: Any
    begin: Any
    start: Any
    dense: Any
    accepted: Any
    rejected: Any
    spent: Any
    pulled: Any
    finite: Any
    met: Any
    low: Any
    when: Any
    located: Any
    left: Any
    look: Look
    mode: Arguments
    passed: Any
    tries: Tries
    events: Any
    times: Any
    kinds: Any
    candidates: Any
