"""Least squares on the unit ball, in the coordinates of a singular value decomposition."""

import numpy as np
from jaxtyping import Float


def least_squares_in_ball(
    singular: Float[np.ndarray, " m"], wanted: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " m"]:
    """The u with |u| ≤ 1 that minimises |singular * u − wanted|.

    It is u(μ) = singular·wanted / (singular² + μ) with the least multiplier μ ≥ 0 for which
    |u(μ)| ≤ 1. For the sphere, 1/|u(μ)| = 1 is solved by Newton's method: the left side is concave
    and almost linear in μ, so that from μ = 0 the iterates grow to the root without overshooting.

    Source: Hebden 1973; Moré 1978, "The Levenberg–Marquardt algorithm: implementation and theory".

    >>> least_squares_in_ball(np.array([1.0, 1.0]), np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    scale = float(singular.max())
    wanted = np.where(singular > 1e-15 * scale, wanted / scale, 0.0)
    singular = np.where(singular > 1e-15 * scale, singular / scale, 1.0)
    multiplier, u, norm = 0.0, wanted / singular, float(np.linalg.norm(wanted / singular))
    for _ in range(200):
        if norm <= 1.0 + 4e-16:
            break
        damped = singular * singular + multiplier
        step = (norm - 1.0) * norm * norm / float(np.sum(u * u / damped))
        if multiplier + step == multiplier:
            break
        multiplier += step
        u = singular * wanted / (singular * singular + multiplier)
        norm = float(np.linalg.norm(u))
    return u / max(norm, 1.0)
