"""Which patterns are essentially active: depth first, every prefix decided or left open.

For a prefix of outcomes with margin gradients J (rows):

- ∃ d with J d > 0: active, proved; d is a witness.
- otherwise there are weights λ ≥ 0 with λᵀJ = 0. Not active is proved where λᵀz ≡ 0 for the
  margins z as functions (then they cannot all be positive), or where the rows with λ > 0 span the
  space (then J d ≥ 0 only for d = 0), or where λᵀz is a quadratic form without a positive value.
  The identity is tested at random points at distances O(1), unless all pieces are affine, when it
  needs no test.
- what is left may be active along a parabola (`_second_order`); the rest stays *open*: its
  gradients belong to the outer set only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import nnls

from steepest.clarke._cone import open_cone
from steepest.clarke._second_order import never_positive, second_order_witness
from steepest.convex import Hull
from steepest.errors import TooManyPiecesError
from steepest.pieces import Program, Tape

MAX_SETTLED = 64
MAX_PIECES = 20_000
MAX_OPEN = 2_000
_ZERO = 1e-12
_IDENTICAL = 1e-12  # what a sum may differ from zero, relative to its terms, and be zero
_ROOM = 1e-7
_RANK = 1e-8  # a singular value of rows of length one that is no rounding
_FEW = 6  # patterns evaluated one by one rather than compiled


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


class Identities:
    """Tests Σ λ (κ_i − κ_j) ≡ 0 for the frozen program of a pattern at random points."""

    def __init__(self, program: Program, tape: Tape, rng: np.random.Generator):
        self.program, self.tape, self.rng = program, tape, rng
        self.tests = 0

    def vanish(self, questions: list[tuple[dict[int, int], list[tuple[float, int, int]]]]) -> list:
        """For each (outcomes by switch, [(λ, i, j)]): whether the sum is identically zero.

        It must hold whatever the switches do whose outcomes are not given.
        """
        if not questions:
            return []
        self.tests += len(questions)
        good = np.ones(len(questions), bool)
        padded = 1 << (len(questions) - 1).bit_length()
        told = [outcomes for outcomes, _ in questions]
        told += [{}] * (padded - len(questions))
        for radius in (0.4, 0.1, 0.02):
            keys = self.keys(self.points(padded, radius), *self.patterns(told))
            for row, (_, terms) in enumerate(questions):
                total = sum(w * (keys[row, i] - keys[row, j]) for w, i, j in terms)
                size = sum(w * (abs(keys[row, i]) + abs(keys[row, j])) for w, i, j in terms)
                # Not `>`: what is not finite decides nothing.
                good[row] &= bool(abs(total) <= _IDENTICAL * size)
        return list(good)

    def margins(self, outcomes: dict[int, int], pairs: list[Margin], count: int) -> np.ndarray:
        """The margins κ_i − κ_j of a pattern at random points, shape (count, pairs)."""
        keys = self.keys(self.points(count, 0.3), *self.patterns([outcomes] * count))
        first, second = (np.array([p[k] for p in pairs]) for k in (0, 1))
        return keys[:, first] - keys[:, second]

    def points(self, count: int, radius: float) -> list[np.ndarray]:
        return [
            leaf + radius * (1 + np.abs(leaf)) * self.rng.standard_normal((count, *leaf.shape))
            for leaf in self.program.start
        ]

    def patterns(self, told: list[dict[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Outcomes of all switches, and what stands at the exits of those that are not told.

        A switch that is not told may do anything: its exits hold random numbers, so that what is
        found holds for all its outcomes. (Drawing outcomes would not do: of relu(u)·relu(v) three
        outcomes in four are zero.)
        """
        counts = np.array([len(s.outcomes) for s in self.tape.switches])
        sigma = self.rng.integers(0, counts, size=(len(told), len(counts)))
        known = np.zeros(sigma.shape, bool)
        for s in self.tape.switches:
            if s.forced is not None:
                sigma[:, s.index], known[:, s.index] = s.forced, True
            known[:, s.index] |= s.ball
        for row, outcomes in enumerate(told):
            for t, outcome in outcomes.items():
                sigma[row, t], known[row, t] = outcome, True
        exits = self.tape.exits
        owners = np.array([e.switch for e in exits], dtype=int)
        base = np.array([e.base for e in exits])
        moved = base + 0.3 * (1 + np.abs(base)) * self.rng.standard_normal((len(told), len(exits)))
        return sigma, np.where(known[:, owners], np.nan, moved)

    def keys(self, leaves: list[np.ndarray], sigma: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Keys of all switches, one row for each (point, pattern)."""
        arrays = [jnp.asarray(leaf) for leaf in leaves]
        if len(sigma) > _FEW:
            return np.asarray(self.mapped(arrays, jnp.asarray(sigma), jnp.asarray(moved)))
        return np.stack(
            [
                np.asarray(self.tape.frozen([a[i] for a in arrays], sigma[i], moved[i])[1])
                for i in range(len(sigma))
            ]
        )

    @cached_property
    def mapped(self) -> Any:
        return jax.jit(jax.vmap(lambda *pattern: self.tape.frozen(*pattern)[1]))


def _scaled(pairs: list[tuple[int, int]], lengths: np.ndarray) -> list[Margin]:
    return [(i, j, float(length)) for (i, j), length in zip(pairs, lengths, strict=True)]


def search(component: Component, affine: bool, identities: Identities, to_x: Callable) -> Found:
    """All essentially active patterns of a component; see the module.

    `to_x` takes coordinates of the component to R^d.
    """
    found = _first_order(component, affine, identities)
    return settle(found, identities.program, identities.tape, identities.rng, to_x)


def _first_order(component: Component, affine: bool, identities: Identities) -> Found:
    opened: set[tuple] = set()
    while True:
        run = _Search(component, affine, identities, opened)
        found = run.run()
        if affine:
            return found
        answers = identities.vanish([(q.outcomes, q.terms) for q in run.doubts])
        failed = [q for q, fine in zip(run.doubts, answers, strict=True) if not fine]
        failed = [
            q
            for q in failed
            if not run.another_certificate(q, identities)
            and not never_positive(q.outcomes, q.terms, identities)
        ]
        if not failed:
            return found
        opened |= {q.prefix for q in failed}


@dataclass
class _Doubt:
    prefix: tuple
    outcomes: dict[int, int]
    terms: list[tuple[float, int, int]]
    rows: list[Margin]


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


class _Search:
    def __init__(self, component: Component, affine: bool, identities: Identities, opened: set):
        self.c, self.affine, self.identities, self.opened = component, affine, identities, opened
        self.found = Found()
        self.doubts: list[_Doubt] = []
        self.symbols = SymbolGradients(component)

    def run(self) -> Found:
        count, rank = len(self.c.symbols), self.c.rank
        self.visit(
            0, np.zeros((count, rank)), np.zeros((0, rank)), [], np.zeros(rank), {}, (), False
        )
        return self.found

    def visit(self, depth, G, J, keys, witness, outcomes, prefix, is_open) -> None:
        if depth == len(self.c.classes):
            self.leaf(G, J, keys, witness, outcomes, is_open)
            return
        cls = self.c.classes[depth]
        for k in cls.allowed:
            rows, pairs, doubtful, dead = self.constraints(cls, k, G, outcomes)
            if dead:
                continue
            following = {**outcomes, **{t: (1 - k if flip else k) for t, flip in cls.members}}
            path = (*prefix, k)
            H = self.symbols.with_outcome(depth, k, G)
            here_open = is_open or doubtful
            if doubtful and self.harmless(depth, G) and not cls.forced:
                # The sign of a margin with no slope does not matter to any gradient; to what
                # follows it may matter at second order, so its outcome is not told.
                self.visit(depth + 1, H, J, keys, witness, outcomes, path, is_open)
                return
            new = np.concatenate([J, rows]) if len(rows) else J
            joint = [*keys, *pairs]
            if here_open:
                self.visit(depth + 1, H, new, joint, witness, following, path, True)
                continue
            d = self.direction(new, rows, witness, joint, outcomes, path)
            if d is not None:
                self.visit(depth + 1, H, new, joint, d, following, path, False)
            elif path in self.opened:
                self.visit(depth + 1, H, new, joint, witness, following, path, True)

    def constraints(self, cls, k, G, outcomes):
        """(rows, their keys, whether a row has no slope without being zero, whether k is out)."""
        if not cls.keys[k]:
            return np.zeros((0, self.c.rank)), [], False, False
        raw = cls.margins[k]
        rows = raw[:, : self.c.rank] + raw[:, self.c.rank :] @ G
        size = cls.sizes[0] + cls.sizes[1] * (abs(G).max() if G.size else 0.0)
        length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        steep = length > _ZERO * max(size, 1e-300)
        doubtful = False
        if steep.all():
            return rows / length[:, None], _scaled(cls.keys[k], length), False, False
        rows = np.where(steep[:, None], rows / np.where(steep, length, 1.0)[:, None], 0.0)
        length = np.where(steep, length, 1.0)
        for i in np.flatnonzero(~steep):
            first, second = cls.keys[k][i]
            if self.affine or self.identities.vanish([(outcomes, [(1.0, first, second)])])[0]:
                if not cls.jumps:
                    continue
                winner = k == cls.at_equality if len(cls.keys) == 2 else first < second
                if not winner:
                    return rows, [], False, True
            else:
                doubtful = True
                steep[i] = True  # kept among the constraints, with its slope of zero
        kept = np.flatnonzero(steep)
        pairs = _scaled([cls.keys[k][i] for i in kept], np.where(length > 0, length, 1.0)[kept])
        return rows[kept], pairs, doubtful, False

    def harmless(self, depth, G) -> bool:
        before = self.symbols.taken.get(depth, 0)
        images = [
            self.symbols.with_outcome(depth, k, G) for k in range(len(self.c.classes[depth].keys))
        ]
        self.symbols.taken[depth] = before
        return all(np.allclose(images[0], H, rtol=0, atol=1e-13) for H in images[1:])

    def direction(self, J, rows, witness, keys, outcomes, path):
        # Rows and witness have length one (the first witness is zero).
        if len(rows) and (rows @ witness).min() > _ROOM:
            return witness
        self.found.programs += 1
        answer = open_cone(J)
        if answer.direction is not None:
            return answer.direction
        if self.affine and answer.weights is not None:
            return None
        if answer.weights is None:
            self.opened.add(path)
            return None
        support = answer.weights > 1e-9 * answer.weights.max()
        if self.c.spans and np.linalg.matrix_rank(J[support], tol=_RANK) == self.c.rank:
            return None
        if path not in self.opened:
            terms = [
                (float(w) / length, i, j)
                for w, (i, j, length), used in zip(answer.weights, keys, support, strict=True)
                if used
            ]
            self.doubts.append(_Doubt(path, dict(outcomes), terms, keys))
        return None

    def another_certificate(self, doubt: _Doubt, identities: Identities) -> bool:
        """Whether some other λ ≥ 0, λ ≠ 0, makes λᵀz ≡ 0: looked for at random points."""
        rows = len(doubt.rows)
        z = identities.margins(doubt.outcomes, doubt.rows, 2 * rows + 8)
        if not np.all(np.isfinite(z)):
            return False
        scale = np.linalg.norm(z, axis=0)
        if np.any(scale == 0):
            return True  # a margin that is zero identically is never positive
        system = np.concatenate([z / scale, np.ones((1, rows))])
        target = np.zeros(len(system))
        target[-1] = 1.0
        weights, residual = nnls(system, target, maxiter=50 * rows + 100)
        if residual > 1e-9:
            return False
        terms = [
            (float(w), i, j)
            for w, (i, j, _) in zip(weights / scale, doubt.rows, strict=True)
            if w > 1e-9 * weights.max()
        ]
        return bool(identities.vanish([(doubt.outcomes, terms)])[0])

    def leaf(self, G, J, keys, witness, outcomes, is_open) -> None:
        gradient = self.c.value @ G
        if is_open:
            if self.found.open_pieces is not None:
                self.found.open_pieces.append(OpenPiece(outcomes, gradient, J, keys))
                if len(self.found.open_pieces) > MAX_OPEN:
                    self.found.open_pieces = None
            return
        self.found.pieces.append(Piece(outcomes, witness, gradient, J))
        if len(self.found.pieces) > MAX_PIECES:
            raise TooManyPiecesError(
                f"more than {MAX_PIECES} smooth pieces meet at this point; sample instead with "
                "clarke(f, samples=..., radius=...), or take one subgradient."
            )


def settle(
    found: Found, program: Program, tape: Tape, rng: np.random.Generator, to_x: Callable
) -> Found:
    """Decide open pieces where it can be done, or where it makes no difference."""
    if not found.open_pieces:
        return found
    left = []
    for piece in found.open_pieces:
        if any(np.allclose(piece.gradient, p.gradient, rtol=0, atol=1e-13) for p in found.pieces):
            continue  # its gradient is in the set anyhow
        direction = None
        if len(left) < MAX_SETTLED:
            lengths = np.array([length for _, _, length in piece.keys])
            J = to_x(piece.J) * lengths[:, None]
            direction = second_order_witness(piece.outcomes, J, piece.keys, program, tape, rng)
        if direction is None:
            left.append(piece)
        else:
            found.pieces.append(
                Piece(piece.outcomes, direction, piece.gradient, piece.J, direction)
            )
    if left and found.pieces:
        proved = Hull(np.array([p.gradient for p in found.pieces]))
        size = float(np.abs(proved.points).max(initial=1e-300))
        left = [p for p in left if not proved.contains(p.gradient, 1e-12 * size)]
    found.open_pieces = left
    return found
