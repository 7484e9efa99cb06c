"""The files that CIFAR-10 is published in, binary or pickled."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from steepest.errors import DataError

Images = tuple[UInt8[np.ndarray, "_ 32 32 3"], Int[np.ndarray, " _"]]

_PIXELS, _CLASSES = 3 * 32 * 32, 10
_TRAIN = [f"data_batch_{i}" for i in range(1, 6)]
_TEST = "test_batch"
_FOLDERS = (".", "cifar-10-batches-bin", "cifar-10-batches-py")

# All that a pickled array needs. A pickle that names anything else is not loaded.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


def read_cifar10(folder: Path) -> tuple[Images, Images]:
    """The training and the test images with their labels.

    The training files must hold one number of images, as the published ones do; that it is 10,000
    is not asked, so that a part of the data set can be read.

    Raises:
        DataError: a file is missing, cut off, or has another structure; the message names it.
    """
    for place in (folder / name for name in _FOLDERS):
        for suffix, read in ((".bin", _read_binary), ("", _read_pickled)):
            names = [f"{name}{suffix}" for name in (*_TRAIN, _TEST)]
            missing = [name for name in names if not (place / name).is_file()]
            if len(missing) == len(names):
                continue
            if missing:
                raise DataError(f"{place / missing[0]} is missing beside the other batches.")
            batches = [_batch(place / name, read) for name in names]
            _require_one_size(place, names, batches)
            images, labels = zip(*batches, strict=True)
            train = np.concatenate(images[:-1]), np.concatenate(labels[:-1])
            return train, (images[-1], labels[-1])
    raise DataError(
        f"{folder} holds no CIFAR-10: neither data_batch_1.bin … test_batch.bin nor data_batch_1 … "
        "test_batch, and no folder cifar-10-batches-bin or cifar-10-batches-py with them."
    )


def _batch(path: Path, read: Any) -> Images:
    try:
        pixels, labels = read(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).") from error
    bad = np.flatnonzero((labels < 0) | (labels >= _CLASSES))
    if len(bad):
        raise DataError(
            f"{path}: image {bad[0]} has the label {labels[bad[0]]}; labels are 0 … {_CLASSES - 1}."
        )
    # Three planes of rows, red first.
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels.astype(np.int64)


def _read_binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Records of a label and 3,072 pixels, a byte each."""
    content = np.fromfile(path, np.uint8)
    record = 1 + _PIXELS
    if not len(content) or len(content) % record:
        raise DataError(
            f"{path} has {len(content):,} bytes, no whole number of records of {record:,}: it is "
            "cut off, or no batch of CIFAR-10."
        )
    records = content.reshape(-1, record)
    return records[:, 1:], records[:, 0]


def _read_pickled(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A dictionary with the arrays "data" and "labels"."""
    with path.open("rb") as file:
        try:
            content = _ArraysOnly(file, encoding="bytes").load()
        except OSError:
            raise
        except Exception as error:  # a broken pickle may raise anything
            raise DataError(
                f"{path} is no batch of CIFAR-10, or cut off ({type(error).__name__}: {error})."
            ) from error
    held = {_text(key): value for key, value in content.items()} if _is_mapping(content) else {}
    pixels, labels = held.get("data"), held.get("labels")
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, (list, np.ndarray)):
        raise DataError(f"{path} is no batch of CIFAR-10: it has no data, or no labels.")
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _PIXELS:
        raise DataError(
            f"{path}: data has the shape {pixels.shape} and dtype {pixels.dtype}; it must be "
            f"images × {_PIXELS:,} of uint8."
        )
    numbers = np.asarray(labels)
    if numbers.shape != pixels.shape[:1] or numbers.dtype.kind not in "iu" or not len(numbers):
        raise DataError(
            f"{path} has {len(pixels)} images and labels of shape {numbers.shape}, dtype "
            f"{numbers.dtype}; each image has one whole number."
        )
    return pixels, numbers


class _ArraysOnly(pickle.Unpickler):
    """A pickle can run any code; this one makes arrays and what Python writes without names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not loaded")
        return super().find_class(module, name)


def _is_mapping(content: Any) -> bool:
    return isinstance(content, Mapping)


def _text(key: Any) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _require_one_size(place: Path, names: list[str], batches: list[Images]) -> None:
    sizes = [len(labels) for _, labels in batches[:-1]]
    for name, size in zip(names, sizes, strict=False):
        if size != max(sizes):
            raise DataError(
                f"{place / name} has {size:,} images where another batch has {max(sizes):,}; the "
                "five training batches have one size: it is cut off."
            )
