"""Whether a computed path met a kink.

A choice of the program that turned between two states is looked up on the cubic through them, and
asked there whether the two pieces, or their gradients, differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jaxtyping import PyTree

from steepest.errors import NotLocallyLipschitzError, SolverError
from steepest.flow._arguments import Request, as_request
from steepest.flow._events import Kink
from steepest.pieces._compile import compiled
from steepest.pieces._gated import Gated

_SAME = 1e-7  # a change of the gradient below this share of the largest is none
_JUMP = 1e-6  # … and one of f below this share of it is no jump
_MOST = 100  # turns between two states
_FINE = {"xatol": 1e-12}


def refuse_kinks_of(
    f: Callable[..., Any], x0: PyTree, ts: np.ndarray, xs: np.ndarray, name: str
) -> None:
    """As `refuse_kinks`, for any path of flat states at two times or more; `name` is for messages.

    Velocities are differences of the states, so that these should lie close.

    Raises:
        NotLocallyLipschitzError, SolverError: as there.
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
    """
    request = as_request(f, x0, float(ts[-1]), 1e-8, 1e-8, None, None, states=False)
    nearest = 1e-8 * (1 + float(np.max(np.abs(request.start), initial=0.0)))
    with jax.enable_x64(True):
        vs = np.gradient(xs, ts, axis=0)
        refuse_kinks(Gated(request.program), request, ts, xs, vs, nearest, name)


def refuse_kinks(
    gated: Gated,
    request: Request,
    ts: np.ndarray,
    xs: np.ndarray,
    vs: np.ndarray,
    nearest: float,
    name: str = "the momentum flow",
) -> None:
    """Raise for the first kink, or zero of a norm, on the path through (ts, xs) with velocities vs.

    Raises:
        NotLocallyLipschitzError: f jumps there.
        SolverError: it names the line and the time.
    """
    pattern = lambda y: gated.actual(request.leaves(y))[2] > 0.5
    piece = lambda y, w: jax.value_and_grad(lambda y: gated(request.leaves(y), w)[0])(y)
    pattern_at, piece_at = compiled(pattern), compiled(piece)
    roots = lambda y: gated.singular(request.leaves(y), gated.actual(request.leaves(y))[2])
    if gated.singular_lines:
        from scipy.optimize import minimize_scalar  # here: it is slow to import

        along = lambda pair: jax.jvp(roots, (pair[0],), (pair[1],))
        heights, rates = map(np.asarray, compiled(lambda p: lax.map(along, p))((xs, vs)))
        # Where the tangent reaches zero before the next state, the root itself is looked at.
        falls = heights[:-1] + np.diff(ts)[:, None] * rates[:-1] <= nearest
        roots_at = compiled(roots)
        for k, root in np.argwhere(falls | (heights[:-1] <= nearest)):
            path = _Cubic(ts[k : k + 2], xs[k : k + 2], vs[k : k + 2])
            height = lambda s, path=path, root=root: float(np.asarray(roots_at(path(s)))[root])
            s = minimize_scalar(height, bounds=(0.0, 1.0), method="bounded", options=_FINE).x
            if min(height(s), heights[k, root]) <= nearest + 1e-6 * heights[k, root]:
                raise SolverError(
                    f"at t = {path.time(s):.6g} a root, or a norm, is at zero to the tolerance: "
                    f"{gated.singular_lines[root]}. A flow is not followed through that."
                )
    if not gated.size:
        return
    patterns = np.asarray(compiled(lambda ys: lax.map(pattern, ys))(xs))
    at_start = np.asarray(piece_at(xs[0], patterns[0].astype(float))[1])
    size = float(np.linalg.norm(at_start)) + 1e-300
    for k in np.flatnonzero(np.any(patterns[1:] != patterns[:-1], axis=1)):
        path = _Cubic(ts[k : k + 2], xs[k : k + 2], vs[k : k + 2])
        low, before = 0.0, patterns[k]
        for _ in range(_MOST):
            if np.array_equal(before, patterns[k + 1]):
                break
            high = 1.0
            while high - low > 1e-14:
                middle = (low + high) / 2
                if np.array_equal(np.asarray(pattern_at(path(middle))), before):
                    low = middle
                elif middle in (low, high):
                    break
                else:
                    high = middle
            after = np.asarray(pattern_at(path(high))) if high < 1 else patterns[k + 1]
            both = [piece_at(path(high), p.astype(float)) for p in (before, after)]
            values, slopes = ([np.asarray(piece[i]) for piece in both] for i in range(2))
            if abs(values[0] - values[1]) > _JUMP * np.sum(np.abs(values)) + 10 * nearest * size:
                raise NotLocallyLipschitzError(
                    f"f jumps from {values[0]:.6g} to {values[1]:.6g} at t = "
                    f"{path.time(high):.6g}: {_named(gated, np.flatnonzero(after & ~before))}."
                )
            if np.linalg.norm(slopes[0] - slopes[1]) > _SAME * size:
                kinks = _named(gated, np.flatnonzero(after & ~before))
                raise SolverError(
                    f"{name} meets a kink at t = {path.time(high):.6g}: {kinks}. "
                    "It is followed where f is smooth along the way."
                )
            low, before = high, after


class _Cubic:
    """The cubic through two states with their velocities, over 0 … 1."""

    def __init__(self, ts: np.ndarray, xs: np.ndarray, vs: np.ndarray):
        self.ts, self.xs, self.vs = ts, xs, vs * (ts[1] - ts[0])

    def time(self, s: float) -> float:
        return float(self.ts[0] + s * (self.ts[1] - self.ts[0]))

    def __call__(self, s: float) -> np.ndarray:
        a, b = self.xs
        return (
            a * (1 + 2 * s) * (1 - s) ** 2
            + b * s**2 * (3 - 2 * s)
            + self.vs[0] * s * (1 - s) ** 2
            - self.vs[1] * s**2 * (1 - s)
        )


def _named(gated: Gated, candidates: Any) -> str:
    found = []
    for k in candidates:
        for site in gated.sites:
            if site.start <= k < site.start + site.size:
                found.append(Kink(site.line, site.name, int((k - site.start) % site.places)))
    kinks = list(dict.fromkeys(found))
    return "; ".join(map(str, kinks[:3])) + (f" and {len(kinks) - 3} more" * (len(kinks) > 3))
