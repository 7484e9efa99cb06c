"""A local Lipschitz constant: how steep f is in a ball around x.

By the mean value theorem (Lebourg 1975) f is L-Lipschitz on a ball with L = sup |∂f| over it. At
radius 0 that is the largest norm in ∂f(x), proved where ∂f(x) is exact and its farthest point is
found; on a ball around x nothing is proved: the number is a lower bound, the largest norm that was
met.
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
from steepest.convex import largest_norm
from steepest.inputs import function, positive, whole_number
from steepest.pieces import trace


class LipschitzBound(NamedTuple):
    """The Lipschitz constant, and whether that number is `proved` (to rounding).

    Where it is not proved it is a bound: from below for a radius > 0, from above (and perhaps
    infinite) at radius 0.
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

    At radius 0: the largest norm of a subgradient. It is proved where the differential is exact
    and its farthest point is found: of hulls, of a ball's image, of zonotopes and sums with few
    vertices or orthogonal parts. Else (`proved` False) it is an upper bound of the norms in
    `outer`. At radius r > 0: the largest norm of subgradients at x and of gradients at `samples`
    random points of the ball, a lower bound (`proved` False).

    Raises what `clarke` raises, NotLocallyLipschitzError among them.

    >>> local_lipschitz(lambda x: 3 * abs(x))(0.0)
    LipschitzBound(bound=3.0, proved=True)
    """
    function(f, "f")
    positive(radius, "radius", zero=True)
    whole_number(samples, "samples")

    def bound(*args: Any, **kwargs: Any) -> LipschitzBound:
        differential = clarke(f, argnums=argnums, key=key)(*args, **kwargs)
        if radius == 0.0:
            extent = largest_norm(differential.outer)
            if differential.exact and extent.sharp:
                return LipschitzBound(extent.attained, True)
            return LipschitzBound(extent.above, False)

        def of_x(x: PyTree) -> Any:
            filled = list(args)
            filled[argnums] = x
            return f(*filled, **kwargs)

        program = trace(of_x, args[argnums])
        scale = max(1.0, *[float(np.abs(leaf).max(initial=0.0)) for leaf in program.start])
        with jax.enable_x64(True):
            near = sampled_hull(program, samples, radius / scale, generator(key))
        at_x = largest_norm(differential.inner).attained
        return LipschitzBound(max(at_x, largest_norm(near).attained), False)

    return bound
