"""MNIST-1D (Greydanus 2020): 5,000 sequences of 40 numbers in ten classes, drawn, not downloaded.

Its own 1,000 are the test set; of the other 4,000 a fifth, each class in its share by a fixed seed,
is for development.
"""

from __future__ import annotations

import random

import numpy as np

from steepest.errors import MissingExtraError
from steepest.study.problems.classification import Batch, Classification
from steepest.study.problems.networks import convolutional, dense
from steepest.study.problems.sets import split, standardised


def data() -> tuple[Batch, Batch, Batch]:
    """Train, dev and test sets; the sequences have the shape (40, 1).

    Raises:
        MissingExtraError: mnist1d is not installed.
    """
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise MissingExtraError(
            "the sequences are drawn by mnist1d, which is not installed: "
            "pip install 'steepest[data]'"
        ) from error
    # The generator seeds the random numbers that all share.
    shared = random.getstate(), np.random.get_state()
    try:
        drawn = make_dataset(get_dataset_args())
    finally:
        random.setstate(shared[0])
        np.random.set_state(shared[1])
    sequences, labels = drawn["x"][..., None], np.asarray(drawn["y"])
    parts = split(labels, (0.8, 0.2))
    own = (drawn["x_test"][..., None], np.asarray(drawn["y_test"]))
    train, dev, test = standardised([*((sequences[p], labels[p]) for p in parts), own])
    return train, dev, test


mnist1d_mlp = Classification(dense((40, 100, 100, 10)), data)
mnist1d_conv = Classification(convolutional((40,), 1, (25, 25, 25), 10, kernel=5), data)
