"""The least-squares problem of Wilson et al. 2017, section 3, on which adaptive methods go astray.

Labels yᵢ are 1 with probability p > ½, else −1. Point i has the features yᵢ, 1, 1, and a block of
five of its own: the first of them is 1 if yᵢ = 1, all five are if yᵢ = −1, and all else is 0. Only
the first feature says anything of a fresh point, whose block nobody has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

BLOCK = 5
COMMON = 3  # the features that all points share


@dataclass(frozen=True)
class Construction:
    """The problem on n points, ½‖Xw − y‖² over w of 3 + 5n numbers.

    Attributes:
        labels: 1 or −1.
    """

    labels: Float[np.ndarray, " n"]

    @property
    def own(self) -> Float[np.ndarray, "n 5"]:
        """The features of each point in its own block."""
        rarer = self.labels[:, None] < 0
        return np.where(rarer | (np.arange(BLOCK) == 0), 1.0, 0.0)

    @property
    def matrix(self) -> Float[np.ndarray, "n d"]:
        """X."""
        n = len(self.labels)
        X = np.zeros((n, COMMON + BLOCK * n))
        X[:, :COMMON] = shared_features(self.labels)
        for i, row in enumerate(self.own):
            X[i, COMMON + BLOCK * i : COMMON + BLOCK * (i + 1)] = row
        return X

    @property
    def least_norm(self) -> Float[np.ndarray, " d"]:
        """The least-norm solution Xᵀα of Xw = y, in closed form: α has one value a class."""
        y = self.labels
        n1, n0 = int(np.sum(y > 0)), int(np.sum(y < 0))
        D = 15 * n1 + 3 * n0 + 8 * n1 * n0 + 5
        return self.matrix.T @ np.where(y > 0, (4 * n0 + 5) / D, -(4 * n1 + 1) / D)

    @property
    def sign_like(self) -> Float[np.ndarray, " d"]:
        """sign(Xᵀy), of which a quarter solves Xw = y where Σ yᵢ > 0."""
        return np.sign(self.matrix.T @ self.labels)

    def extreme_curvatures(self) -> tuple[float, float]:
        """The least and the largest eigenvalue of XXᵀ: of the Hessian, on the row space of X."""
        eigenvalues = np.linalg.eigvalsh(self.matrix @ self.matrix.T)
        return float(eigenvalues[0]), float(eigenvalues[-1])


def construct(n: int, share: float, rng: np.random.Generator) -> Construction:
    """Draw labels until both classes are there and the ones with 1 are more.

    Args:
        n: how many points, at least 3.
        share: the probability of the label 1.
        rng: draws them.
    """
    while True:
        labels = draw_labels(n, share, rng)
        if np.sum(labels) > 0 and np.any(labels < 0):
            return Construction(labels)


def draw_labels(n: int, share: float, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """Labels of fresh points."""
    return np.where(rng.random(n) < share, 1.0, -1.0)


def shared_features(labels: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n 3"]:
    """The features that all points have: y, 1 and 1."""
    return np.stack([labels, np.ones_like(labels), np.ones_like(labels)], axis=1)


def loss(w: Any, labels: Any, own: Any) -> Any:
    """½‖Xw − y‖², without writing X down; a point with label 0 and no features counts nothing."""
    blocks = w[COMMON:].reshape(len(labels), BLOCK)
    shared = w[0] * labels + (w[1] + w[2]) * labels**2
    return 0.5 * jnp.sum((shared + jnp.sum(own * blocks, axis=1) - labels) ** 2)
