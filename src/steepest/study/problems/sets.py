"""Train, dev and test sets from labelled examples, the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Shaped

Labelled = tuple[Shaped[np.ndarray, "_ ..."], Int[np.ndarray, " _"]]

_SEED = 20170523  # of the splits; any number, but always the same


def split(labels: Int[np.ndarray, " n"], shares: Sequence[float]) -> list[Int[np.ndarray, " _"]]:
    """The numbers of the examples of each part, in random order, with each class in its share.

    The order is that of a fixed seed. Within a class the parts' sizes are rounded, so that each
    example is in exactly one.

    Args:
        labels: of all examples.
        shares: of the parts, adding to 1.

    Example:
        >>> labels = np.repeat([0, 1], [40, 60])
        >>> [np.bincount(labels[part]).tolist() for part in split(labels, (0.6, 0.2, 0.2))]
        [[24, 36], [8, 12], [8, 12]]
    """
    rng = np.random.default_rng(_SEED)
    ends = np.cumsum(shares)[:-1]
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        pieces = np.split(members, np.round(ends * len(members)).astype(int))
        for part, piece in zip(parts, pieces, strict=True):
            part.append(piece)
    return [rng.permutation(np.concatenate(part)) for part in parts]


def standardised(sets: Sequence[Labelled]) -> tuple[Labelled, ...]:
    """The sets in float32, less the mean and over the deviation of the first, channel by channel.

    The channels are the last axis of the inputs; labels become 32-bit integers.
    """
    train = np.asarray(sets[0][0], np.float64)
    axes = tuple(range(train.ndim - 1))
    mean, deviation = train.mean(axes), train.std(axes)
    return tuple(
        (((x - mean) / deviation).astype(np.float32), np.asarray(y, np.int32)) for x, y in sets
    )
