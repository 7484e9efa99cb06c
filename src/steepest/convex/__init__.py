"""Compact convex sets of R^d as data, in NumPy float64: what a Clarke differential is made of.

Every kind answers `dimension`, `support`, `support_point`, `contains`, `distance`, `project`,
`min_norm`, `vertices`, `is_singleton`, `bounding_box`, `translate` and `linear_image`.
"""

from ._ball_image import BallImage as BallImage
from ._composite import (
    Composite as Composite,
    HullOf as HullOf,
    NormOf as NormOf,
    SumOf as SumOf,
)
from ._convex_set import ConvexSet as ConvexSet
from ._empty import Empty as Empty
from ._everything import Everything as Everything
from ._hull import Hull as Hull
from ._largest_norm import largest_norm as largest_norm
from ._minkowski_sum import MinkowskiSum as MinkowskiSum, minkowski_sum as minkowski_sum
from ._zonotope import Zonotope as Zonotope
