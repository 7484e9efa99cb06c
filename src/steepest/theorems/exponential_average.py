"""The exponential average written out as a sum: what the recursion of a method is held against."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def exponential_average(rows: Float[np.ndarray, "n d"], decay: float) -> Float[np.ndarray, "n d"]:
    """(1 − β) Σⱼ≤ₜ βᵗ⁻ʲ xⱼ for each t, in NumPy's float64.

    Example:
        >>> exponential_average(np.array([[4.0], [0.0], [8.0]]), 0.5).ravel().tolist()
        [2.0, 1.0, 4.5]
    """
    weights = (1 - decay) * decay ** np.arange(len(rows), dtype=np.float64)
    return np.array([weights[: t + 1][::-1] @ rows[: t + 1] for t in range(len(rows))])
