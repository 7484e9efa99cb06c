"""The operator norm of a matrix is its largest singular value."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.errors import ArgumentError
from steepest.inputs import whole_number
from steepest.theorems.certificate import Certificate, Evidence, Hypothesis, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS

_STATEMENT = Statement(
    name="operator_norm",
    id="X1",
    left="‖Av‖ over unit vectors v",
    right="σₘₐₓ(A)",
    latex=r"$\|A\|_2 = \max_{\|v\| = 1} \|Av\|_2 = \sigma_{\max}(A)$, which is "
    r"$\max_i |\lambda_i(A)|$ for normal $A$ but not in general.",
    source="Horn, Johnson 2013, Matrix Analysis, Theorem 5.6.6 and Section 5.6",
)


@theorem(_STATEMENT)
def operator_norm(A: Any, samples: int = 200) -> Certificate:
    r"""‖Av‖ ≤ σₘₐₓ(A)‖v‖, attained; the largest absolute eigenvalue is a bound for normal A only.

    Args:
        A: a square real matrix, (d, d).
        samples: how many random unit vectors are tried, besides the one that attains the norm.

    Returns:
        A certificate over the vectors tried: the right singular vector first. A note compares
        σₘₐₓ with the largest absolute eigenvalue.

    Raises:
        ArgumentError: A is not a square matrix of finite real numbers, or its norm leaves float64.

    Reference: Horn, Johnson 2013, Matrix Analysis, Theorem 5.6.6.

    Example:
        >>> c = operator_norm([[0.0, 1.0], [0.0, 0.0]])
        >>> c.holds, c.with_bound(0.0).holds      # its eigenvalues are all 0
        (True, False)
    """
    M, scale = _matrix(A)
    samples = whole_number(samples, "samples", least=0)
    d = len(M)
    _, singular_values, right = np.linalg.svd(M)
    if singular_values[0] * (scale / np.finfo(np.float64).max) > 1:
        raise ArgumentError("the norm of A is beyond float64; divide A by its largest entry.")
    rng = np.random.default_rng(0)
    tried = rng.standard_normal((samples, d))
    tried = np.vstack([right[:1], tried / np.linalg.norm(tried, axis=1, keepdims=True)])
    measured = scale * np.linalg.norm(tried @ M.T, axis=1)
    largest = scale * float(singular_values[0])
    radius = scale * spectral_radius(M)
    commutator = np.linalg.norm(M @ M.T - M.T @ M)
    normal = commutator <= 16 * d * EPS * singular_values[0] ** 2
    order = np.arange(samples + 1, dtype=np.float64)
    attained = measured[0] >= largest * (1 - 16 * d * EPS)
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(
            Hypothesis(
                "the bound is attained",
                Evidence.MEASURED if attained else Evidence.VIOLATED,
                "by the first right singular vector",
            ),
        ),
        steps=order,
        measured=measured,
        bound=np.full(samples + 1, largest),
        allowance=np.full(samples + 1, 16 * d * EPS * largest),
        notes=(
            f"σₘₐₓ = {largest:.6g}, max |λ| = {radius:.6g}; A is "
            f"{'normal' if normal else 'not normal'}",
        ),
        figure=(
            Curves(
                (
                    Curve(order, measured, "‖Av‖, unit vectors v", "points"),
                    Curve(order, np.full(samples + 1, largest), r"$\sigma_{\max}$", "bound"),
                    Curve(order, np.full(samples + 1, radius), r"$\max |\lambda|$", "reference"),
                ),
                xlabel="vector tried",
                ylabel="‖Av‖",
            ),
        ),
    )


def _matrix(A: Any) -> tuple[np.ndarray, float]:
    """A with its largest entry brought to 1, so that no square leaves float64, and that entry."""
    advice = "it must be a square matrix of finite real numbers, not empty."
    try:
        M = np.asarray(A)
        real = M.astype(np.float64, casting="same_kind" if M.dtype.kind in "cf" else "safe")
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"A is not a real matrix ({error}); {advice}") from error
    if M.ndim != 2 or M.shape[0] != M.shape[1] or not M.size:
        raise ArgumentError(f"A has shape {M.shape}; {advice}")
    if not np.all(np.isfinite(real)):
        raise ArgumentError(f"A has shape {M.shape} and an entry that is not finite; {advice}")
    scale = float(np.max(np.abs(real))) or 1.0
    return real / scale, scale


def spectral_radius(A: Any) -> float:
    """The largest absolute eigenvalue of a square matrix."""
    return float(np.max(np.abs(np.linalg.eigvals(np.asarray(A, dtype=np.float64)))))
