"""Whether derivatives of a program jump where two arms of a path meet.

A derivative that is Lipschitz there changes 256 times as much over 256 times the distance; one that
jumps, or grows without bound, does not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jax import lax
from jaxtyping import Float

from steepest.pieces import Program

EPS = float(np.finfo(np.float64).eps)
HAIR = 2.0**-40  # of a way, or _UNITS in the last place of where it lies
ROUNDING = 1e-11  # a change below this share of what changes is none
PARTS = 8  # of a way that is searched
_UNITS = 1024.0  # so many that no number made of a point is tied by its rounding a hair off it
_WIDER = 256.0  # hairs, over which a change is held against that over two
_BESIDE = 8  # points at that distance, a hair from each other
_JUMP, _UNBOUNDED = 4.0, 64.0  # of one of order 1/2 the change grows 16 times over 256 hairs
_NEAR = 2.0**-10  # of the way to a point that is a hair beside another
_CUTS = 2.0**-16, 2.0**-32  # of a way, about a place on it
_CLEAR = 2.0**-8  # hairs above this share of a way are too long to search it
_FADED = 1e-7  # what has fallen to this share of itself has no jump in it
_MISSING = 1e300  # a difference to where there is no derivative

Arm = Callable[[float], np.ndarray]  # a point at a distance from where two of them meet


class Jump(NamedTuple):
    """Which derivative jumps (0 where f does), or changes as good as that, and by how much;
    infinitely where f is finite on one side alone.
    """

    order: int
    change: float


class Derivatives:
    """f, ∇f and, at order 2, ∇²f of a program, at points (n, d), a row each.

    Args:
        program: f.
        order: how many derivatives are asked; 2 writes the Hessian out.
        lipschitz: whether one that is continuous, but not Lipschitz (that of |x|^1.5), counts as
            one that jumps.
    """

    def __init__(self, program: Program, order: Literal[1, 2] = 1, lipschitz: bool = True):
        of = lambda f, y: f(program.leaves(y))
        along = lambda D: program.in_double(lambda f, ys: lax.map(D(lambda y: of(f, y)), ys))
        self.each = [along(D) for D in (lambda f: f, jax.grad, jax.hessian)[: order + 1]]
        self.program = program
        # f itself may grow as it likes, as long as it does not jump.
        self._growths = [_JUMP] + [_UNBOUNDED if lipschitz else _JUMP] * order
        self._start = np.concatenate([leaf.ravel() for leaf in program.start])

    @cached_property
    def _floors(self) -> list[float]:
        """Changes of each that are rounding: in shares of it where the program starts. Where one
        has come to zero, terms may cancel that are as large as there."""
        with np.errstate(all="ignore"):
            sizes = [float(np.linalg.norm(of(self._start[None]))) for of in self.each]
        return [64 * EPS * size if np.isfinite(size) else 0.0 for size in sizes]

    def jump(self, left: Arm, right: Arm, hair: float, least: float = ROUNDING) -> Jump | None:
        """The first that jumps where two arms meet, by more than a share of itself."""
        for order in range(len(self.each)):
            change = self._leap(order, left, right, hair, least)
            if change > 0:
                return Jump(order, change)
        return None

    def is_confirmed(
        self, jump: Jump, way: Float[np.ndarray, "4 d"], share: float, least: float = ROUNDING
    ) -> bool:
        """Whether a jump is one nearer by, too: a hair of a long way may span a smooth bend."""
        x, slope = at(way, share), way[1] + share * (2 * way[2] + share * 3 * way[3])
        for cut in _CUTS:
            part = np.stack([x - cut * slope, 2 * cut * slope, 0 * x, 0 * x])
            hair = float(hairs(part[None])[0])
            if not hair <= _CLEAR:
                break
            there = arms(part, sharpest(self.each[jump.order], part, hair))
            if not self._leap(jump.order, *there, hair, least) > 0:
                return False
        return True

    def jump_through(self, x: Float[np.ndarray, " d"], direction: Float[np.ndarray, " d"]) -> float:
        """By how much the last one jumps at x, along a direction to a point beside it; 0.0 where it
        does not."""
        arm = lambda sign: lambda s: x + sign * s * direction
        with np.errstate(all="ignore"):
            return self._leap(-1, arm(-1.0), arm(1.0), _NEAR, ROUNDING)

    def _leap(self, order: int, left: Arm, right: Arm, hair: float, least: float) -> float:
        of, growth, floor = self.each[order], self._growths[order], self._floors[order]
        return _leap(of, left, right, hair, growth, least, floor, ends=order == 0)


def hairs(ways: Float[np.ndarray, "n 4 d"]) -> Float[np.ndarray, " n"]:
    """How near to each other two shares of each way may be; infinite where it is a point."""
    sizes = np.max(np.abs(ways[:, 0]), axis=1, initial=0.0)
    lengths = np.max(np.abs(ways[:, 1:]), axis=(1, 2), initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lengths > 0, np.maximum(HAIR, _UNITS * EPS * sizes / lengths), np.inf)


def at(way: Any, s: Any) -> Any:
    """The point at a share of a way, a cubic in it; JAX can trace it."""
    return way[0] + s * (way[1] + s * (way[2] + s * way[3]))


def arms(way: Float[np.ndarray, "4 d"], share: float) -> tuple[Arm, Arm]:
    """A way before and behind a share of it."""
    return (lambda d: at(way, share - d)), (lambda d: at(way, share + d))


def largest(x: Float[np.ndarray, " d"]) -> float:
    """The largest entry."""
    return float(np.max(np.abs(x), initial=0.0))


def _leap(
    of: Callable[[np.ndarray], np.ndarray],
    left: Arm,
    right: Arm,
    hair: float,
    growth: float,
    least: float,
    floor: float,
    ends: bool,
) -> float:
    """By how much a function of points (n, d) jumps where two arms meet.

    Infinite, if `ends`, where it is finite on one of them alone. 0.0 where the change from the one
    arm to the other, or along one of them, is `growth` times as large over 256 hairs as over two;
    or where that is rounding: below a share of what changes, or by the third differences on either
    side (errors are as large in them, what is smooth is not).
    """
    rows = lambda *points: np.asarray(of(np.array(points)), np.float64).reshape(len(points), -1)
    apart = lambda a, b: float(np.linalg.norm(a - b))
    # On one side, too: what is not Lipschitz may be even, and the same on both.
    a, b, *more = rows(left(hair), right(hair), left(3 * hair), right(3 * hair))
    finite = [bool(np.all(np.isfinite(side))) for side in ((a, more[0]), (b, more[1]))]
    if ends and finite[0] != finite[1]:
        return np.inf
    near = max(apart(a, b), apart(a, more[0]), apart(b, more[1]))
    if not near > floor + least * max(float(np.linalg.norm(row)) for row in (a, b)):
        return 0.0  # as nearly everywhere
    both = [rows(*[arm(_WIDER * hair + i * hair) for i in range(_BESIDE)]) for arm in (left, right)]
    far = max(apart(both[0][0], both[1][0]), apart(a, both[0][0]), apart(b, both[1][0]))
    rounding = max(
        apart(r[i + 3] - r[i], 3 * (r[i + 2] - r[i + 1])) for r in both for i in range(_BESIDE - 3)
    )
    return near if near > 8 * rounding and growth * near > far else 0.0


def sharpest(derivative: Callable[[np.ndarray], np.ndarray], way: np.ndarray, hair: float) -> float:
    """Where on a way a derivative's second differences stay largest, as the distance falls."""

    def rows(shares: np.ndarray) -> np.ndarray:
        points = np.array([at(way, float(s)) for s in shares])
        return np.asarray(derivative(points)).reshape(len(points), -1)

    def bends(of: np.ndarray) -> np.ndarray:
        """Of each three in a row: those of a cusp vanish where it stands at some places, not for
        two of them at once."""
        sizes = np.linalg.norm(of[:-2] - 2 * of[1:-1] + of[2:], axis=1)
        return np.nan_to_num(sizes, nan=_MISSING, posinf=_MISSING)

    shares = np.linspace(0.0, 1.0, 2 * PARTS + 1)
    known, first = rows(shares), 0.0
    while True:
        bent = bends(known)
        most = int(np.argmax(bent))
        first = first or float(bent[most])
        # With one more on either side: those about a cusp may be the smaller ones.
        begin = min(max(most - 1, 0), len(shares) - 5)
        middle = float(shares[most + 1])
        shares, known = shares[begin : begin + 5], known[begin : begin + 5]
        if not bent[most] > _FADED * first or shares[4] - shares[0] <= hair:
            return middle
        between = (shares[:-1] + shares[1:]) / 2
        order = np.argsort(np.concatenate([shares, between]))
        known = np.concatenate([known, rows(between)])[order]
        shares = np.concatenate([shares, between])[order]
