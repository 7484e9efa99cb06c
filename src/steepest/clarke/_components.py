"""Which choices a differential hangs on, and which of them hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from steepest.clarke._component import Component, LocalClass, LocalSymbol
from steepest.clarke._expressions import Expressions
from steepest.clarke._sparse import Sparse, coo, csr, diagonal, stacked
from steepest.convex._programs import pivoted_qr

_INDEPENDENT = 1e-8  # smallest pivot, rows of length one, that counts as independence


@dataclass
class Frame:
    """Coordinates of a component: full gradient = coordinates @ basis, on these columns."""

    columns: np.ndarray
    basis: np.ndarray | None
    dimension: int

    def full(self, coordinates: np.ndarray) -> np.ndarray:
        block = coordinates if self.basis is None else coordinates @ self.basis
        out = np.zeros((*coordinates.shape[:-1], self.dimension))
        out[..., self.columns] = block
        return out


def relevant(e: Expressions) -> tuple[list[int], list[int]]:
    """Classes and symbols that the value's gradient, or a forced switch, hangs on."""
    d = e.dimension
    symbols: set[int] = set()
    classes: set[int] = set()
    waiting = list(csr(e.value[:, d:]).indices)
    waiting_classes = [c for c, cls in enumerate(e.classes) if cls.forced]
    owned: dict[int, list[int]] = {}
    while waiting or waiting_classes:
        while waiting_classes:
            c = waiting_classes.pop()
            if c in classes:
                continue
            classes.add(c)
            waiting.extend(csr(e.classes[c].rows[:, d:]).indices)
        if waiting:
            s = int(waiting.pop())
            if s in symbols:
                continue
            symbols.add(s)
            owned.setdefault(e.symbols[s].owner, []).append(s)
            waiting.extend(csr(e.symbols[s].candidates[:, d:]).indices)
            waiting_classes.append(e.symbols[s].owner)
    return sorted(classes), sorted(symbols)


def group_symbols(e: Expressions, symbols: list[int], group: list[int]) -> list[int]:
    inside = set(group)
    return [s for s in symbols if e.symbols[s].owner in inside]


def groups(e: Expressions, classes: list[int], symbols: list[int]) -> list[list[int]]:
    """Classes in groups whose margins can be moved independently of the other groups'."""
    d, place = e.dimension, {c: i for i, c in enumerate(classes)}
    union = _Union(len(classes))
    feeding: set[int] = set()
    for c in classes:
        for s in csr(e.classes[c].rows[:, d:]).indices:
            feeding.add(int(s))
            union.join(place[c], place[e.symbols[s].owner])
    for s in symbols:
        for other in csr(e.symbols[s].candidates[:, d:]).indices:
            feeding.add(int(other))
            union.join(place[e.symbols[s].owner], place[e.symbols[other].owner])
    fed: dict[int, set[int]] = {}
    for s in feeding:
        fed.setdefault(e.symbols[s].owner, set()).add(s)
    blocks = []
    for c in classes:
        own = [e.classes[c].rows[:, :d]]
        own += [e.symbols[s].candidates[:, :d] for s in sorted(fed.get(c, ()))]
        blocks.append(own)
    rows = stacked([b for own in blocks for b in own])
    owner = np.concatenate(
        [np.full(sum(b.shape[0] for b in own), i) for i, own in enumerate(blocks)]
    ).astype(int)
    _join_dependent(rows, owner, union)
    return [[classes[i] for i in group] for group in union.groups()]


def _join_dependent(rows: Sparse, owner: np.ndarray, union: "_Union") -> None:
    """Join the owners of rows that are linearly dependent (the components of their matroid)."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    keep = length > 0
    rows = csr(diagonal(1 / length[keep]) @ rows[np.flatnonzero(keep)])
    owner = owner[keep]
    n, d = rows.shape
    coordinates = coo(rows)
    graph = coo(
        (np.ones(rows.nnz), (coordinates.coords[0], n + coordinates.coords[1])),
        shape=(n + d, n + d),
    )
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label[:n], kind="stable")
    ends = np.flatnonzero(np.diff(label[order])) + 1
    for block in np.split(order, ends):
        if len(block) < 2:
            continue
        part = rows[block]
        columns = np.unique(part.indices)
        dense = part[:, columns].toarray()
        _, R, pivots = pivoted_qr(dense.T)
        rank = int(np.sum(np.abs(np.diag(R)) > _INDEPENDENT))
        basis, rest = pivots[:rank], pivots[rank:]
        if not len(rest):
            continue
        weights = np.linalg.lstsq(dense[basis].T, dense[rest].T, rcond=None)[0]
        for column, i in enumerate(rest):
            for j in basis[np.abs(weights[:, column]) > 1e-9]:
                union.join(int(owner[block[i]]), int(owner[block[j]]))


class _Union:
    """Disjoint sets."""

    def __init__(self, count: int):
        self.parent = list(range(count))

    def find(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        a, b = self.find(i), self.find(j)
        self.parent[max(a, b)] = min(a, b)

    def groups(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for i in range(len(self.parent)):
            found.setdefault(self.find(i), []).append(i)
        return list(found.values())


def _margins(
    spread: np.ndarray, base: int, count: int, trivial: bool
) -> tuple[list[np.ndarray], list[list[tuple[int, int]]]]:
    """For each outcome, its margins κ_k − κ_j as rows, and the pairs of keys."""
    if trivial:
        return [spread[:0]] * count, [[] for _ in range(count)]
    from_first = np.concatenate([np.zeros((1, spread.shape[1])), spread])
    margins, keys = [], []
    for k in range(count):
        others = [j for j in range(count) if j != k]
        rows = from_first[k] - from_first[others]
        size = np.abs(from_first[k]) + np.abs(from_first[others])
        margins.append(np.where(np.abs(rows) > 1e-13 * size, rows, 0.0))
        keys.append([(base + k, base + j) for j in others])
    return margins, keys


def _largest_entries(margins: list[np.ndarray], rank: int) -> tuple[float, float]:
    return (
        max(float(np.abs(m[:, :rank]).max(initial=0.0)) for m in margins),
        max(float(np.abs(m[:, rank:]).max(initial=0.0)) for m in margins),
    )


def component(e: Expressions, group: list[int], symbols: list[int]) -> tuple[Component, Frame]:
    d = e.dimension
    raw = [e.classes[c].spread for c in group]
    raw += [e.symbols[s].candidates for s in symbols]
    x_rows = stacked([r[:, :d] for r in raw])
    columns = np.unique(x_rows.indices)
    dense = x_rows[:, columns].toarray()
    basis = None
    if len(columns) > len(dense):
        q, r, _ = pivoted_qr(dense.T)
        size = np.abs(np.diag(r))
        basis = q[:, : int(np.sum(size > 1e-13 * size.max(initial=1e-300)))].T
    rank = len(columns) if basis is None else len(basis)
    place = [d + s for s in symbols]

    def local(rows: Sparse) -> np.ndarray:
        x = rows[:, columns].toarray()
        return np.concatenate(
            [x if basis is None else x @ basis.T, rows[:, place].toarray()], axis=1
        )

    local_classes = []
    for c in group:
        cls = e.classes[c]
        margins, keys = _margins(local(cls.spread), cls.base, cls.count, cls.trivial)
        local_classes.append(
            LocalClass(
                c,
                margins,
                keys,
                cls.allowed,
                cls.forced,
                cls.jumps,
                cls.at_equality,
                cls.members,
                _largest_entries(margins, rank),
            )
        )
    value = e.value[:, place].toarray().ravel()
    made = Component(
        rank,
        local_classes,
        [LocalSymbol(e.symbols[s].owner, local(e.symbols[s].candidates)) for s in symbols],
        value,
        rank == d,
    )
    return made, Frame(columns, basis, d)


def whole_component(e: Expressions) -> tuple[Component | None, "Frame", np.ndarray]:
    """All relevant classes as one component (for listing), with the gradient's fixed part."""
    center = e.value[:, : e.dimension].toarray().ravel()
    classes, symbols = relevant(e)
    if not classes or any(e.classes[c].ball is not None for c in classes):
        return None, Frame(np.arange(e.dimension), None, e.dimension), center
    return *component(e, classes, symbols), center
