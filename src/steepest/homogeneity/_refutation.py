"""A counterexample to homogeneity, that the caller can evaluate.

A function of degree L has f(αp)² = f(p) f(α²p) for every L, since both sides are α^{2L} f(p)². A
pair (α, p) at which they differ by far refutes every degree at once. Along a ray the two may agree
to rounding for a long way (a bias of 1e-9 shows only where all else is scaled down to it), so that
the ray is followed over many powers of α, up and down; α is no power of two, which would hide a
factor that is periodic in log₂. What differs at such scales may be the rounding of terms that
cancel: a pair counts where it differs by far more than rounding can do to it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.homogeneity._evaluation import Evaluation

FACTORS = (3.0, 1.7)
_NEAR = 4  # powers of α each way that are looked at one by one
_CANDIDATES = 8  # of which the plainest is given
_PLAIN = 0.04  # of a counterexample that needs no better one
_CLEAR = 0.02  # the two sides differ by this share at least
_SURE = 1e3  # times what rounding does to them
_DRAWS = 4  # of all roundings


class Counterexample(NamedTuple):
    """f(αp)² ≠ f(p) f(α²p), entry by entry, or two entries of f that grow by different powers.

    Attributes:
        alpha: the factor.
        params: the point p, a pytree like the params that were asked about.
    """

    alpha: float
    params: Any


def refute(
    f: Evaluation,
    scaled: Sequence[int],
    most: int,
) -> tuple[float, list[np.ndarray]] | None:
    """(α, leaves) that refute homogeneity in the leaves `scaled` together, or None.

    It is searched for by whichever values are had soonest, and must stand in float64 and as the
    caller evaluates f.

    Args:
        f: with the caller's point.
        scaled: which leaves α multiplies.
        most: about how many evaluations to spend.

    Raises:
        UnsupportedPrimitiveError: f cannot be had in float64.
    """
    rng = np.random.default_rng(0)
    start = [np.asarray(leaf, np.float64) for leaf in f.point.leaves]
    points = [_Points(f, base, scaled) for base in _bases(start, rng)]
    rays = [_Ray(of, alpha) for of in points for alpha in FACTORS]

    def plainest(candidates: list[_Candidate]) -> tuple[float, list[np.ndarray]] | None:
        for ray, k, _ in sorted(candidates, key=lambda candidate: -candidate.clarity):
            if not ray.stands_in_double(k):
                continue
            at = f.cast(ray.points.at(ray.alpha**k))
            factors = [ray.alpha**j for j in range(3)]
            values = [f.as_the_caller(scaled_by(at, scaled, factor)) for factor in factors]
            if _differs(values, ray.alpha):
                return ray.alpha, at
        return None

    waiting: list[_Candidate] = []
    for ray, k in _places(rays):
        if sum(len(of.values) for of in points) > most:
            break
        triple = ray.triple(k)
        if not _differs(triple, ray.alpha):
            continue
        candidate = _Candidate(ray, k, _clarity(triple, ray.alpha))
        if candidate.clarity > _PLAIN:
            found = plainest([candidate])
            if found is not None:
                return found
            continue
        waiting.append(candidate)
        if len(waiting) == _CANDIDATES:
            found = plainest(waiting)
            if found is not None:
                return found
            waiting.clear()
    return plainest(waiting)


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


def _bases(leaves: Sequence[np.ndarray], rng: np.random.Generator) -> list[list[np.ndarray]]:
    """The caller's point (whose zeros may hide what breaks), then two that have no zeros."""
    sizes = [float(np.sqrt(np.mean(leaf**2))) if leaf.size else 0.0 for leaf in leaves]
    near = [
        leaf * rng.uniform(0.7, 1.4, leaf.shape)
        + 0.3 * (s or 1.0) * rng.standard_normal(size=leaf.shape)
        for leaf, s in zip(leaves, sizes, strict=True)
    ]
    positive = [rng.uniform(0.2, 1.5, leaf.shape) for leaf in leaves]
    return [[np.asarray(leaf) for leaf in base] for base in (leaves, near, positive)]


class _Points:
    """f where the chosen leaves of one point are multiplied by a factor: computed once for each."""

    def __init__(
        self,
        f: Evaluation,
        base: list[np.ndarray],
        scaled: Sequence[int],
    ):
        self.f, self.base, self.scaled = f, base, scaled
        self.values: dict[float, np.ndarray] = {}
        self._in_double: dict[float, np.ndarray] = {} if f.is_long else self.values
        self._noise: dict[float, list[np.ndarray]] = {}

    def at(self, factor: float) -> list[np.ndarray]:
        return scaled_by(self.base, self.scaled, factor)

    def value(self, factor: float) -> np.ndarray:
        if factor not in self.values:
            evaluate = self.f.as_the_caller if self.f.is_long else self.f.in_double
            self.values[factor] = evaluate(self.at(factor))
        return self.values[factor]

    def in_double(self, factor: float) -> np.ndarray:
        if factor not in self._in_double:
            self._in_double[factor] = self.f.in_double(self.at(factor))
        return self._in_double[factor]

    def noise(self, factor: float, draws: int) -> np.ndarray:
        """What rounding does to each entry of f: the largest of so many drawings of it."""
        value = self.in_double(factor)
        seen = self._noise.setdefault(factor, [])
        for draw in range(len(seen), draws):
            change = np.abs(self.f.rounded(self.at(factor), draw) - value)
            seen.append(np.where(np.isnan(change), np.inf, change))
        return np.max(seen[:draws], axis=0)


class _Ray(NamedTuple):
    """The points α^k p."""

    points: _Points
    alpha: float

    def triple(self, k: int, stride: int = 1) -> list[np.ndarray]:
        return [self.points.value(self.alpha ** (k + j * stride)) for j in range(3)]

    def bends(self, k: int, stride: int) -> bool:
        """Whether three points, this many powers apart, are on no common power."""
        return _differs(self.triple(k, stride), self.alpha**stride)

    def stands_in_double(self, k: int) -> bool:
        factors = [self.alpha ** (k + j) for j in range(3)]
        exact = [self.points.in_double(factor) for factor in factors]
        return _differs(exact, self.alpha) and all(
            _differs(exact, self.alpha, [self.points.noise(factor, draws) for factor in factors])
            for draws in range(1, _DRAWS + 1)
        )


class _Candidate(NamedTuple):
    """f(α^k p), f(α^{k+1} p) and f(α^{k+2} p) differ from a common power: how plainly, 0 to 1."""

    ray: _Ray
    k: int
    clarity: float


def scaled_by(
    leaves: Sequence[np.ndarray], which: Sequence[int], factor: float
) -> list[np.ndarray]:
    return [np.asarray(leaf * factor) if i in which else leaf for i, leaf in enumerate(leaves)]


def _differs(
    values: Sequence[np.ndarray],
    alpha: float,
    noise: Sequence[np.ndarray | float] = (0.0, 0.0, 0.0),
) -> bool:
    """Whether no degree takes f0 to f1 and f1 to f2, entry by entry and one for all.

    Args:
        values: f0, f1 and f2.
        alpha: the factor between their points.
        noise: what rounding does to each entry of each; they must differ by far more.
    """
    f0, f1, f2 = values
    if not all(np.all(np.isfinite(f)) for f in values):
        return False
    size = np.abs(f0) + np.abs(f1) + np.abs(f2)
    if not np.all((size == 0) | (size > 1e-150)) or np.any(size > 1e150):
        return False
    n0, n1, n2 = (_SURE * n for n in noise)
    scale = np.maximum(np.abs(f1) ** 2, np.abs(f0 * f2))
    difference = np.abs(f1**2 - f0 * f2)
    doubt = (2 * np.abs(f1) + n1) * n1 + np.abs(f0) * n2 + np.abs(f2) * n0 + n0 * n2
    apart = (difference > _CLEAR * scale) & (difference > doubt)
    turned = (f0 * f1 < 0) & (np.abs(f0) > n0) & (np.abs(f1) > n1)
    if np.any((scale > 0) & (apart | turned)):
        return True
    alive = (np.abs(f0) > n0) & (np.abs(f1) > n1)
    if np.sum(alive) < 2:
        return False
    doubt = n0 / np.abs(f0) + n1 / np.abs(f1)
    powers = np.log(np.abs(f1[alive] / f0[alive]))
    lowest, highest = np.min(powers + doubt[alive]), np.max(powers - doubt[alive])
    return bool(highest - lowest > _CLEAR * np.log(alpha))


def _clarity(values: Sequence[np.ndarray], alpha: float) -> float:
    """How plainly values that differ from a common power do so.

    A reader who has f(p) and f(αp) alone would try the power of α between them: the further that
    is from a simple fraction, the better. A change of sign, or to or from 0, leaves no power.
    """
    f0, f1, _ = values
    if np.any((f0 * f1 < 0) | ((f0 == 0) != (f1 == 0))):
        return 1.0
    alive = f0 != 0
    if not np.any(alive):
        return _PLAIN / 2
    powers = np.log(np.abs(f1[alive] / f0[alive])) / np.log(alpha)
    simple = [np.max(np.abs(powers - np.round(powers * q) / q)) for q in (1, 2, 3)]
    return max(float(min(simple)), float(np.ptp(powers)))
