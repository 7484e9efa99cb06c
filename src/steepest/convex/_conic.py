"""The least-norm point of a sum by an interior-point method: slower, and hard to confuse."""

from collections.abc import Iterator, Sequence
from typing import Any

import clarabel as _clarabel
import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from ._arrays import Matrix
from ._blocks import Ball, Box, Part, Simplex

# Clarabel is a compiled module that ships no types.
clarabel: Any = _clarabel


def conic_least_norm(
    offset: Float[np.ndarray, " d"], parts: Sequence[Part]
) -> Float[np.ndarray, " n"]:
    """The parameters t, block after block, of the least-norm offset + Σ M_b t_b, to about 1e-8.

    One second-order cone program in (x, t): minimise |x|² / 2 with x − M t = offset and each t_b
    in its block. Solved by Clarabel (Goulart, Chen 2024); the caller finishes on the face found.
    """
    # In units in which data are about one.
    unit = float(np.abs(offset).max(initial=0.0)) + max(_size(part.block) for part in parts)
    d, widths = offset.size, [part.matrix.shape[1] for part in parts]
    n = sum(widths)
    rows: list[Matrix] = [
        sp.hstack([sp.eye_array(d), *(-sp.csc_array(part.matrix) for part in parts)])
    ]
    right: list[np.ndarray] = [offset / unit]
    cones = [clarabel.ZeroConeT(d)]
    start = d
    for part, width in zip(parts, widths, strict=True):
        pick = sp.csc_array(
            (np.ones(width), (np.arange(width), np.arange(start, start + width))), (width, d + n)
        )
        for matrix, bound, cone in _constraints(part.block, pick, unit):
            rows.append(matrix)
            right.append(bound)
            cones.append(cone)
        start += width
    quadratic = sp.block_diag([sp.eye_array(d), sp.csc_array((n, n))])
    found = cone_program(quadratic, np.zeros(d + n), sp.vstack(rows), np.concatenate(right), cones)
    return unit * found[d:]


def cone_program(
    quadratic: Any, linear: np.ndarray, rows: Any, right: np.ndarray, cones: list[Any]
) -> np.ndarray:
    """The x with the least x·Qx/2 + c·x of those with right − A x in the cones, by Clarabel
    (Goulart, Chen 2024). How near it came is for the caller to look at.

    Args:
        quadratic, linear: Q, sparse, and c.
        rows, right: A, sparse, and what it is taken from.
        cones: Clarabel's, in the order of the rows.
    """
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    settings.max_iter = 200
    solver = clarabel.DefaultSolver(
        sp.csc_matrix(quadratic), linear, sp.csc_matrix(rows), right, cones, settings
    )
    return np.array(solver.solve().x)


def _size(block: object) -> float:
    match block:
        case Box(half_widths):
            return float(half_widths.max(initial=0.0))
        case Simplex(_, size) | Ball(_, size):
            return size
    raise TypeError(f"no cone is known for {type(block).__name__}")


def _constraints(
    block: object, pick: Matrix, unit: float
) -> Iterator[tuple[Matrix, np.ndarray, Any]]:
    """Rows (A, b, cone) that say b − A·(x, t) ∈ cone, for t_b = pick·(x, t) in its block."""
    m = pick.shape[0]
    match block:
        case Box(half_widths):
            yield pick, half_widths / unit, clarabel.NonnegativeConeT(m)
            yield -pick, half_widths / unit, clarabel.NonnegativeConeT(m)
        case Simplex(_, size):
            yield -pick, np.zeros(m), clarabel.NonnegativeConeT(m)
            yield (
                sp.csc_array(pick.sum(axis=0)[None, :]),
                np.array([size / unit]),
                clarabel.ZeroConeT(1),
            )
        case Ball(_, radius):
            top = sp.csc_array((1, pick.shape[1]))
            right = np.append(radius / unit, np.zeros(m))
            yield sp.vstack([top, -pick]), right, clarabel.SecondOrderConeT(m + 1)
