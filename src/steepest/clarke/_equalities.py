"""where(a == b, …): values on sets without interior."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke._probe import Probe
from steepest.pieces import Program, Tape
from steepest.pieces._compile import compiled

_TRIES = 12


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
        got = replace(tape, value=ref).frozen(program.leaves(flat), sigma)[0]
        return jnp.reshape(got, -1)[place if jnp.size(got) > 1 else 0]

    both = compiled(lambda p: (part(a, p), part(b, p)))
    slope = compiled(jax.grad(lambda p: part(a, p) - part(b, p)))
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
