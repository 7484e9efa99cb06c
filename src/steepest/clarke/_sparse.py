"""Rows that are mostly zeros. SciPy ships no types for its sparse arrays."""

from __future__ import annotations

from typing import Any

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
