"""Affine pieces of a program as cones with gradients: do they agree where they meet?"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from steepest.clarke._activity import search
from steepest.clarke._component import Component, LocalClass, SymbolGradients
from steepest.clarke._components import Frame, whole_component
from steepest.clarke._identities import Identities
from steepest.clarke._visit import Visit
from steepest.convex._programs import linprog
from steepest.pieces import Program, Tape

_AGREE = 1e-7
_MOST_THIN = 40
_MOST_PAIRS = 20_000
_MOST_PROGRAMS = 1_000


def cones_agree(
    program: Program, visits: list[Visit], inside: bool, rng: np.random.Generator
) -> bool | None:
    walks: list[list[_Cone]] = []
    for v in visits:
        listed = _cones(program, v, inside, rng)
        if listed is None:
            return None
        walks.append(listed)
    # Where each walk's function is known to be continuous, only pieces of two walks need a look,
    # and of those with an interior only neighbours: the cones of all walks fill the space, their
    # boundaries are closures of facets, and what is equal on the facets is equal on their closure.
    groups = walks if inside else [[cone] for listed in walks for cone in listed]
    met = list(itertools.combinations(groups, 2))
    if sum(len(a) * len(b) for a, b in met) > _MOST_PAIRS:
        return None
    programs = 0
    for first, second in met:
        for one, other in itertools.product(first, second):
            if _equal_by_opposed_rows(one, other):
                continue
            if inside and one.open and other.open and not _may_share_a_facet(one, other):
                continue
            programs += 1
            if programs > _MOST_PROGRAMS:
                return None
            if not _equal_on_cone(one, other):
                return False if one.open and other.open else None
    return True


def _equal_by_opposed_rows(one: _Cone, other: _Cone) -> bool:
    """Whether the gap is a sum of margins that are ≥ 0 in one cone and ≤ 0 in the other.

    Such margins are zero where the cones meet, so the gap is. It is what two pieces on the two
    sides of a switch have between them, and costs no linear program.
    """
    gap = one.gradient - other.gradient
    size = np.abs(one.gradient).max() + np.abs(other.gradient).max()
    if np.abs(gap).max(initial=0.0) <= 1e-12 * size:
        return True
    opposed = _opposed(one, other)
    if not len(opposed):
        return False
    weights = np.linalg.lstsq(opposed.T, gap, rcond=1e-9)[0]
    return bool(np.abs(weights @ opposed - gap).max() <= 1e-12 * size)


def _opposed(one: _Cone, other: _Cone) -> np.ndarray:
    return one.rows[np.any(one.rows @ other.rows.T < -1 + 1e-12, axis=1)]


def _may_share_a_facet(one: _Cone, other: _Cone) -> bool:
    """Whether one hyperplane, and one only, is known to keep the two cones apart."""
    return bool(np.linalg.matrix_rank(_opposed(one, other), tol=1e-6) == 1)


@dataclass
class _Cone:
    """An affine piece: where its margins are ≥ 0 (rows of length one), and its gradient there.

    `open`: the cone has an interior.
    """

    rows: np.ndarray
    gradient: np.ndarray
    open: bool

    def __post_init__(self) -> None:
        length = np.linalg.norm(self.rows, axis=1)
        self.rows = self.rows[length > 0] / length[length > 0, None]


def _cones(
    program: Program, visit: Visit, inside: bool, rng: np.random.Generator
) -> list[_Cone] | None:
    """The affine pieces of a walk; None: not listed.

    `inside`: the walk's own jumps are known to agree, so that what it does on sets without
    interior is known from the pieces beside them.
    """
    e, tape = visit.rows, visit.walked.tape
    if visit.leaf.active is None or any(c.ball is not None for c in e.classes):
        return None
    component, frame, center = whole_component(e)
    identities = Identities(program, tape, rng)
    if visit.leaf.active is False:
        return _thin_cones(component, frame, center, identities)
    if component is None:
        return [_Cone(np.zeros((0, e.dimension)), center, True)] if inside else None
    found = search(component, True, identities, frame.full)
    if not found.exact:
        return None
    pieces = [
        _Cone(frame.full(p.rows), center + frame.full(p.gradient), True) for p in found.pieces
    ]
    if inside:
        return pieces
    if any(not _one_way_at_equality(cls.members, tape) for cls in component.classes):
        return None
    thin = _thin_cones(component, frame, center, identities)
    return None if thin is None else pieces + thin


def _one_way_at_equality(members: list[tuple[int, bool]], tape: Tape) -> bool:
    """Whether the jumps of a class go the same way where their margin is zero.

    x > 0 and x < 0 are one class, and at x = 0 neither holds.
    """
    ways = {
        (1 - s.at_equality if flip else s.at_equality)
        for s, flip in ((tape.switches[t], flip) for t, flip in members)
        if s.jumps
    }
    return len(ways) <= 1


def _thin_cones(
    component: Component | None, frame: Frame, center: np.ndarray, identities: Identities
) -> list[_Cone] | None:
    """What a walk does on a set without interior: x₀ = 0 in x₀ ≤ 0 and x₀ ≥ 0."""
    if component is None:
        return None
    if math.prod(len(c.allowed) for c in component.classes) > _MOST_THIN:
        return None
    found = []
    for outcomes in itertools.product(*(c.allowed for c in component.classes)):
        gradients = SymbolGradients(component)
        blocks, strict = [np.zeros((0, component.rank))], []
        for cls, k in zip(component.classes, outcomes, strict=True):
            raw = cls.margins[k]
            blocks.append(raw[:, : component.rank] + raw[:, component.rank :] @ gradients.rows)
            strict += [cls.jumps and _strict(cls, k, i, j) for i, j in cls.keys[k]]
            gradients.decide(k)
        J = frame.full(np.concatenate(blocks))
        if any(strict) and not _attained(J, np.array(strict, dtype=float)):
            continue
        gradient = center + frame.full(component.value @ gradients.rows)
        found.append(_Cone(J, gradient, False))
    return found


def _attained(J: np.ndarray, strict: np.ndarray) -> bool:
    """Whether some h has J h ≥ 0, and > 0 in the strict rows."""
    d = J.shape[1]
    answer = linprog(
        np.append(np.zeros(d), -1.0),
        A_ub=np.concatenate([-J, strict[:, None]], axis=1),
        b_ub=np.zeros(len(J)),
        bounds=[(-1, 1)] * d + [(None, 1)],
    )
    return bool(answer.status != 0 or answer.x[-1] > _AGREE)


def _strict(cls: LocalClass, k: int, first: int, second: int) -> bool:
    """Whether outcome k needs κ_k > κ_j; where more than two are equal the first wins."""
    return k != cls.at_equality if len(cls.keys) == 2 else second < first


def _equal_on_cone(one: _Cone, other: _Cone) -> bool:
    """Whether the two gradients are equal on every h that lies in both cones."""
    J, gap = np.concatenate([one.rows, other.rows]), one.gradient - other.gradient
    unit = gap / np.linalg.norm(gap)
    for sign in (1.0, -1.0):
        answer = linprog(sign * unit, A_ub=-J, b_ub=np.zeros(len(J)), bounds=[(-1, 1)] * gap.size)
        if answer.status != 0 or -answer.fun > _AGREE:
            return False
    return True
