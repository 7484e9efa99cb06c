"""A counterexample to homogeneity, that the caller can evaluate.

A function of degree L has f(αp)² = f(p) f(α²p) for every L, since both sides are α^{2L} f(p)². A
pair (α, p) at which they differ by far refutes every degree at once. Along a ray the two may agree
to rounding for a long way (a bias of 1e-9 shows only where all else is scaled down to it), so that
the ray is followed over many powers of α, up and down; α is no power of two, which would hide a
factor that is periodic in log₂.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

FACTORS = (3.0, 1.7)
_NEAR = 4  # powers of α each way that are looked at one by one
_CANDIDATES = 8  # of which the plainest is given
_PLAIN = 0.04  # of a counterexample that needs no better one
_CLEAR = 0.02  # the two sides differ by this share at least
_NOISE = 1e-12  # relative change of p that must leave f nearly what it is

Evaluate = Callable[[Sequence[np.ndarray]], np.ndarray]


class Counterexample(NamedTuple):
    """f(αp)² ≠ f(p) f(α²p), entry by entry, or two entries of f that grow by different powers.

    Attributes:
        alpha: the factor.
        params: the point p, a pytree like the params that were asked about.
    """

    alpha: float
    params: Any


def refute(
    evaluate: Evaluate,
    leaves: Sequence[np.ndarray],
    scaled: Sequence[int],
    cast: Callable[[Sequence[np.ndarray]], list[np.ndarray]],
    check: Evaluate,
    most: int,
) -> tuple[float, list[np.ndarray]] | None:
    """(α, leaves) that refute homogeneity in the leaves `scaled` together, or None.

    Args:
        evaluate: f in float64, all its entries flat.
        leaves: the caller's point.
        scaled: which leaves α multiplies.
        cast: leaves rounded to the caller's types.
        check: f as the caller would evaluate it: the counterexample must stand there too.
        most: about how many evaluations to spend.
    """
    rng = np.random.default_rng(0)
    rays = [
        _Ray(evaluate, base, scaled, alpha, rng)
        for base in _points(leaves, rng)
        for alpha in FACTORS
    ]
    tried = 0
    best: tuple[float, float, list[np.ndarray]] | None = None
    for ray, k in _places(rays):
        if sum(len(r.values) for r in rays) > most:
            break
        if not ray.refutes(k):
            continue
        at = cast(ray.point(k))
        clear = _clarity(check, at, scaled, ray.alpha, cast)
        if clear > (best[0] if best else 0.0):
            best = clear, ray.alpha, at
        tried += 1
        if best and (best[0] > _PLAIN or tried >= _CANDIDATES):
            break
    return best and best[1:]


def _places(rays: Sequence[_Ray]) -> Iterator[tuple[_Ray, int]]:
    """Rays and powers of α to look at: near the point, then where long strides see a change."""
    for k in range(_NEAR + 1):
        for sign in (-1, 1) if k else (1,):
            yield from ((ray, sign * k) for ray in rays)
    for stride, furthest in ((8, 32), (3, 12)):
        for ray in rays:
            if ray.alpha != FACTORS[0]:
                continue  # the other factor is there for what is periodic in log f
            starts = sorted(range(-furthest, furthest - 2 * stride + 1, stride), key=abs)
            for start in starts:
                if ray.bends(start, stride):
                    inside = range(start, start + 2 * stride - 1)
                    yield from ((ray, k) for k in sorted(inside, key=abs))


def _points(leaves: Sequence[np.ndarray], rng: np.random.Generator) -> list[list[np.ndarray]]:
    """The caller's point (whose zeros may hide what breaks), then two that have no zeros."""
    sizes = [float(np.sqrt(np.mean(leaf**2))) if leaf.size else 0.0 for leaf in leaves]
    near = [
        leaf * rng.uniform(0.7, 1.4, leaf.shape)
        + 0.3 * (s or 1.0) * rng.standard_normal(size=leaf.shape)
        for leaf, s in zip(leaves, sizes, strict=True)
    ]
    positive = [rng.uniform(0.2, 1.5, leaf.shape) for leaf in leaves]
    return [[np.asarray(leaf) for leaf in base] for base in (leaves, near, positive)]


class _Ray:
    """f at α^k p, computed once for each k."""

    def __init__(
        self,
        evaluate: Evaluate,
        base: list[np.ndarray],
        scaled: Sequence[int],
        alpha: float,
        rng: np.random.Generator,
    ):
        self.evaluate, self.base, self.scaled, self.alpha = evaluate, base, scaled, alpha
        self.rng = rng
        self.values: dict[int, np.ndarray] = {}

    def point(self, k: int) -> list[np.ndarray]:
        return scaled_by(self.base, self.scaled, self.alpha**k)

    def value(self, k: int) -> np.ndarray:
        if k not in self.values:
            self.values[k] = self.evaluate(self.point(k))
        return self.values[k]

    def bends(self, k: int, stride: int) -> bool:
        """Whether three points, this many powers apart, are on no common power."""
        return _differs([self.value(k + j * stride) for j in range(3)], self.alpha**stride)

    def refutes(self, k: int) -> bool:
        triple = [self.value(k + j) for j in range(3)]
        if not _differs(triple, self.alpha):
            return False
        # What cancels down to rounding proves nothing.
        for j, value in enumerate(triple):
            moved = [
                np.asarray(leaf) * (1 + _NOISE * self.rng.choice([-1, 1], size=leaf.shape))
                for leaf in self.point(k + j)
            ]
            change = np.abs(self.evaluate([np.asarray(leaf) for leaf in moved]) - value)
            if not np.all(change <= 1e-6 * np.abs(value) + 1e-300):
                return False
        return True


def scaled_by(
    leaves: Sequence[np.ndarray], which: Sequence[int], factor: float
) -> list[np.ndarray]:
    return [np.asarray(leaf * factor) if i in which else leaf for i, leaf in enumerate(leaves)]


def _differs(values: Sequence[np.ndarray], alpha: float) -> bool:
    """Whether no degree takes f0 to f1 and f1 to f2, entry by entry and one for all."""
    f0, f1, f2 = values
    if not all(np.all(np.isfinite(f)) for f in values):
        return False
    size = np.abs(f0) + np.abs(f1) + np.abs(f2)
    if not np.all((size == 0) | (size > 1e-150)) or np.any(size > 1e150):
        return False
    scale = np.maximum(np.abs(f1) ** 2, np.abs(f0 * f2))
    apart = np.abs(f1**2 - f0 * f2) > _CLEAR * scale
    turned = f0 * f1 < 0
    if np.any((scale > 0) & (apart | turned)):
        return True
    alive = (f0 != 0) & (f1 != 0)
    if np.sum(alive) < 2:
        return False
    powers = np.log(np.abs(f1[alive] / f0[alive])) / np.log(alpha)
    return bool(np.ptp(powers) > _CLEAR)


def _clarity(
    check: Evaluate,
    leaves: list[np.ndarray],
    scaled: Sequence[int],
    alpha: float,
    cast: Callable[[Sequence[np.ndarray]], list[np.ndarray]],
) -> float:
    """How plainly f, as the caller evaluates it, refutes; 0 where it does not.

    A reader who has f(p) and f(αp) alone would try the power of α between them: the further that
    is from a simple fraction, the better. A change of sign, or to or from 0, leaves no power.
    """
    values = [check(cast(scaled_by(leaves, scaled, alpha**j))) for j in range(3)]
    if not _differs(values, alpha):
        return 0.0
    f0, f1, _ = values
    if np.any((f0 * f1 < 0) | ((f0 == 0) != (f1 == 0))):
        return 1.0
    alive = f0 != 0
    if not np.any(alive):
        return _PLAIN / 2
    powers = np.log(np.abs(f1[alive] / f0[alive])) / np.log(alpha)
    simple = [np.max(np.abs(powers - np.round(powers * q) / q)) for q in (1, 2, 3)]
    return max(float(min(simple)), float(np.ptp(powers)), 1e-9)
