"""A local Lipschitz constant: how steep f is in a ball around x.

By the mean value theorem (Lebourg 1975) f is L-Lipschitz on a ball with L = sup |∂f| over it. At
radius 0 that is the largest norm in ∂f(x), which is computed and proved where ∂f(x) is exact; on a
ball around x nothing is proved: the number is a lower bound from samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from steepest.clarke import clarke
from steepest.clarke._clarke import generator
from steepest.clarke._sampling import sampled_hull
from steepest.convex import BallImage, ConvexSet, Empty, Hull, MinkowskiSum, Zonotope
from steepest.inputs import function, positive, whole_number
from steepest.pieces import trace


class LipschitzBound(NamedTuple):
    """An estimate of the Lipschitz constant, and whether it is `proved` to be an upper bound.

    Where it is not proved it may be too small (radius > 0) or too large (radius 0).
    """

    bound: float
    proved: bool


def local_lipschitz(
    f: Callable[..., Any],
    *,
    radius: float = 0.0,
    samples: int = 200,
    argnums: int = 0,
    key: jax.Array | None = None,
) -> Callable[..., LipschitzBound]:
    """The Lipschitz constant of f near x: `local_lipschitz(f, radius=r)(x) → (bound, proved)`.

    At radius 0: the largest norm of a subgradient, proved where the differential is exact. At
    radius r > 0: the largest norm of it and of `samples` gradients in the ball, a lower bound
    (`proved` False).

    Raises what `clarke` raises, NotLocallyLipschitzError among them.

    >>> local_lipschitz(lambda x: 3 * abs(x))(0.0)
    LipschitzBound(bound=3.0, proved=True)
    """
    function(f, "f")
    positive(radius, "radius", zero=True)
    whole_number(samples, "samples")

    def bound(*args: Any, **kwargs: Any) -> LipschitzBound:
        differential = clarke(f, argnums=argnums, key=key)(*args, **kwargs)
        largest, sharp = largest_norm(
            differential.inner if differential.exact else differential.outer
        )
        if radius == 0.0:
            return LipschitzBound(largest, differential.exact and sharp)
        if not differential.exact:
            largest = 0.0

        def of_x(x: PyTree) -> Any:
            filled = list(args)
            filled[argnums] = x
            return f(*filled, **kwargs)

        program = trace(of_x, args[argnums])
        scale = max(1.0, *[float(np.abs(leaf).max(initial=0.0)) for leaf in program.start])
        with jax.enable_x64(True):
            near = sampled_hull(program, samples, radius / scale, generator(key))
        return LipschitzBound(max(largest, largest_norm(near)[0]), False)

    return bound


def largest_norm(S: ConvexSet) -> tuple[float, bool]:
    """(an upper bound of the norm on S, whether it is attained)."""
    if isinstance(S, Empty):
        return 0.0, True
    if isinstance(S, Hull):
        return float(np.linalg.norm(S.points, axis=1).max()), True
    if isinstance(S, BallImage) and not np.any(S.center):
        A = S.A if isinstance(S.A, np.ndarray) else S.A.toarray()
        return float(np.linalg.norm(A, 2)) if A.size else 0.0, True
    if isinstance(S, Zonotope) and S.generators.shape[0] == 0:
        return float(np.linalg.norm(S.center)), True
    if isinstance(S, MinkowskiSum):
        parts = [p for p in S.summands if not (p.is_singleton(0.0) and not np.any(p.min_norm()))]
        if len(parts) == 1:
            return largest_norm(parts[0])
    if isinstance(S, Zonotope) and S.generators.shape[0] <= 12:
        return float(np.linalg.norm(S.vertices, axis=1).max()), True
    if isinstance(S, MinkowskiSum):
        return sum(largest_norm(part)[0] for part in S.summands), False
    low, high = S.bounding_box()
    return float(np.linalg.norm(np.maximum(np.abs(low), np.abs(high)))), False
