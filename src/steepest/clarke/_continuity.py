"""Is f continuous near x, proved from its pieces?

Sampling does not do: where(0 < u < εv, v, 0) jumps in a cone as thin as ε. A function whose pieces
agree on the faces where they meet is continuous, and being made of smooth pieces it is then locally
Lipschitz. Three ways to know that they agree:

- inside one walk, the candidates of an exit agree on {κ_j = κ_k}: tested at random points of that
  surface at distances O(1), with random numbers for all other exits;
- two walks of a program whose only ties are the forced ones: the same, for their values;
- where all pieces are affine: (g_σ − g_τ)·h = 0 on the cone where both hold, by linear programs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linprog

from steepest.clarke._activity import (
    Component,
    Identities,
    LocalClass,
    SymbolGradients,
    search,
)
from steepest.clarke._assemble import Frame, Leaf, whole_component
from steepest.clarke._expressions import Expressions, key_starts
from steepest.clarke._probe import Probe
from steepest.pieces import Program, Tape, Walked

_TRIES = 12
_STEPS = 40
_AGREE = 1e-7
_MOST_TESTS = 2_000
_MOST_WALKS = 16
_MOST_PIECES = 40

Forced = dict[tuple[int, int], int]


@dataclass
class Visit:
    """One walk with what was made of it."""

    forced: Forced
    walked: Walked
    rows: Expressions
    leaf: Leaf


def pieces_agree(program: Program, visits: list[Visit], rng: np.random.Generator) -> bool | None:
    """True: proved continuous near x, as the module says; False: proved to jump; None: open.

    That the pieces which meet at x have one value there is taken for granted. In one dimension it
    is all there is to know: zeros of analytic margins are isolated.
    """
    if program.point.dimension == 1 and all(v.leaf.active is not None for v in visits):
        return True
    inside = all(_exits_agree(program, v, rng) for v in visits if v.leaf.active is not False)
    if inside and len(visits) == 1:
        return True
    if all(v.walked.tape.affine for v in visits):
        return _cones_agree(program, visits, inside, rng)
    return True if inside and _walks_agree(program, visits, rng) else None


# ---- surfaces


def _exits_agree(program: Program, visit: Visit, rng: np.random.Generator) -> bool:
    tape, e = visit.walked.tape, visit.rows
    owner = {t: c for c in e.classes for t, _ in c.members}
    tests = []
    for number in e.unproved_exits:
        cls = owner[tape.exits[number].switch]
        tests += [(number, cls, j, k) for j, k in itertools.combinations(range(cls.count), 2)]
    if not tests:
        return True
    if len(tests) * _TRIES > _MOST_TESTS:
        return False
    identities = Identities(program, tape, rng)
    sides = []
    for side in (0, 1):
        told = [
            {t: (1 - o if flip else o) for t, flip in cls.members}
            for _, cls, *pair in tests
            for o in (pair[side],)
        ]
        sides.append(told)
    exit_numbers = np.repeat([t[0] for t in tests], _TRIES)
    first = np.repeat([cls.base + j for _, cls, j, _ in tests], _TRIES)
    second = np.repeat([cls.base + k for _, cls, _, k in tests], _TRIES)
    told = [o for o in sides[0] for _ in range(_TRIES)]
    sigma, moved = identities.patterns(told)
    other = sigma.copy()
    for row, outcomes in enumerate(o for o in sides[1] for _ in range(_TRIES)):
        for t, outcome in outcomes.items():
            other[row, t] = outcome

    def margin(flat: Any, sigma: Any, moved: Any, i: Any, j: Any) -> Any:
        keys = tape.frozen(_leaves(program, flat), sigma, moved)[1]
        return keys[i] - keys[j]

    def value(flat: Any, sigma: Any, moved: Any, number: Any) -> Any:
        return jnp.stack(tape.frozen_exits(_leaves(program, flat), sigma, moved)[2])[number]

    slope = jax.jit(jax.vmap(jax.value_and_grad(margin)))
    values = jax.jit(jax.vmap(value))

    def gap(points: Any) -> tuple[np.ndarray, np.ndarray]:
        a = np.asarray(values(points, sigma, moved, exit_numbers))
        b = np.asarray(values(points, other, moved, exit_numbers))
        return np.abs(a - b), np.abs(a) + np.abs(b)

    return _zero_on_surface(
        program, rng, len(sigma), lambda p: slope(p, sigma, moved, first, second), gap
    )


def _walks_agree(program: Program, visits: list[Visit], rng: np.random.Generator) -> bool:
    if len(visits) > _MOST_WALKS:
        return False
    if any(s.forced is None for v in visits for s in v.walked.tape.switches):
        return False
    if any(v.leaf.active is None for v in visits):
        return False
    functions = [_frozen_value(program, v.walked.tape) for v in visits]
    for (a, va), (b, vb) in itertools.combinations(zip(functions, visits, strict=True), 2):
        differing = [t for t in va.forced if t in vb.forced and va.forced[t] != vb.forced[t]]
        if not any(_agree_on(program, rng, a, b, va, vb, address) for address in differing):
            return False
    return True


def _agree_on(program, rng, a, b, va, vb, address) -> bool:
    tape = va.walked.tape
    t = next((s.index for s in tape.switches if s.address == address), None)
    if t is None:
        return False
    start = int(key_starts(tape)[t])
    i, j = start + va.forced[address], start + vb.forced[address]
    sigma = np.array([s.forced for s in tape.switches])

    def margin(flat: Any) -> Any:
        keys = tape.frozen(_leaves(program, flat), sigma)[1]
        return keys[i] - keys[j]

    def gap(points: Any) -> tuple[np.ndarray, np.ndarray]:
        left, right = np.asarray(a(points)), np.asarray(b(points))
        return np.abs(left - right), np.abs(left) + np.abs(right)

    return _zero_on_surface(
        program, rng, _TRIES, jax.jit(jax.vmap(jax.value_and_grad(margin))), gap
    )


def _frozen_value(program: Program, tape: Tape) -> Callable[[Any], Any]:
    sigma = np.array([s.forced for s in tape.switches], dtype=int)
    return jax.jit(jax.vmap(lambda flat: tape.frozen(_leaves(program, flat), sigma)[0]))


def _zero_on_surface(
    program: Program,
    rng: np.random.Generator,
    count: int,
    slope: Callable[[Any], Any],
    gap: Callable[[Any], tuple[np.ndarray, np.ndarray]],
) -> bool:
    """Whether a gap vanishes at random points of a surface, reached by Newton's method.

    The gap is compared with what it is off the surface: x·y and 0 agree on x = 0.
    """
    center = np.concatenate([leaf.reshape(-1) for leaf in program.start])
    radius = 0.3 * (1 + np.abs(center))
    points = center + radius * rng.standard_normal((count, center.size))
    before, _ = gap(points)
    size, margin = None, None
    for _ in range(_STEPS):
        margin, gradient = (np.asarray(v) for v in slope(points))
        if not np.all(np.isfinite(margin)) or not np.all(np.isfinite(gradient)):
            return False
        square = np.einsum("ij,ij->i", gradient, gradient)
        size = np.sqrt(square) * (1 + np.abs(points).max(axis=1)) if size is None else size
        if np.all(np.abs(margin) <= 1e-13 * size):
            break
        points = points - (margin / np.maximum(square, 1e-300))[:, None] * gradient
    if size is None or margin is None or not np.all(np.abs(margin) <= 1e-11 * size):
        return False
    after, terms = gap(points)
    return bool(np.all(after <= _AGREE * 1e-2 * (before + terms)))


# ---- cones


def _cones_agree(
    program: Program, visits: list[Visit], inside: bool, rng: np.random.Generator
) -> bool | None:
    pieces: list[tuple[np.ndarray, np.ndarray, bool]] = []
    for v in visits:
        listed = _cones(program, v, inside, rng)
        if listed is None or len(pieces) + len(listed) > _MOST_PIECES:
            return None
        pieces += listed
    for (J, g, active), (K, h, also) in itertools.combinations(pieces, 2):
        if not _equal_on_cone(np.concatenate([J, K]), g - h, np.abs(g).max() + np.abs(h).max()):
            return False if active and also else None
    return True


def _cones(
    program: Program, visit: Visit, inside: bool, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray, bool]] | None:
    """(margins, gradient, whether it has an interior) for each affine piece; None: not listed.

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
        return [(np.zeros((0, e.dimension)), center, True)] if inside else None
    found = search(component, True, identities, frame.full)
    if not found.exact:
        return None
    pieces = [(frame.full(p.rows), center + frame.full(p.gradient), True) for p in found.pieces]
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
) -> list[tuple[np.ndarray, np.ndarray, bool]] | None:
    """What a walk does on a set without interior: x₀ = 0 in x₀ ≤ 0 and x₀ ≥ 0."""
    if component is None:
        return None
    if math.prod(len(c.allowed) for c in component.classes) > _MOST_PIECES:
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
        found.append((J, center + frame.full(component.value @ gradients.rows), False))
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


def _equal_on_cone(J: np.ndarray, gap: np.ndarray, size: float) -> bool:
    """Whether gap·h = 0 for every h with J h ≥ 0."""
    if np.abs(gap).max(initial=0.0) <= 1e-12 * size:
        return True
    unit = gap / np.linalg.norm(gap)
    for sign in (1.0, -1.0):
        answer = linprog(sign * unit, A_ub=-J, b_ub=np.zeros(len(J)), bounds=[(-1, 1)] * gap.size)
        if answer.status != 0 or -answer.fun > _AGREE:
            return False
    return True


# ---- values on sets without interior


def equalities_agree(
    program: Program, tape: Tape, probe: Probe, rng: np.random.Generator
) -> bool | None:
    """where(a == b, …): whether f does on {a = b} near x what it does beside it.

    True: it does at random points of that set; False: it does not, at two radii; None: no point
    was found where the two are equal in floating point.
    """
    if program.point.dimension == 1:
        return True  # x is such a point by itself, and f(x) is looked at elsewhere
    for a, b, places, _ in tape.equalities:
        for place in np.flatnonzero(places):
            verdict = _equal_here(program, tape, a, b, int(place), probe, rng)
            if verdict is not True:
                return verdict
    return True


def _equal_here(program, tape, a, b, place, probe, rng) -> bool | None:
    sigma = np.array([s.forced or 0 for s in tape.switches], dtype=int)

    def part(ref: Any, flat: Any) -> Any:
        got = replace(tape, value=ref).frozen(_leaves(program, flat), sigma)[0]
        return jnp.reshape(got, -1)[place if jnp.size(got) > 1 else 0]

    both = jax.jit(lambda p: (part(a, p), part(b, p)))
    slope = jax.jit(jax.grad(lambda p: part(a, p) - part(b, p)))
    center = probe.center
    jumps = []
    for radius in (1e-2, 1e-4):
        found = []
        for _ in range(_TRIES):
            start = center + radius * probe.scale * rng.standard_normal(center.size)
            for factor in (1.0, 2.0):  # 2: a double root, as of a sum of squares
                point = _newton(start, center, both, slope, factor)
                if point is not None:
                    found.append(point)
                    break
        if len(found) < _TRIES:
            return None
        jumps.append([_jumps_beside(probe, p, radius, rng) for p in found if np.any(p != center)])
    if all(any(j) for j in jumps):
        return False
    return None if any(any(j) for j in jumps) else True


def _newton(start, center, both, slope, factor) -> np.ndarray | None:
    point, near = start, 1e-9 * np.linalg.norm(start - center)
    for _ in range(12):
        left, right = (float(v) for v in both(jnp.asarray(point)))
        if left == right:
            return point
        if np.linalg.norm(point - center) <= near:
            return center  # the norm of x − center is equal to 0 there only
        gradient = np.asarray(slope(jnp.asarray(point)))
        square = float(gradient @ gradient)
        if not np.isfinite(square) or square == 0:
            return None
        point = point - factor * (left - right) / square * gradient
    return None


def _jumps_beside(probe: Probe, point: np.ndarray, radius: float, rng) -> bool:
    sides = rng.standard_normal((6, point.size))
    sides /= np.linalg.norm(sides, axis=1, keepdims=True)
    here = float(probe(point[None])[0])
    steps = [
        np.abs(probe(point + step * radius * probe.scale * sides) - here) for step in (1e-2, 1e-5)
    ]
    far, near = (float(np.max(s)) for s in steps)
    return not (near <= 0.1 * far or near <= 1e-12 * max(1.0, abs(here)))


def _leaves(program: Program, flat: Any) -> list[Any]:
    leaves, place = [], 0
    for leaf in program.start:
        leaves.append(flat[place : place + leaf.size].reshape(leaf.shape))
        place += leaf.size
    return leaves
