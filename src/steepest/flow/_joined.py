"""Choices that turn on one surface and work against each other.

relu(x) − relu(−x) is x, and softplus is made of a max and an abs that cancel: at 0 each of the two
has a kink, together they have none. Freed of each other they would mix to gradients that no side
has. So where the gradients of two keys are parallel, the keys are multiples of each other nearby,
and one choice is convex and another concave, they are made one: they turn, are held and are let go
together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steepest.flow._decide import Decider
from steepest.flow._mode import Mode

_PARALLEL = 1e-9
_SAME = 1e-6  # how far two keys may be from multiples of each other, nearby
_NEARBY = 1e-3
_ADDITIVE = 1e-9


def with_joined(decider: Decider, mode: Mode, ties: list[tuple[int, int]]) -> Mode | None:
    """The mode in which such choices are one, on one side of their surface each; None if there are
    none."""
    simple = [tie for tie in ties if _is_simple(mode, *tie)]
    if len(simple) < 2:
        return None
    changes = [decider.change(mode, *tie) for tie in simple]
    lengths = [float(np.linalg.norm(row)) for _, row in changes]
    left = [i for i, length in enumerate(lengths) if length > 0]
    found = mode
    while left:
        first = left[0]
        cosine = lambda i, first=first: (
            float(changes[i][1] @ changes[first][1]) / (lengths[i] * lengths[first])
        )
        group = [i for i in left if abs(cosine(i)) >= 1 - _PARALLEL]
        left = [i for i in left if i not in group]
        bends = [float(changes[i][0] @ changes[i][1]) for i in group]
        if not (min(bends) < 0 < max(bends)):
            continue
        ratios = [np.sign(cosine(i)) * lengths[i] / lengths[first] for i in group]
        pairs = [simple[i] for i in group]
        if not on_one_surface(decider, mode, pairs, ratios):
            continue
        joined = found
        for k, (base, other) in enumerate(pairs):
            if ratios[k] < 0:
                joined = joined.crossed(base, other)
                pairs[k] = (other, base)
        joined = _as_one(decider, joined, pairs)
        found = found if joined is None else joined
    return None if found is mode else found


def _is_simple(mode: Mode, base: int, other: int) -> bool:
    _, _, members = mode.place_of(base)
    is_choice = mode.gated.is_choice[base] and mode.gated.is_choice[other]
    return bool(is_choice and len(members) == 2 and len(mode.members(base)) == 1)


def on_one_surface(
    decider: Decider, mode: Mode, pairs: list[tuple[int, int]], ratios: list[float]
) -> bool:
    """Whether the margins are these multiples of the first nearby, not only to first order."""
    rng = np.random.default_rng(0)
    size = 1 + float(np.max(np.abs(decider.y), initial=0.0))
    for _ in range(3):
        step = rng.standard_normal(len(decider.y))
        y = decider.y + _NEARBY * size * step / np.linalg.norm(step)
        keys = decider.machine.look(y, mode).keys
        margins = np.array([keys[base] - keys[other] for base, other in pairs])
        expected = margins[0] * np.array(ratios)
        if np.any(np.abs(margins - expected) > _SAME * (np.abs(margins) + np.abs(expected))):
            return False
    return True


def _as_one(decider: Decider, mode: Mode, pairs: list[tuple[int, int]]) -> Mode | None:
    """The mode with these pairs joined; None where their effects on the gradient do not add up."""
    sides = tuple(zip(*pairs, strict=True))
    joined = replace(mode, joined=(*mode.joined, (sides[0], sides[1])))
    jump, _ = decider.change(joined, *pairs[0])
    before, after = decider.look(joined), decider.look(joined.crossed(*pairs[0]))
    single = [float(np.linalg.norm(decider.change(mode, *pair)[0])) for pair in pairs]
    off = float(np.linalg.norm(after.slope - before.slope - jump))
    return joined if off <= _ADDITIVE * (max(single) + float(before.scale)) else None
