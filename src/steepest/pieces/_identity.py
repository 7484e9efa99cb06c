"""Identities around the point, tested at random points: probability one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from steepest.pieces._number import Number
from steepest.pieces._state import State


def differ(walk: State, a: Number, b: Number) -> np.ndarray:
    """Where a − b is not identically zero around the point, tested at random points."""
    shape = np.broadcast_shapes(np.shape(a.value), np.shape(b.value))
    found = np.zeros(shape, bool)
    for leaves in _random_points(walk):
        va, vb = _values_at(walk, [a, b], leaves)
        with np.errstate(invalid="ignore"):
            gap = np.abs(va - vb)
            found |= gap > 1e-9 * (np.abs(va) + np.abs(vb))
    return np.asarray(found)


def not_identically_zero(walk: State, a: Number) -> np.ndarray:
    found = np.zeros(np.shape(a.value), bool)
    for leaves in _random_points(walk):
        (va,) = _values_at(walk, [a], leaves)
        with np.errstate(invalid="ignore"):
            found |= np.abs(va) > 1e-12
    return np.asarray(found)


def _random_points(walk: State) -> list[list[Any]]:
    return [
        [
            leaf + radius * (1 + np.abs(leaf)) * walk.rng.standard_normal(leaf.shape)
            for leaf in walk.program.start
        ]
        for radius in (0.3, 0.1, 0.01)
    ]


def _values_at(walk: State, numbers: list[Number], leaves: list[Any]) -> list[np.ndarray]:
    sigma = np.array([s.forced or 0 for s in walk.tape.switches], dtype=int)
    results = []
    for n in numbers:
        part = replace(walk.tape, value=n.operand)
        results.append(np.asarray(part.frozen(leaves, sigma)[0]))
    return results
