"""A component: choices that hang together, with dense rows, and what a search finds of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# A margin as a row of length one: κ_i − κ_j, and the length its gradient had.
Margin = tuple[int, int, float]


@dataclass
class LocalClass:
    """A class with its rows dense, in coordinates of the component: (m, rows, r + s)."""

    number: int
    margins: list[np.ndarray]
    keys: list[list[tuple[int, int]]]
    allowed: list[int]
    forced: bool
    jumps: bool
    at_equality: int
    members: list[tuple[int, bool]]
    sizes: tuple[float, float]  # largest entries of the margins: in coordinates, in symbols


@dataclass
class LocalSymbol:
    owner: int
    candidates: np.ndarray


@dataclass
class Component:
    """Classes that hang together; rows over r coordinates of the gradient space and s symbols."""

    rank: int
    classes: list[LocalClass]
    symbols: list[LocalSymbol]
    value: np.ndarray  # coefficients of the symbols, (s,)
    spans: bool  # the r coordinates are all of R^d


@dataclass
class Piece:
    """One active pattern: outcomes by switch, a direction into it, its gradient's coordinates.

    `rows` are the gradients of its margins. The direction is in coordinates too; where the piece
    touches x along a parabola only, its tangent is `tangent`, in R^d.
    """

    outcomes: dict[int, int]
    direction: np.ndarray
    gradient: np.ndarray
    rows: np.ndarray
    tangent: np.ndarray | None = None


@dataclass
class OpenPiece:
    """A pattern that first-order tests do not decide: its gradient and its margins' rows."""

    outcomes: dict[int, int]
    gradient: np.ndarray
    J: np.ndarray
    keys: list[Margin]


@dataclass
class Found:
    """What a search found: proved pieces, and those that stay open (None: too many to list)."""

    pieces: list[Piece] = field(default_factory=list)
    open_pieces: list[OpenPiece] | None = field(default_factory=list)
    programs: int = 0
    identities: int = 0

    @property
    def exact(self) -> bool:
        return self.open_pieces is not None and not self.open_pieces


class SymbolGradients:
    """The symbols' gradients while the classes of a component are decided one after another."""

    def __init__(self, component: Component):
        self.c = component
        place = {c.number: i for i, c in enumerate(component.classes)}
        self.depth_of = [place[symbol.owner] for symbol in component.symbols]
        self.touched = [self.symbols_touched(depth) for depth in range(len(component.classes))]
        self.taken: dict[int, int] = {}
        self.rows = np.zeros((len(component.symbols), component.rank))

    def decide(self, k: int) -> None:
        """Let the next class take outcome k; `rows` follow."""
        self.rows = self.with_outcome(len(self.taken), k, self.rows)

    def with_outcome(self, depth, k, G):
        """The symbols' gradients, with the class at this depth decided.

        A symbol may hang on classes that are decided later than its own (a branch that contains a
        kink), so those that hang on others are computed again.
        """
        H = G.copy()
        self.taken[depth] = k
        for s, nested in self.touched[depth]:
            row = self.c.symbols[s].candidates[self.taken[self.depth_of[s]]]
            H[s] = row[: self.c.rank]
            if nested:
                H[s] += row[self.c.rank :] @ H
        return H

    def symbols_touched(self, depth: int) -> list[tuple[int, bool]]:
        """Symbols of the class at this depth, and decided ones that hang on them."""
        changed: set[int] = set()
        listed = []
        for s, symbol in enumerate(self.c.symbols):
            below = set(np.flatnonzero(np.any(symbol.candidates[:, self.c.rank :], axis=0)))
            late = self.depth_of[s] < depth and below & changed
            if self.depth_of[s] == depth or late:
                changed.add(s)
                listed.append((s, bool(below)))
        return listed
