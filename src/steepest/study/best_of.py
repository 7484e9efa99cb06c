"""Performance against tuning budget: the expected best of k of the configurations that were run.

Dodge, Gururangan, Card, Schwartz, Smith (2019), "Show your work", in the form without replacement:
an average over all subsets of k, so unbiased for the best of k configurations that are drawn as
these were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from steepest.study.point import Point


def expected_best(values: Sequence[float]) -> Float[np.ndarray, " n"]:
    """What the first of k configurations gives on average, for k = 1, …, n.

    Args:
        values: of all n configurations, the best first: in the order in which one is preferred to
            another, whatever the values are of. Those that diverged are infinite.

    Returns:
        The averages over all subsets of k; infinite where some subset holds only infinite values.

    Example:
        >>> expected_best([1.0, 2.0, 6.0]).tolist()
        [3.0, 1.3333333333333333, 1.0]
    """
    n = len(values)
    expected = np.empty(n)
    for k in range(1, n + 1):
        # The i-th is the best of a subset that holds it and k − 1 of the n − i − 1 behind it.
        ways = [math.comb(n - i - 1, k - 1) for i in range(n)]
        terms = [w * v for w, v in zip(ways, values, strict=True) if w]
        expected[k - 1] = math.inf if math.inf in terms else math.fsum(terms) / math.comb(n, k)
    return expected


def expected_best_of(points: Sequence[Point], metric: str) -> Float[np.ndarray, " n"]:
    """The metric, on the tuning seeds, of the configuration that the study would choose of k.

    The choice is by the plan's `select`, its ties broken as the study breaks them; the metric may
    be another one, such as the test error of what the dev error picks.
    """
    preferred = sorted(points, key=lambda point: point.order)
    return expected_best([point.mean(metric) for point in preferred])
