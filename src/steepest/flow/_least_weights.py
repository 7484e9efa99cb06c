"""The weights of what ties under which the mixed gradient is least, to first order."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import lsq_linear, minimize


def least_squares_weights(
    slope: np.ndarray,
    moved: np.ndarray,
    weights: np.ndarray,
    pairs: list[tuple[int, int]],
    norms: list[tuple[int, list[int]]],
) -> np.ndarray:
    """d minimizing ‖slope + Σ d_i moved_i‖ with weights that stay weights.

    Args:
        slope: the gradient under these weights, (n,).
        moved: how it changes with the weight of each pair, (pairs, n).
        weights: of all candidates.
        pairs: (base, other), from the first of which weight goes to the other.
        norms: (gate, entries) that are held, whose weights are a vector of length 1 at most.
    """
    gates = {gate for gate, _ in norms}
    others = np.array([np.inf if other in gates else weights[other] for _, other in pairs])
    bases = [base for base, other in pairs if other not in gates]
    if not norms and len(set(bases)) == len(bases):  # two candidates each: bounds alone
        bounds = (-others, np.array([weights[base] for base in bases]))
        upper = np.maximum(bounds[1], bounds[0] + 1e-15)
        return lsq_linear(moved.T, -slope, bounds=(bounds[0], upper), method="bvls").x
    owners = [-1 if other in gates else base for base, other in pairs]
    sums = np.array([[float(b == base) for b in owners] for base in dict.fromkeys(bases)])
    most = np.array([weights[base] for base in dict.fromkeys(bases)])
    constraints: list[Any] = []
    if len(most):
        constraints.append(
            {"type": "ineq", "fun": lambda d: most - sums @ d, "jac": lambda d: -sums}
        )
    for gate, _ in norms:
        at = np.array([i for i, (_, other) in enumerate(pairs) if other == gate])
        v = weights[[pairs[i][0] for i in at]]
        constraints.append(
            {"type": "ineq", "fun": lambda d, at=at, v=v: 1 - float(np.sum((v - d[at]) ** 2))}
        )
    value = lambda d: 0.5 * float(np.sum((slope + d @ moved) ** 2))
    gradient = lambda d: moved @ (slope + d @ moved)
    found = minimize(
        value,
        np.zeros(len(pairs)),
        jac=gradient,
        method="SLSQP",
        bounds=[(None if np.isinf(o) else -o, None) for o in others],
        constraints=constraints,
        options={"ftol": 1e-16, "maxiter": 500},
    )
    return found.x
