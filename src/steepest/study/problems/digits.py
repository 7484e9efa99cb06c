"""The 1,797 images of digits, 8 × 8 pixels, that come with scikit-learn.

Three fifths train, a fifth is for development, a fifth for the test; each class in its share, by a
fixed seed.
"""

from __future__ import annotations

import numpy as np

from steepest.errors import MissingExtraError
from steepest.study.problems.classification import Batch, Classification
from steepest.study.problems.networks import convolutional, dense
from steepest.study.problems.sets import split, standardised


def images_of_digits() -> tuple[np.ndarray, np.ndarray]:
    """The pixels, from 0 to 16 and 64 an image, and the digits.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            "the digits images come with scikit-learn, which is not installed: "
            "pip install 'steepest[lecture]'"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return np.asarray(pixels), np.asarray(labels)


def data() -> tuple[Batch, Batch, Batch]:
    """Train, dev and test sets; the images have the shape (8, 8, 1).

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    pixels, labels = images_of_digits()
    images = pixels.reshape(-1, 8, 8, 1)
    parts = split(labels, (0.6, 0.2, 0.2))
    train, dev, test = standardised([(images[part], labels[part]) for part in parts])
    return train, dev, test


digits_mlp = Classification(dense((64, 64, 64, 10)), data)
digits_conv = Classification(convolutional((8, 8), 1, (16, 32), 10), data)
