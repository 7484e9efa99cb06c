"""Which variables each candidate of a polyhedral program sees, and the reverse, as flat arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from steepest.pieces._polyhedral import Polyhedral


class Incidence:
    """The numbers that do not change along a path.

    Attributes:
        first: where the candidates of each place begin, and at last how many there are.
        place: of each candidate.
        size: for each variable, the sum of the absolute coefficients that its slope is made of.
        noise: rates of a candidate below this are rounding.
        equates: places that compare 0 with factor · (x[left] − x[right]).
        left, right, factor: for these places.
        single: places that compare 0 with a multiple of one variable.
    """

    def __init__(self, program: Polyhedral):
        self.program = program
        rows = program.rows
        rows.sort_indices()
        columns = sp.csc_array(rows)
        self.first = program.first
        self.places = len(program.places)
        self.dimension = len(program.linear)
        counts = np.diff(self.first)
        self.place = np.repeat(np.arange(self.places), counts)
        self._row, self._column = rows.indptr.astype(int), columns.indptr.astype(int)
        self._variables, self._entries = rows.indices.astype(int), rows.data
        self._candidates, self._column_entries = columns.indices.astype(int), columns.data
        # Every place sees few variables, however many candidates it has.
        by_place = sp.csr_array(
            (np.ones(rows.nnz), (self.place[_rows_of(rows)], rows.indices)),
            shape=(self.places, self.dimension),
        )
        seen_by = sp.csc_array(by_place)
        self._seen, self._seeing = seen_by.indptr.astype(int), seen_by.indices.astype(int)
        self.size = np.abs(program.linear) + np.asarray(abs(rows).sum(axis=0)).reshape(-1)
        self.noise = 1e-12 * (abs(rows) @ self.size)
        self._simple_places()

    def _simple_places(self) -> None:
        """Find the places at which two variables, or one and zero, are compared."""
        none = np.zeros(self.places, bool)
        self.equates, self.single = none, none.copy()
        self.left, self.right = np.zeros((2, self.places), int)
        self.factor = np.ones(self.places)
        second = self.first[:-1] + 1
        centred = (np.diff(self.first) == 2) & (self.program.constants[second] == 0)
        entries = np.diff(self._row)[second]
        self.single = centred & (entries == 1)
        two = np.flatnonzero(centred & (entries == 2))
        at = self._row[second[two]]
        opposite = self._entries[at] == -self._entries[at + 1]
        two, at = two[opposite], at[opposite]
        self.equates[two] = True
        self.left[two], self.right[two] = self._variables[at], self._variables[at + 1]
        self.factor[two] = self._entries[at]

    def candidates(self, places: np.ndarray) -> np.ndarray:
        """All candidates of some places."""
        return spread(self.first, places)[0]

    def entries(self, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(which of the candidates, variable, coefficient) of their rows."""
        at, counts = spread(self._row, candidates)
        which = np.arange(len(candidates)).repeat(counts)
        return which, self._variables[at], self._entries[at]

    def seeing(self, variables: np.ndarray) -> np.ndarray:
        """The places that see some variables, some more than once."""
        return self._seeing[spread(self._seen, variables)[0]]

    def slope(self, variables: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The entries of c + Σ weight · row at some variables."""
        at, counts = spread(self._column, variables)
        terms = self._column_entries[at] * weights[self._candidates[at]]
        which = np.arange(len(variables)).repeat(counts)
        return self.program.linear[variables] + np.bincount(which, terms, len(variables))


def spread(pointers: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions pointers[i] … pointers[i + 1] − 1 of all items in a row, and how many each."""
    begin = pointers[items]
    counts = pointers[items + 1] - begin
    ends = counts.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + (begin - (ends - counts)).repeat(counts), counts


def distinct(items: np.ndarray) -> np.ndarray:
    """Each item once, in order: `np.unique` without its detours, which an event has no time for."""
    items = np.sort(items)
    new = np.ones(len(items), bool)
    np.not_equal(items[1:], items[:-1], out=new[1:])
    return items[new]


def _rows_of(rows: Any) -> np.ndarray:
    return np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
