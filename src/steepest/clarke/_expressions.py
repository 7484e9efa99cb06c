"""First-order algebra of a tape: gradients of everything, in the variables and in symbols.

One Jacobian of `Tape.cut` writes each key, each candidate and the value as a row over (x, δ). The
exits δ are then replaced by *symbols*, as few as there can be:

- switches whose margins are proportional (as functions, tested at random points) are one *class*:
  relu(x) and relu(−x), the halves of softplus, the same kink twice;
- an exit of a two-way class with margin z whose candidates differ by a multiple of z is written
  y = c₁ + α ρ, with ρ = max(z, 0): the abs-normal form of Griewank (2013). What cancels in the
  program then cancels here;
- any other exit is a symbol of its own, with one candidate row for each outcome (minus the exit
  where the choice is a minimum, so that every such symbol is a maximum).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from steepest.clarke._classes import Class, Classifier
from steepest.clarke._jacobian import raw_rows
from steepest.clarke._sparse import Selection, Sparse, beside, coo, csr
from steepest.pieces import Program, Tape

_CLOSE = 1e-12


@dataclass
class Symbol:
    """One number whose gradient depends on the outcome of its class.

    `candidates` has a row over (x, symbols) for each outcome. `maximum`: the symbol is the
    largest of its candidates, identically; `whole`: no identity says that it is continuous.
    """

    owner: int
    candidates: Sparse
    maximum: bool


@dataclass
class Expressions:
    """The value and all symbols as rows over (x, symbols), strictly triangular in the symbols."""

    dimension: int
    value: Sparse
    symbols: list[Symbol]
    classes: list[Class]
    # Exits of jumps that no identity shows to be continuous.
    unproved_exits: list[int] = field(default_factory=list)


def expressions(program: Program, tape: Tape, rng: np.random.Generator) -> Expressions:
    """See the module. Call inside `jax.enable_x64(True)`."""
    return _Builder(program, tape, rng).build()


class _Builder:
    def __init__(self, program: Program, tape: Tape, rng: np.random.Generator):
        self.tape, self.rng = tape, rng
        self.d = program.point.dimension
        self.E = len(tape.exits)
        self.raw = raw_rows(program, tape, rng)
        self.rows, self.values = self.raw.gradients, self.raw.values
        self.starts, self.candidate_starts = self.raw.key_starts, self.raw.candidate_starts
        self.scale: dict[int, float] = {}

    def build(self) -> Expressions:
        found = Classifier(self.tape, self.raw, self.d, self.rng)
        classes, owner, self.scale = found.classes, found.owner, found.scale
        symbols, exits, mix, candidates, unproved = self.symbols(classes, owner)
        spreads = Selection()
        for c in classes:
            if self.tape.switches[c.members[0][0]].ball:
                for k in range(c.count):
                    spreads.add([(1.0, c.base + k)])
            elif not c.trivial:
                for k in range(1, c.count):
                    spreads.add([(1.0, c.base + k), (-1.0, c.base)])
        to_symbols = self.substituted(exits.of(self.rows), mix, len(symbols))
        rows = to_symbols(spreads.of(self.rows))
        start = 0
        for c in classes:
            is_ball = self.tape.switches[c.members[0][0]].ball
            count = c.count if is_ball else 0 if c.trivial else c.count - 1
            block = rows[start : start + count]
            start += count
            c.spread, c.ball = (block[:0], block) if is_ball else (block, None)
        listed = to_symbols(candidates.of(self.rows))
        done, start = [], 0
        for c, maximum, count in symbols:
            done.append(Symbol(c, listed[start : start + count], maximum))
            start += count
        return Expressions(self.d, to_symbols(self.rows[[-1]]), done, classes, unproved)

    def key_rows(self, t: int) -> np.ndarray:
        return np.arange(self.starts[t], self.starts[t + 1])

    # ---- symbols

    def candidate_numbers(self, e: int) -> np.ndarray:
        """Which rows are the candidates of an exit, outcome by outcome, up to its sign."""
        exit_ = self.tape.exits[e]
        if exit_.sign is not None:
            return self.key_rows(exit_.switch)
        m = len(self.tape.switches[exit_.switch].outcomes)
        return np.arange(self.candidate_starts[e], self.candidate_starts[e] + m)

    def symbols(self, classes: list[Class], owner: dict[int, tuple[int, bool]]):
        """Symbols as (class, maximum, candidates), and what they and the exits are made of.

        Exit e is row e of the selection `exits` plus row e of `mix` times the symbols.
        """
        exits_of = np.zeros(len(classes), dtype=int)
        for e in self.tape.exits:
            exits_of[owner[e.switch][0]] += 1
        nested = np.diff(csr(self.rows[:, self.d :]).indptr) > 0
        symbols: list[tuple[int, bool, int]] = []
        exits, candidates = Selection(), Selection()
        rho: dict[int, int] = {}
        triples: list[tuple[int, int, float]] = []
        unproved: list[int] = []
        for e in self.tape.exits:
            switch = self.tape.switches[e.switch]
            number, flipped = owner[e.switch]
            c = classes[number]
            if switch.ball:
                if number not in rho:
                    rho[number] = len(symbols)
                    symbols.append((number, False, 1))
                    candidates.add([])
                exits.add([])
                triples.append((e.index, rho[number], self.scale.get(e.switch, 1.0)))
                continue
            rows, sign = self.candidate_numbers(e.index), e.sign or 1.0
            m = len(rows)
            if c.trivial and not c.forced:
                exits.add([(sign, rows[c.allowed[0]])])  # candidates agree identically
                continue
            alpha = None
            if m == 2 and not c.forced:
                alpha = self.multiple(c, e.switch, e.sign, rows)
            alone = e.sign is not None and exits_of[number] == 1 and bool(nested[rows].any())
            if alpha is not None and not alone:
                if number not in rho:
                    rho[number] = len(symbols)
                    symbols.append((number, True, 2))
                    candidates.add([(1.0, c.base), (-1.0, c.base + 1)])
                    candidates.add([])
                exits.add([(sign, rows[0 if flipped else 1])])
                triples.append((e.index, rho[number], -alpha if flipped else alpha))
                continue
            if alpha is None and e.sign is None:
                unproved.append(e.index)
            for k in reversed(range(m)) if flipped else range(m):
                candidates.add([(1.0, rows[k])])  # minus the exit, where it is a minimum
            exits.add([])
            triples.append((e.index, len(symbols), sign))
            symbols.append((number, e.sign is not None, m))
        where = np.array(triples).reshape(-1, 3)
        mix = csr(
            (where[:, 2], (where[:, 0].astype(int), where[:, 1].astype(int))),
            shape=(self.E, len(symbols)),
        )
        return symbols, exits, mix, candidates, unproved

    def multiple(self, c: Class, t: int, sign: float | None, rows: np.ndarray) -> float | None:
        """α with candidate₀ − candidate₁ = α · margin of the class, identically."""
        if sign is not None:
            return sign * self.scale.get(t, 1.0)
        i, j = c.base, c.base + 1
        margin = np.append(
            _entries(self.rows[[i]] - self.rows[[j]]), self.values[i] - self.values[j]
        )
        gap = np.append(
            _entries(self.rows[[rows[0]]] - self.rows[[rows[1]]]),
            self.values[rows[0]] - self.values[rows[1]],
        )
        if not np.all(np.isfinite(margin)) or not np.all(np.isfinite(gap)):
            return None
        square = float(margin @ margin)
        if square == 0.0:
            return None
        alpha = float(gap @ margin) / square
        if np.abs(gap - alpha * margin).max() > _CLOSE * max(np.abs(gap).max(), 1e-300):
            return 0.0 if not gap.any() else None
        return alpha

    def substituted(self, rows: Sparse, mix: Sparse, count: int) -> Callable[[Sparse], Sparse]:
        """Rows over (x, δ) → rows over (x, symbols), by the triangular system of the exits."""
        own = beside([rows[:, : self.d], mix])
        feeds = rows[:, self.d :]
        solved = own
        for _ in range(self.E):  # at most as often as exits feed each other
            following = csr(own + feeds @ solved)
            if not feeds.nnz or abs(following - solved).max() == 0.0:
                break
            solved = following

        def to_symbols(raw: Sparse) -> Sparse:
            raw = csr(raw)
            plain = beside([raw[:, : self.d], csr((raw.shape[0], count))])
            if not self.E:
                return plain
            delta = raw[:, self.d :]
            return _cleaned(plain + delta @ solved, abs(plain) + abs(delta) @ abs(solved))

        return to_symbols


def _entries(row: Sparse) -> np.ndarray:
    """A row's entries; a long row's images under fixed irregular weights, a few numbers."""
    if row.shape[1] < 4096:
        return row.toarray().ravel()
    row = coo(row)
    columns = row.coords[1].astype(np.float64)
    return np.array([row.data @ np.cos(k * 0.7310585 * columns + k) for k in range(1, 9)])


def _cleaned(rows: Sparse, sizes: Sparse) -> Sparse:
    """Without the entries that are rounding of what cancelled."""
    rows = csr(rows)
    floor = csr(sizes) * 1e-13
    keep = csr(abs(rows) > floor)
    cleaned = csr(rows.multiply(keep))
    cleaned.eliminate_zeros()
    return cleaned
