"""What the benchmarks share: paired timings, and a ratio against a named peer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def paired(ours: Callable[[], object], peer: Callable[[], object], rounds: int = 7) -> list[tuple]:
    """(seconds of ours, seconds of peer), round by round, in turn: a drift hits both alike."""
    for run in (ours, peer):  # compiled and warm
        run()
    pairs = []
    for _ in range(rounds):
        pair = []
        for run in (ours, peer):
            start = time.perf_counter()
            run()
            pair.append(time.perf_counter() - start)
        pairs.append(tuple(pair))
    return pairs


def ratio(pairs: list[tuple]) -> float:
    """Median over the rounds of peer's time over ours: above 1, ours is faster."""
    return statistics.median(peer / ours for ours, peer in pairs)


def median_seconds(pairs: list[tuple], index: int) -> float:
    """The median time of ours (0) or of the peer (1)."""
    return statistics.median(pair[index] for pair in pairs)
