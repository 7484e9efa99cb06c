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
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke._affine_pieces import cones_agree
from steepest.clarke._identities import Identities
from steepest.clarke._jacobian import key_starts
from steepest.clarke._visit import Visit
from steepest.pieces import Program, Tape
from steepest.pieces._compile import compiled

_TRIES = 12
_STEPS = 40
_AGREE = 1e-7
_MOST_TESTS = 2_000
_MOST_WALKS = 16


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
        return cones_agree(program, visits, inside, rng)
    return True if inside and _walks_agree(program, visits, rng) else None


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

    d = program.point.dimension
    free = np.isfinite(moved)  # the numbers at these exits are variables of the test, like x

    def parted(at: Any, free: Any) -> tuple[list[Any], Any]:
        return program.leaves(at[:d]), jnp.where(free, at[d:], jnp.nan)

    def margin(at: Any, free: Any, sigma: Any, i: Any, j: Any) -> tuple[Any, Any]:
        leaves, moved = parted(at, free)
        keys = tape.frozen(leaves, sigma, moved)[1]
        return keys[i] - keys[j], jnp.abs(keys[i]) + jnp.abs(keys[j])

    def value(at: Any, free: Any, sigma: Any, number: Any) -> Any:
        leaves, moved = parted(at, free)
        return jnp.stack(tape.frozen_exits(leaves, sigma, moved)[2])[number]

    slope = compiled(jax.vmap(jax.value_and_grad(margin, has_aux=True)))
    values = compiled(jax.vmap(value))

    def gap(points: Any) -> tuple[np.ndarray, np.ndarray]:
        a = np.asarray(values(points, free, sigma, exit_numbers))
        b = np.asarray(values(points, free, other, exit_numbers))
        return np.abs(a - b), np.abs(a) + np.abs(b)

    start = np.concatenate(
        [_random_points(program, rng, len(sigma)), np.where(free, moved, 0.0)], axis=1
    )
    return _zero_on_surface(start, lambda p: slope(p, free, sigma, first, second), gap)


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

    def margin(flat: Any) -> tuple[Any, Any]:
        keys = tape.frozen(program.leaves(flat), sigma)[1]
        return keys[i] - keys[j], jnp.abs(keys[i]) + jnp.abs(keys[j])

    def gap(points: Any) -> tuple[np.ndarray, np.ndarray]:
        left, right = np.asarray(a(points)), np.asarray(b(points))
        return np.abs(left - right), np.abs(left) + np.abs(right)

    start = _random_points(program, rng, _TRIES)
    return _zero_on_surface(
        start, compiled(jax.vmap(jax.value_and_grad(margin, has_aux=True))), gap
    )


def _frozen_value(program: Program, tape: Tape) -> Callable[[Any], Any]:
    sigma = np.array([s.forced for s in tape.switches], dtype=int)
    return compiled(jax.vmap(lambda flat: tape.frozen(program.leaves(flat), sigma)[0]))


def _random_points(program: Program, rng: np.random.Generator, count: int) -> np.ndarray:
    center = np.concatenate([leaf.reshape(-1) for leaf in program.start])
    return center + 0.3 * (1 + np.abs(center)) * rng.standard_normal((count, center.size))


def _zero_on_surface(
    points: np.ndarray,
    slope: Callable[[Any], Any],
    gap: Callable[[Any], tuple[np.ndarray, np.ndarray]],
) -> bool:
    """Whether a gap vanishes on a surface, at points reached from random ones by Newton's method.

    The gap is compared with what it is off the surface: x·y and 0 agree on x = 0.
    """
    before, _ = gap(points)
    size, margin = None, None
    for _ in range(_STEPS):
        (margin, terms), gradient = jax.tree.map(np.asarray, slope(points))
        if not np.all(np.isfinite(margin)) or not np.all(np.isfinite(gradient)):
            return False
        square = np.einsum("ij,ij->i", gradient, gradient)
        if size is None:
            # The terms count for margins that vanish identically, of which only rounding is left.
            size = np.sqrt(square) * (1 + np.abs(points).max(axis=1)) + terms
        if np.all(np.abs(margin) <= 1e-13 * size):
            break
        points = points - (margin / np.maximum(square, 1e-300))[:, None] * gradient
    if size is None or margin is None or not np.all(np.abs(margin) <= 1e-11 * size):
        return False
    after, terms = gap(points)
    return bool(np.all(after <= _AGREE * 1e-2 * (before + terms)))
