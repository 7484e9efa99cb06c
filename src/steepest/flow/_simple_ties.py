"""Components whose least-norm element has a closed form: a lone kink, variables in a row.

They are what separable functions and total variation are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from steepest.flow._ties import Ties

_BEYOND = 1e-11  # weights are in 0 … 1 up to this


class Component(NamedTuple):
    """Places that tie and the variables they see; all that changes at an event."""

    variables: np.ndarray
    places: np.ndarray


Decided = tuple[np.ndarray, np.ndarray]


def by_closed_form(ties: Ties, component: Component, x: np.ndarray) -> Decided | None:
    """`Ties.decide`, where one of the closed forms holds; else nothing is changed."""
    first, places = ties.inc.first, component.places
    if len(places) == 1 and first[places[0] + 1] - first[places[0]] == 2:
        return _alone(ties, component, x)
    return _in_a_row(ties, component, x)


def _alone(ties: Ties, component: Component, x: np.ndarray) -> Decided:
    """One place with two candidates: the point of a segment next to 0."""
    inc, variables, place = ties.inc, component.variables, int(component.places[0])
    candidate = inc.first[place] + 1
    both = slice(candidate - 1, candidate + 1)
    row = np.zeros(len(variables))
    _, seen, entries = inc.entries(np.array([candidate]))
    row[ties.slot[seen]] = entries
    ties.weights[both] = 0.0
    slope = inc.slope(variables, ties.weights)
    size = float(row @ row)
    weight = -float(row @ slope) / size
    held = min(max(weight, 0.0), 1.0)
    ties.weights[both] = 1 - held, held
    slope = slope + held * row
    if size * abs(weight - held) > inc.noise[candidate]:
        ties.tied[both] = weight < held, weight > held
        ties.number[place] = 1
        ties.leave(variables)
        return ties.rounded(variables, slope), x
    ties.enter(component)
    if inc.single[place]:
        return np.zeros(1), np.zeros(1)
    # Put the slope along the tie, and the state on it, to rounding of their own sizes.
    slope = slope - (row @ slope) / size * row
    x = x - (row @ x + inc.program.constants[candidate]) / size * row
    return ties.rounded(variables, slope), x


def _in_a_row(ties: Ties, component: Component, x: np.ndarray) -> Decided | None:
    """Variables in a row, each held equal to the next, if the weights allow it.

    They move with their mean slope. What a tie passes on is the sum of what the variables before it
    have too much.
    """
    inc, (variables, places) = ties.inc, component
    if len(places) != len(variables) - 1 or not np.all(inc.equates[places]):
        return None
    a, b = ties.slot[inc.left[places]], ties.slot[inc.right[places]]
    if np.any(np.abs(a - b) != 1):
        return None
    second = inc.first[places] + 1
    before = ties.weights[second]
    ties.weights[second - 1] = ties.weights[second] = 0.0
    fixed = inc.slope(variables, ties.weights)
    mean = fixed.sum() / len(fixed)
    factors = np.where(a < b, inc.factor[places], -inc.factor[places])
    weights = np.cumsum(mean - fixed)[np.minimum(a, b)] / factors
    fits = bool(np.all((weights > -_BEYOND) & (weights < 1 + _BEYOND)))
    weights = np.clip(weights, 0.0, 1.0) if fits else before
    ties.weights[second - 1], ties.weights[second] = 1 - weights, weights
    if not fits:
        return None
    ties.enter(component)
    slope = ties.rounded(variables, np.full(len(x), mean))
    return slope, np.full(len(x), x.sum() / len(x))
