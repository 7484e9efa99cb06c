"""How the errors that a momentum method makes against a curve add up: Lady Windermere's fan.

A momentum method is xₖ₊₁ = xₖ + mₖ(xₖ − xₖ₋₁) − s∇f(yₖ), x₋₁ = x₀, with yₖ = xₖ for heavy ball and
yₖ = xₖ + mₖ(xₖ − xₖ₋₁) for Nesterov's. Put a curve's points X₀ = x₀, X₁, … in it: what is left over
is its *defect* τₖ. Then eₖ = xₖ − Xₖ obeys the method's recursion with −τₖ on the right and Hₖeₖ
in the place of the gradient, Hₖ a mean of Hessians, so that ‖eₙ‖ ≤ Σⱼ gₙⱼ‖τⱼ‖, gₙⱼ being how far
one unit of error made at step j is carried by step n (Hairer, Nørsett, Wanner 1993, Sections II.3
and III.4). That holds of any points Xₖ; on a limit of the method the defects are small.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def carried(
    momenta: Float[np.ndarray, " n"],
    step: float,
    curvatures: Float[np.ndarray, " modes"],
    lookahead: bool,
    errors: Float[np.ndarray, "kinds n"],
) -> Float[np.ndarray, "kinds n"]:
    """Σⱼ gₙⱼ errorⱼ at n = 1 … N, gₙⱼ the largest over the curvatures; for several kinds of errors.

    For a quadratic the curvatures are the eigenvalues of A. For any other f the single curvature −β
    is the worst: with it every term of the recursion is added up in absolute value.

    Example:
        >>> one = np.array([1.0])
        >>> carried(np.zeros(3), 0.5, one, False, np.eye(1, 3))  # it halves the error
        array([[1.  , 0.5 , 0.25]])
    """
    n = len(momenta)
    if np.ptp(momenta) == 0:  # then only n − j counts
        one = _responses(momenta, step, curvatures, lookahead)
        return np.stack([np.convolve(row, one)[:n] for row in errors])
    error = np.zeros((len(curvatures), n))  # a row a curvature, a column the step it was made at
    moved = np.zeros_like(error)
    pull = (step * curvatures)[:, None]
    total = np.empty((len(errors), n))
    for k in range(n):
        kept = momenta[k] * moved[:, :k]
        at = error[:, :k] + kept if lookahead else error[:, :k]
        moved[:, :k] = kept - pull * at
        error[:, :k] += moved[:, :k]
        error[:, k] = moved[:, k] = 1.0
        total[:, k] = errors[:, : k + 1] @ np.max(np.abs(error[:, : k + 1]), axis=0)
    return total


def _responses(
    momenta: Float[np.ndarray, " n"],
    step: float,
    curvatures: Float[np.ndarray, " modes"],
    lookahead: bool,
) -> Float[np.ndarray, " n"]:
    """What a unit of error made at the first step has become, the largest over the curvatures."""
    error = moved = np.ones(len(curvatures))
    largest = [1.0]
    for m in momenta[1:]:
        kept = m * moved
        moved = kept - step * curvatures * (error + kept if lookahead else error)
        error = error + moved
        largest.append(float(np.max(np.abs(error))))
    return np.array(largest)
