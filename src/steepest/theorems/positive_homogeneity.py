"""Positive homogeneity: f(αx) = α^L f(x)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from steepest.errors import ArgumentError
from steepest.theorems.certificate import Certificate, Statement
from steepest.theorems.curves import Curve, Curves
from steepest.theorems.degrees import Degree, as_fraction, checked_degree, degree_of, judged
from steepest.theorems.problem import Problem
from steepest.theorems.registry import theorem
from steepest.theorems.rounding import EPS
from steepest.theorems.sampling import generator, points_around
from steepest.theorems.vectors import flat, split

_STATEMENT = Statement(
    name="positive_homogeneity",
    id="B1",
    left="|f(αx) − α^L f(x)|",
    right="0, to rounding",
    latex=r"$f$ is positively homogeneous of degree $L$: $f(\alpha x) = \alpha^L f(x)$ for every "
    r"$x$ and every $\alpha > 0$.",
    source="Lyu, Li 2020, Definition 2.1 (homogeneous networks); Euler's classical notion",
)
_FACTORS = (0.03, 0.3, 0.77, 1.7, 5.3, 31.0)  # none a power of two
_WOBBLES = 8
_ON_RAY = np.geomspace(0.1, 10.0, 61)


@theorem(_STATEMENT, differentiates=False)
def positive_homogeneity(
    p: Problem,
    degree: Degree | None = None,
    leaves: Sequence[int] | None = None,
    key: Array | None = None,
) -> Certificate:
    r"""f(αx) = α^L f(x) for every x and α > 0, where α multiplies all of x or some leaves of it.

    Problem: f, and x0 as one point to look at. Claimed: f is positively homogeneous of degree L.

    Hypothesis: the same, as the program shows it. *Proved* by the rules of `homogeneity`, for all
    x; *violated* where they prove another degree, or where f(αx)² ≠ f(x) f(α²x) at some point,
    which no degree allows; *unknown* otherwise, however well the numbers agree.

    Args:
        p: the problem; its x0 is a point where f is defined.
        degree: L; by default the degree that is proved.
        leaves: indices of the leaves that α multiplies; by default all.
        key: for the random points; default `jax.random.key(0)`.

    Returns:
        A certificate over x0 and six random points, six α each, none a power of two; a random point
        where f is not finite is passed over. The allowance is what rounding does to both sides:
        how far f moves there when each coordinate moves by a few units in its last place, and the
        rounding of α^L. Without a degree nothing is compared. The figure shows the size of f along
        rays αx on logarithmic axes, straight lines of slope L for a homogeneous f.

    Raises:
        ArgumentError: the degree is not finite, or there are no such leaves.

    Reference: Lyu, Li 2020, "Gradient descent maximizes the margin of homogeneous neural networks",
    Definition 2.1.

    Example:
        >>> import jax.numpy as jnp
        >>> import steepest as st
        >>> p = st.Problem(lambda x: x[0] ** 2 * jnp.abs(x[1]), jnp.array([1.0, -2.0]))
        >>> st.theorems.positive_homogeneity(p).hypotheses[0].detail
        'degree 3, by the rules'
        >>> st.theorems.positive_homogeneity(p, degree=2).holds
        False
    """
    chosen = _chosen(p, leaves)
    asked = None if degree is None else checked_degree(degree)
    record = degree_of(p, chosen)
    known = judged(p, record, degree, chosen)
    proved = None if record.degree is None else 0.0 if record.degree == "any" else record.degree
    L = asked if asked is not None or proved is None else float(proved)
    rng = generator(key)
    points = points_around(flat(p.program.start), rng)
    values = _Values(p, chosen)
    steps, measured, allowance = _compare(values, points, L, rng) if L is not None else _NOTHING
    return Certificate(
        statement=_STATEMENT,
        hypotheses=(known,),
        steps=steps,
        measured=measured,
        bound=np.zeros(len(steps)),
        allowance=allowance,
        figure=(_rays(values, points, L),),
    )


_NOTHING = (np.zeros(0), np.zeros(0), np.zeros(0))


def _chosen(p: Problem, leaves: Sequence[int] | None) -> tuple[int, ...] | None:
    count = len(p.program.start)
    if leaves is None:
        return None
    chosen = tuple(leaves)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(count)):
        raise ArgumentError(f"leaves is {leaves}; it must name some of the leaves 0 … {count - 1}.")
    return None if len(chosen) == count else chosen


class _Values:
    """f at many points at once, in float64, with the chosen leaves scaled."""

    def __init__(self, p: Problem, chosen: tuple[int, ...] | None):
        start = p.program.start
        which = range(len(start)) if chosen is None else chosen
        marks = [np.full(np.shape(leaf), i in which) for i, leaf in enumerate(start)]
        self.scaled = flat(marks) > 0
        # An exponent in the program is rounded to the program's type.
        self.eps = max(float(jax.numpy.finfo(leaf.dtype).eps) for leaf in p.program.point.leaves)
        self._start = start
        self._evaluate = p.program.in_double(lambda f, stacked: jax.lax.map(f, stacked))

    def __call__(self, points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        rows = [split(point, self._start) for point in points]
        return self._evaluate([np.stack(leaf) for leaf in zip(*rows, strict=True)])

    def along(self, point: Float[np.ndarray, " d"], factors: Any) -> Float[np.ndarray, "n d"]:
        """The point with its chosen leaves times each factor."""
        return np.where(self.scaled, np.multiply.outer(np.asarray(factors), point), point)


def _compare(
    values: _Values, points: np.ndarray, L: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(number of the comparison, |f(αx) − α^L f(x)|, allowance)."""
    scales = np.array([1.0, *_FACTORS])
    at = np.concatenate([values.along(x, scales) for x in points])
    signs = rng.choice([-1.0, 1.0], size=(_WOBBLES, *at.shape))
    moved = (at * (1 + 8 * EPS * signs)).reshape(-1, at.shape[1])
    f = values(at)
    with np.errstate(invalid="ignore", over="ignore"):
        wobble = np.abs(values(moved).reshape(_WOBBLES, -1) - f).max(axis=0)
        f, wobble = f.reshape(-1, len(scales)), wobble.reshape(-1, len(scales))
        power = scales[1:] ** L
        left, right = f[:, 1:], power * f[:, :1]
        turns = 16 * EPS + 4 * values.eps * abs(L) * np.abs(np.log(scales[1:]))
        allowed = wobble[:, 1:] + power * wobble[:, :1] + turns * (np.abs(left) + np.abs(right))
        apart = np.abs(left - right)
    # No value at x, or both sides beyond the range of numbers: nothing is said.
    seen = np.isfinite(f[:, :1]) & ~(np.isinf(left) & (left == right))
    if not seen.any():
        return _NOTHING
    return np.arange(float(seen.sum())), apart[seen], allowed[seen]


def _rays(values: _Values, points: np.ndarray, L: float | None) -> Curves:
    """|f(αx)| against α from three points, over the straight line that a degree would make it."""
    curves: list[Curve] = []
    straight: list[Curve] = []
    for x in points[[0, -1, 1]]:
        f = np.abs(values(values.along(x, _ON_RAY)))
        middle = len(f) // 2
        if not (np.isfinite(f[middle]) and f[middle] > 0):
            continue
        name = r"$x_0$" if not curves else ("a second $x$", "a third $x$")[len(curves) - 1]
        curves.append(Curve(_ON_RAY, np.where(f > 0, f, np.nan), name))
        if L is not None:
            line, role, label = f[middle] * _ON_RAY**L, "bound", _power_of_alpha(L)
        else:
            with np.errstate(divide="ignore"):
                near = (
                    np.log(f[[middle - 1, middle + 1]]),
                    np.log(_ON_RAY[[middle - 1, middle + 1]]),
                )
            slope = np.diff(near[0]) / np.diff(near[1])
            line, role, label = (
                f[middle] * _ON_RAY**slope,
                "reference",
                r"its slope at $\alpha = 1$",
            )
        straight.append(Curve(_ON_RAY, line, "" if straight else label, role))
    ylabel = r"$|f(\alpha x)|$"
    return Curves((*curves, *straight), r"$\alpha$", ylabel, xscale="log", yscale="log")


def _power_of_alpha(L: float) -> str:
    power = {0.0: "", 1.0: r"\alpha\,"}.get(L, rf"\alpha^{{{as_fraction(L)}}}\,")
    return rf"${power}|f(x)|$"
