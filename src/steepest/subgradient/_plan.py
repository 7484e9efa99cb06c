"""A program made ready for its readings: flat, its idle choices held, its selects joined."""

from __future__ import annotations

from typing import Any

from jax.extend import core as jex_core

from steepest.pieces import _smooth as smooth
from steepest.subgradient import _shifts as shifts, _switches as switches
from steepest.subgradient._flat import Flat, Step, flatten
from steepest.subgradient._flow import FLOW, bodies_of
from steepest.subgradient._rules import RULES


def plan(closed: jex_core.ClosedJaxpr) -> Flat:
    flat = prepared(closed)
    ask(flat)
    return flat


def prepared(closed: jex_core.ClosedJaxpr, call: Any = None) -> Flat:
    flat = flatten(closed, call)
    shifts.hold(flat)
    switches.join(flat)
    for step in flat.steps:
        if step.name in FLOW and not step.held:
            # Equations inside one of JAX's own functions are named by the line that calls it.
            outer = None if step.source is step.equation else step.source
            step.bodies = [prepared(body, outer) for body in bodies_of(step.name, step.params)]
    return flat


def ask(flat: Flat) -> None:
    """Mark the steps whose first coefficients and sizes a later choice will ask for."""
    slopes: set[int] = set()
    sizes: set[int] = set()
    for step in reversed(flat.steps):
        step.wants = _any(step.outputs, slopes), _any(step.outputs, sizes)
        if step.held:
            continue
        places = [a for a in step.inputs if isinstance(a, int)]
        chooses = step.name in RULES or step.name in FLOW
        if chooses or step.wants[0]:
            slopes.update(places)
        if chooses or _may_be_singular(step) or (step.wants[1] and step.name in _SIZED):
            sizes.update(places)


def _any(places: list[int], among: set[int]) -> bool:
    return any(place in among for place in places)


def _may_be_singular(step: Step) -> bool:
    if step.name == "div" and not isinstance(step.inputs[1], int):
        return False
    return step.name in smooth.SINGULAR


# The size of their outcome follows from the sizes of their inputs.
_SIZED = (
    smooth.STRUCTURAL
    | {"select_n", "mul", "div", "neg", "integer_pow", "log", "add", "sub", "add_any", "square"}
    | {"tanh", "sin", "tan", "erf", "sinh", "asinh", "atan", "expm1", "log1p", "asin", "atanh"}
)
