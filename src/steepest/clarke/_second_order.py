"""A piece may touch x along a parabola only: relu(u) − relu(u + v²) where −v² < u < 0.

If J d ≥ 0, and for the margins with ∇z·d = 0 there is e with ½ z''(x; d, d) + ∇z·e > 0, then all
margins are positive on the curve x + t d + t² e for small t > 0: the piece is essentially active,
proved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from steepest.convex._programs import linprog
from steepest.pieces import Program, Tape

if TYPE_CHECKING:
    from steepest.clarke._identities import Identities

MAX_HESSIAN = 300
_TRIES = 6
_ROOM = 1e-6


def second_order_witness(
    outcomes: dict[int, int],
    J: np.ndarray,
    keys: list[tuple[int, int, float]],
    program: Program,
    tape: Tape,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """A direction d ∈ R^d as above, or None if none was found.

    J has the gradients of the margins κ_i − κ_j of `keys` as rows, shape (len(keys), d).
    """
    if not keys or J.shape[1] > MAX_HESSIAN:
        return None
    length = np.linalg.norm(J, axis=1)
    unit = J / np.where(length > 1e-12, length, 1.0)[:, None]
    unit[length <= 1e-12] = 0.0
    for _ in range(_TRIES):
        d = _in_face(unit, rng)
        if d is None:
            return None
        flat = np.abs(unit @ d) <= 1e-9
        sigma = _pattern_along(outcomes, program, tape, d, np.zeros_like(d))
        if sigma is None:
            continue
        bends = _curvatures(sigma, keys, program, tape, d)
        if not np.all(np.isfinite(bends)):
            continue
        rows = J[flat]
        half = 0.5 * bends[flat]
        size = max(float(np.abs(half).max(initial=0.0)), 1e-300)
        # Maximise s with rows·e + half ≥ s; scaled so that the curvatures are of size one.
        count = J.shape[1]
        answer = linprog(
            np.append(np.zeros(count), -1.0),
            A_ub=np.concatenate([-rows, np.ones((len(rows), 1))], axis=1),
            b_ub=half / size,
            bounds=[(-1e3, 1e3)] * count + [(None, 1.0)],
        )
        if answer.status == 0 and answer.x[-1] > _ROOM:
            e = answer.x[:-1]
            if np.min(rows @ e + half / size, initial=np.inf) <= 0.5 * _ROOM:
                continue
            along = _pattern_along(outcomes, program, tape, d, e * size)
            if along is not None and np.array_equal(along, sigma):
                return d
    return None


def _in_face(unit: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A unit d with J d ≥ 0 and as many rows positive as can be, at random."""
    rows, count = unit.shape
    answer = linprog(
        np.concatenate([0.05 * rng.standard_normal(count), -np.ones(rows)]),
        A_ub=np.concatenate([-unit, np.eye(rows)], axis=1),
        b_ub=np.zeros(rows),
        bounds=[(-1, 1)] * count + [(0, 1)] * rows,
    )
    if answer.status != 0:
        return None
    d = answer.x[:count]
    # Put the rows that are zero exactly on zero.
    flat = np.abs(unit @ d) <= 1e-7
    if flat.any():
        d = d - np.linalg.pinv(unit[flat], rcond=1e-9) @ (unit[flat] @ d)
    size = float(np.linalg.norm(d))
    if size < 1e-6 or np.min(unit @ d) < -1e-9 * size:
        return None
    return d / size


def _pattern_along(
    outcomes: dict[int, int],
    program: Program,
    tape: Tape,
    d: np.ndarray,
    e: np.ndarray,
) -> np.ndarray | None:
    """The pattern near x on the curve x + t d + t² e, with the outcomes that are told.

    A switch that is not told does there what its own margins say, and the curvature of the others
    depends on it: of x + |u||v| on the signs of u and v. None where that changes as t falls.
    """
    sigma = np.array([s.forced or 0 for s in tape.switches], dtype=int)
    for t, outcome in outcomes.items():
        sigma[t] = outcome
    free = [s for s in tape.switches if s.forced is None and s.index not in outcomes and not s.ball]
    if not free:
        return sigma
    starts = np.cumsum([0, *[len(s.outcomes) for s in tape.switches]])
    found = None
    for t in (1e-2, 1e-3, 1e-4):
        leaves = [
            jnp.asarray(x + t * a + t * t * b)
            for x, a, b in zip(program.start, program.leaves(d), program.leaves(e), strict=True)
        ]
        here = sigma if found is None else found
        for _ in range(len(free) + 1):  # a switch may feed another: each pass settles one more
            keys = np.asarray(tape.frozen(leaves, here)[1])
            following = here.copy()
            for s in free:
                mine = keys[starts[s.index] : starts[s.index + 1]]
                following[s.index] = int(np.argmax(mine))
            if np.array_equal(following, here):
                break
            here = following
        if found is not None and not np.array_equal(here, found):
            return None
        found = here
    return found


def never_positive(
    outcomes: dict[int, int],
    terms: list[tuple[float, int, int]],
    identities: Identities,
) -> bool:
    """Whether Σ λ (κ_i − κ_j) is a quadratic form, identically, and nowhere positive.

    −v² is the sum of the margins u and −(u + v²): they cannot both be positive.
    """
    program, tape, rng = identities.program, identities.tape, identities.rng
    d = program.point.dimension
    if d > MAX_HESSIAN:
        return False
    weights = np.array([w for w, _, _ in terms])
    first, second = (np.array([t[k] for t in terms]) for k in (1, 2))
    center = np.concatenate([leaf.reshape(-1) for leaf in program.start])

    def combination(flat: jax.Array, sigma: np.ndarray, moved: np.ndarray) -> jax.Array:
        values = tape.frozen(program.leaves(flat), sigma, moved)[1]
        return weights @ (values[first] - values[second])

    hessian = None
    for radius in (0.5, 0.2, 0.7):
        (sigma,), (moved,) = identities.patterns([outcomes])
        H = np.asarray(jax.hessian(combination)(jnp.asarray(center), sigma, moved))
        if not np.all(np.isfinite(H)) or (hessian is not None and not np.allclose(H, hessian)):
            return False
        hessian = H
        step = radius * (1 + np.abs(center)) * rng.standard_normal(d)
        value = float(combination(jnp.asarray(center + step), sigma, moved))
        form = 0.5 * step @ H @ step
        size = 0.5 * np.abs(step) @ np.abs(H) @ np.abs(step)
        if not abs(value - form) <= 1e-9 * size:
            return False
    assert hessian is not None
    spectrum = np.linalg.eigvalsh(hessian)
    return bool(spectrum[-1] <= 1e-12 * np.abs(spectrum).max())


def _curvatures(
    sigma: np.ndarray,
    keys: list[tuple[int, int, float]],
    program: Program,
    tape: Tape,
    d: np.ndarray,
) -> np.ndarray:
    """Second derivatives along d of the margins of the frozen program."""
    leaves = program.leaves(d)

    def margins(t: jax.Array) -> jax.Array:
        at = [jnp.asarray(x) + t * step for x, step in zip(program.start, leaves, strict=True)]
        values = tape.frozen(at, sigma)[1]
        first, second = (np.array([p[k] for p in keys]) for k in (0, 1))
        return values[first] - values[second]

    return np.asarray(jax.jacfwd(jax.jacfwd(margins))(0.0))
