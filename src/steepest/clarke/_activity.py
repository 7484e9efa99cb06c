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
from dataclasses import dataclass

import numpy as np

from steepest.clarke._component import (
    Component,
    Found,
    Margin,
    OpenPiece,
    Piece,
    SymbolGradients,
)
from steepest.clarke._cone import open_cone
from steepest.clarke._identities import Identities
from steepest.clarke._second_order import never_positive, second_order_witness
from steepest.convex import Hull
from steepest.convex._programs import nnls
from steepest.errors import TooManyPiecesError
from steepest.pieces import Program, Tape

MAX_SETTLED = 64
MAX_PIECES = 20_000
MAX_OPEN = 2_000
_ZERO = 1e-12
_ROOM = 1e-7
_RANK = 1e-8  # a singular value of rows of length one that is no rounding


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
