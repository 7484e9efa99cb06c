"""From first-order rows to a set: relevance, calculus rules, independent components, search."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from steepest.clarke._activity import search
from steepest.clarke._component import Found
from steepest.clarke._components import Frame, component, group_symbols, groups, relevant
from steepest.clarke._expressions import Expressions
from steepest.clarke._identities import Identities
from steepest.clarke._regular import DENSE_DIMENSION, regular_set
from steepest.clarke._sparse import csr, stacked
from steepest.convex import (
    BallImage,
    ConvexSet,
    Empty,
    Everything,
    Hull,
    Zonotope,
    minkowski_sum,
)


@dataclass
class Leaf:
    """The set of one walk.

    `active`: some piece of it is proved active (True), none is (False), or it is open (None).
    """

    inner: ConvexSet
    outer: ConvexSet
    exact: bool
    active: bool | None = True
    evidence: list[str] = field(default_factory=list)
    parts: list[tuple[Frame, Found]] = field(default_factory=list)
    programs: int = 0


def assemble(e: Expressions, affine: bool, identities: Identities) -> Leaf:
    """The differential of one walk's tape."""
    center = e.value[:, : e.dimension].toarray().ravel()
    classes, symbols = relevant(e)
    if not classes:
        point = Zonotope(center, np.zeros((0, e.dimension)))
        return Leaf(point, point, True, evidence=["all candidate gradients agree"])
    if any(e.classes[c].forced and not e.classes[c].allowed for c in classes):
        empty = Empty(e.dimension)
        return Leaf(empty, empty, True, active=False)
    regular = regular_set(e, center, classes, symbols)
    if regular is not None:
        evidence = "calculus rules for regular functions"
        if any(e.classes[c].jumps or len(e.classes[c].members) > 1 for c in classes):
            evidence += ", identities tested at random points: probability one"
        return Leaf(regular, regular, True, evidence=[evidence])
    return _by_components(e, center, classes, symbols, affine, identities)


def _by_components(e, center, classes, symbols, affine, identities) -> Leaf:
    grouped = groups(e, classes, symbols)
    inner, outer, leaf = [], [], Leaf(Empty(e.dimension), Empty(e.dimension), True)
    edges, corner = [], np.zeros(e.dimension)
    evidence = set()
    for group in grouped:
        mine = (
            [s for s in symbols if e.symbols[s].owner in group]
            if len(grouped) == 1
            else (group_symbols(e, symbols, group))
        )
        if any(e.classes[c].ball is not None for c in group):
            image = _ball(e, group, mine)
            if image is None:
                return Leaf(
                    Empty(e.dimension),
                    Everything(e.dimension),
                    False,
                    evidence=["a norm at zero shares its directions with other choices"],
                )
            inner.append(image)
            outer.append(image)
            evidence.add("a norm at zero is the image of a ball")
            continue
        local, frame = component(e, group, mine)
        found = search(local, affine, identities, frame.full)
        leaf.parts.append((frame, found))
        leaf.programs += found.programs
        gradients = np.array([p.gradient for p in found.pieces])
        gradients = gradients.reshape(len(found.pieces), local.rank)
        if not found.exact:
            leaf.exact = False
        if not len(gradients) and found.exact:
            empty = Empty(e.dimension)
            return Leaf(empty, empty, True, active=False, programs=leaf.programs)
        if not len(gradients):
            leaf.active = None
        if found.exact and len(gradients) == 2:
            ends = frame.full(gradients)
            corner += ends[0]
            edges.append(csr((ends[1] - ends[0])[None]))
            continue
        inner.append(
            Hull(frame.full(_distinct(gradients))) if len(gradients) else Empty(e.dimension)
        )
        if found.exact:
            outer.append(inner[-1])
        elif found.open_pieces is None:
            outer.append(Everything(e.dimension))
        else:
            everything = np.concatenate(
                [gradients, np.array([p.gradient for p in found.open_pieces])]
            )
            outer.append(Hull(frame.full(_distinct(everything))))
    generators = stacked(edges) if edges else csr((0, e.dimension))
    if e.dimension <= DENSE_DIMENSION:
        generators = generators.toarray()
    base = Zonotope.from_corner(center + corner, generators)
    leaf.inner = minkowski_sum([base, *inner])
    leaf.outer = minkowski_sum([base, *outer])
    evidence.add(
        "linear programs"
        if affine
        else "linear programs, identities tested at random points: probability one"
    )
    leaf.evidence = sorted(evidence)
    return leaf


def _distinct(points: np.ndarray) -> np.ndarray:
    if len(points) < 2:
        return points
    size = float(np.abs(points).max(initial=1e-300))
    _, first = np.unique(np.round(points / size, 12), axis=0, return_index=True)
    return points[np.sort(first)]


def _ball(e: Expressions, group: list[int], symbols: list[int]) -> BallImage | None:
    """A norm at zero on its own: the image of the ball under the adjoint."""
    if len(group) != 1 or len(symbols) != 1:
        return None
    rows = e.classes[group[0]].ball
    assert rows is not None
    if csr(rows[:, e.dimension :]).nnz:
        return None
    weight = float(e.value[0, e.dimension + symbols[0]])
    A = csr(rows[:, : e.dimension].T * weight)
    return BallImage(np.zeros(e.dimension), A if e.dimension > DENSE_DIMENSION else A.toarray())
