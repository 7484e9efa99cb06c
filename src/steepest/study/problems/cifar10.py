"""CIFAR-10 (Krizhevsky 2009): 60,000 colour images, 32 × 32, in ten classes, from a folder.

The folder holds the published batches in their binary or their Python format, in itself or in the
subfolder that the archive makes. Of the 50,000 training images a tenth, each class in its share by
a fixed seed, is for development; the published test images are the test set.
"""

from __future__ import annotations

from pathlib import Path

from steepest.study.problems.cifar10_files import read_cifar10
from steepest.study.problems.classification import Batch, Classification
from steepest.study.problems.networks import convolutional
from steepest.study.problems.sets import split, standardised


def data(folder: Path) -> tuple[Batch, Batch, Batch]:
    """Train, dev and test sets; the images have the shape (32, 32, 3).

    Raises:
        DataError: a file is missing, or is not as published; the message names it.
    """
    (images, labels), (test_images, test_labels) = read_cifar10(folder)
    parts = split(labels, (0.9, 0.1))
    sets = [(images[p], labels[p]) for p in parts]
    train, dev, test = standardised([*sets, (test_images, test_labels)])
    return train, dev, test


cifar10_conv = Classification(convolutional((32, 32), 3, (32, 64, 128), 10), data)
