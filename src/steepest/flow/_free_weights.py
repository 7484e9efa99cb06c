"""Weights of what is held, where dependent gradients leave a choice among many."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import qr
from scipy.optimize import linprog

from steepest.flow._field import Tied
from steepest.flow._mode import Mode

DETERMINED = 1e-8  # squares of pivots above this are those of rows that determine their weights
_BALANCED = 1e-9  # of the gradients' turns: what a cone program may leave of them
_NEUTRAL = 1e-9  # of the largest turn
_LAST = 1e-2  # what makes a row the last to be chosen
_DEPENDENT = 1e-10  # eigenvalues of a Gram matrix of unit rows below this are zero


def dependent_pairs(mode: Mode, tied: Tied) -> frozenset[tuple[int, int]]:
    """The held pairs whose gradients depend on those of the others.

    Rather those that turn nothing, if others do: no weight of theirs balances anything.
    """
    count = len(mode.pairs)
    turns = np.abs(tied.turns[:count])
    shares = np.where(turns > _NEUTRAL * np.max(turns, initial=0.0), 1.0, _LAST)
    factors: Any = qr((tied.rows[:count] * shares[:, None]).T, mode="r", pivoting=True)
    distances, order = factors
    rank = int(np.sum((np.diag(distances) / shares[order][: len(distances)]) ** 2 > DETERMINED))
    return frozenset(mode.pairs[i] for i in order[rank:])


def free_weights(
    mode: Mode, tied: Tied, multipliers: np.ndarray, least: float
) -> np.ndarray | None:
    """Weights that give the same gradient, as far within their bounds as there are any.

    Args:
        mode: every pair held for itself.
        tied: what holds it under the multipliers.
        multipliers: of all candidates.
        least: None is given if the weights are not further than this from their bounds; also where
            nothing is free.
    """
    count = len(mode.pairs)
    rows = tied.rows[:count]
    moved = rows * tied.turns[:count, None]
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > _DEPENDENT
    if np.all(kept):
        return None
    basis = rows.T @ (vectors[:, kept] / np.sqrt(values[kept]))
    same = (moved @ basis).T / (np.max(np.abs(moved)) or 1.0)
    steps, distance = (_among_balls if mode.norms else _in_simplices)(mode, multipliers, same)
    if distance <= least:
        return None
    weights = np.array(multipliers)
    for (base, other), d in zip(mode.pairs, steps, strict=True):
        mode.shifted(weights, base, other, d)
    return weights


def _bounds(mode: Mode, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A, b): the weights of choices after steps d are b − A d. What goes to the others of a place
    is taken from its first."""
    choice = mode.gated.is_choice
    chosen = [i for i, (_, other) in enumerate(mode.pairs) if choice[other]]
    bases = list(dict.fromkeys(mode.pairs[i][0] for i in chosen))
    spent = np.zeros((len(chosen) + len(bases), len(mode.pairs)))
    for row, i in enumerate(chosen):
        base, _ = mode.pairs[i]
        spent[row, i] = -1.0
        spent[len(chosen) + bases.index(base), i] = 1.0
    return spent, weights[[*(mode.pairs[i][1] for i in chosen), *bases]]


def _in_simplices(mode: Mode, weights: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, float]:
    """(steps in the weights, the least weight after them), that as large as it can be."""
    spent, left = _bounds(mode, weights)
    found = linprog(
        [*np.zeros(len(mode.pairs)), -1.0],
        A_ub=np.column_stack([spent, np.ones(len(spent))]),
        b_ub=left,
        A_eq=np.column_stack([same, np.zeros(len(same))]),
        b_eq=np.zeros(len(same)),
        bounds=(None, None),
    )
    return (found.x[:-1], float(found.x[-1])) if found.status == 0 else (left, -np.inf)


def _among_balls(mode: Mode, weights: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, float]:
    """The same where norms are held at zero: of these 1 − ‖v‖ counts, and a linear program has no
    cones."""
    from steepest.convex._conic import clarabel, cone_program

    count = len(mode.pairs)
    spent, left = _bounds(mode, weights)
    blocks = [
        np.column_stack([same, np.zeros(len(same))]),
        np.column_stack([spent, np.ones(len(spent))]),
    ]
    right = [np.zeros(len(same)), left]
    cones = [clarabel.ZeroConeT(len(same)), clarabel.NonnegativeConeT(len(spent))]
    for gate, entries in mode.norms:
        # (1 − t, v − d) is in the cone: a step in the weight of an entry takes from it.
        block = np.zeros((1 + len(entries), count + 1))
        block[0, -1] = 1.0
        for row, entry in enumerate(entries, 1):
            block[row, mode.pairs.index((entry, gate))] = 1.0
        blocks.append(block)
        right.append(np.array([1.0, *weights[entries]]))
        cones.append(clarabel.SecondOrderConeT(1 + len(entries)))
    found = cone_program(
        sp.csc_matrix((count + 1, count + 1)),
        np.array([*np.zeros(count), -1.0]),
        np.vstack(blocks),
        np.concatenate(right),
        cones,
    )
    steps, distance = found[:-1], float(found[-1])
    if not np.all(np.isfinite(found)) or np.max(np.abs(same @ steps), initial=0.0) > _BALANCED:
        return steps, -np.inf
    moved = [r - block[:, :-1] @ steps for block, r in zip(blocks[2:], right[2:], strict=True)]
    norms = [1 - float(np.linalg.norm(v)) for _, *v in moved]
    return steps, min([distance, *norms, *(left - spent @ steps)])
