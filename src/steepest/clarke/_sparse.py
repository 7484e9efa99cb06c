"""Rows that are mostly zeros. SciPy ships no types for its sparse arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

Sparse = Any


def csr(*args: Any, **kwargs: Any) -> Sparse:
    """A compressed-row array, from whatever `scipy.sparse.csr_array` takes."""
    return sp.csr_array(*args, **kwargs)


def coo(*args: Any, **kwargs: Any) -> Sparse:
    """A coordinate array: `coords` and `data`."""
    return sp.coo_array(*args, **kwargs)


def diagonal(values: Any) -> Sparse:
    """The diagonal matrix with these entries."""
    return sp.diags_array(values)


def stacked(blocks: list[Sparse]) -> Sparse:
    """Blocks one under another."""
    return sp.csr_array(sp.vstack(blocks))


def beside(blocks: list[Sparse]) -> Sparse:
    """Blocks side by side."""
    return sp.csr_array(sp.hstack(blocks))


class Selection:
    """Rows that are combinations of given rows, put together at once."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, float]] = []
        self.count = 0

    def add(self, terms: list[tuple[float, Any]]) -> None:
        self.entries.extend((self.count, int(row), weight) for weight, row in terms)
        self.count += 1

    def of(self, rows: Sparse) -> Sparse:
        where = np.array(self.entries).reshape(-1, 3)
        pick = csr(
            (where[:, 2], (where[:, 0].astype(int), where[:, 1].astype(int))),
            shape=(self.count, rows.shape[0]),
        )
        picked = csr(pick @ rows)
        picked.eliminate_zeros()
        return picked
