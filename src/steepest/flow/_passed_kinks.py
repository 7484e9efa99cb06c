"""Kinks that a path passes between the points at which it is known.

A choice of the program that turns on the way, or a root that comes to zero, is a place at which a
derivative of f may jump; most do not make it jump (the square of a relu, the two sides of an elu).
The derivative itself is asked, a hair before the place and a hair behind it: one that is Lipschitz
changes 256 times as much over 256 times the distance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from steepest.flow._events import Kink
from steepest.pieces import Program
from steepest.pieces._compile import compiled
from steepest.pieces._gated import Gated

_EPS = float(np.finfo(np.float64).eps)
_HAIR = 2.0**-40  # of a way, or 32 units in the last place of where it lies
_WIDER = 256.0
_SHORT = 1 / 16  # ways of which a hair is more than that are rounding
_NODES = np.array([0.25, 0.5, 0.75])  # at which choices are looked at, beside a way's ends
_AT_ONCE = 2**24  # numbers that are looked at together
_MOST_TURNS = 5_000
_ROUNDING = 1e-11  # a change below this share of what changes is none
_HALVINGS = 50
_CUT, _CUTS = 2.0**-20, 3  # of a way, to find how near to zero a root comes

_JUMP, _UNBOUNDED = 4.0, 64.0  # of one of order 1/2 the change grows 16 times over 256 hairs

Arm = Callable[[float], np.ndarray]  # a point at a distance from where two of them meet


class Passed(NamedTuple):
    """A place at which f or its derivative jumps, or changes as good as that.

    Attributes:
        way: on which way.
        share: where on it, between 0 and 1.
        x: where.
        change: by how much.
        order: which derivative it is: 0 where f jumps.
        what: the choices or the root, with the user's lines.
    """

    way: int
    share: float
    x: Float[np.ndarray, " d"]
    change: float
    order: int
    what: str


class TooManyTurns(Exception):  # noqa: N818 - told to the caller, who says what is unknown
    """More choices turned on the way than are looked at."""


def straight(points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m 4 d"]:
    """The ways from each point to the next."""
    ways = np.zeros((len(points) - 1, 4, points.shape[1]))
    ways[:, 0], ways[:, 1] = points[:-1], np.diff(points, axis=0)
    return ways


class KinksPassed:
    """Looks for the kinks of a program on ways: cubics in a share s between 0 and 1.

    Args:
        program: f.
        order: how many derivatives are asked whether they jump; 2 writes the Hessian out.
        nearest: at what distance from zero a norm, or a root, counts as passing through it.
        lipschitz: whether a derivative that is continuous there, but not Lipschitz (that of
            |x|^1.5), counts as one that jumps.

    Raises:
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
    """

    def __init__(
        self,
        program: Program,
        order: Literal[1, 2] = 1,
        nearest: float = 0.0,
        lipschitz: bool = True,
    ):
        with jax.enable_x64(True):
            self.gated = Gated(program)
        self.program, self.nearest = program, nearest
        self.growth = _UNBOUNDED if lipschitz else _JUMP
        of = lambda f, y: f(program.leaves(y))
        along = lambda D: program.in_double(lambda f, ys: lax.map(D(lambda y: of(f, y)), ys))
        # f and its derivatives at points (n, d), a row each.
        self._derivatives = [along(D) for D in (lambda f: f, jax.grad, jax.hessian)[: order + 1]]
        self._patterns_at = compiled(self._patterns)
        self._turn_of = compiled(self._turn)
        self._lowest_at = compiled(self._lowest)
        self._roots_at = compiled(self._roots)
        self.turns = 0

    @property
    def watches(self) -> bool:
        """Whether there is anything that can turn, or come to zero."""
        return bool(self.gated.sites or self.gated.singular_lines)

    def first(self, ways: Float[np.ndarray, "n 4 d"], joined: bool = True) -> Passed | None:
        """The first kink on the ways; where they are joined, at their corners and ends, too.

        Raises:
            TooManyTurns: after several thousand places where nothing jumps.
        """
        self.turns = 0
        if not self.watches or not len(ways):
            return None
        each = max(ways.shape[2] * 4, (len(_NODES) + 2) * self.gated.size, 1)
        count = max(1, _AT_ONCE // each)
        with jax.enable_x64(True), np.errstate(all="ignore"):
            for begin in range(0, len(ways), count):
                # One way before, for the corner between.
                some = ways[max(begin - 1, 0) if joined else begin : begin + count]
                found = self._first(some, joined)
                if found is not None:
                    return found._replace(way=found.way + begin - (joined and begin > 0))
        return None

    def jump_through(self, x: Float[np.ndarray, " d"], direction: Float[np.ndarray, " d"]) -> float:
        """By how much the last derivative jumps at x, along a direction; 0.0 where it does not."""
        hair = max(_HAIR, 32 * _EPS * _largest(x) / _largest(direction))
        arm = lambda sign: lambda s: x + sign * s * direction
        with jax.enable_x64(True), np.errstate(all="ignore"):
            return _leap(self._derivatives[-1], arm(-1.0), arm(1.0), hair, self.growth)

    # ---- what is compiled

    def _pattern(self, way: Any, s: Any) -> Any:
        return self.gated.actual(self.program.leaves(_at(way, s)))[2] > 0.5

    def _patterns(self, ways: Any, shares: Any) -> Any:
        along = lambda way, shares: lax.map(lambda s: self._pattern(way, s), shares)
        return lax.map(lambda pair: along(*pair), (ways, shares))

    def _turn(self, way: Any, low: Any, high: Any, before: Any, width: Any) -> tuple[Any, Any]:
        """(where the pattern is no longer `before`, the pattern a width behind that)."""

        def halve(ends: tuple[Any, Any]) -> tuple[Any, Any]:
            low, high = ends
            middle = (low + high) / 2
            same = jnp.all(self._pattern(way, middle) == before)
            return jnp.where(same, middle, low), jnp.where(same, high, middle)

        wide = lambda ends: ends[1] - ends[0] > width / 2
        _, high = lax.while_loop(wide, halve, (low, high))
        return high, self._pattern(way, high + width)

    def _heights(self, way: Any, s: Any) -> tuple[Any, Any]:
        """Norms and roots at a share of a way, and their rates."""

        def of(s: Any) -> Any:
            leaves = self.program.leaves(_at(way, s))
            return self.gated.singular(leaves, self.gated.actual(leaves)[2])

        return jax.jvp(of, (s,), (jnp.ones_like(s),))

    def _roots(self, ways: Any) -> Any:
        ends = jnp.array([0.0, 1.0])
        return lax.map(lambda way: lax.map(lambda s: self._heights(way, s), ends), ways)

    def _lowest(self, way: Any, root: Any) -> tuple[Any, Any]:
        """(where on a way a norm or root that falls and rises is lowest, how high it is there)."""

        def halve(_: Any, ends: tuple[Any, Any]) -> tuple[Any, Any]:
            low, high = ends
            middle = (low + high) / 2
            falls = self._heights(way, middle)[1][root] < 0
            return jnp.where(falls, middle, low), jnp.where(falls, high, middle)

        low, high = lax.fori_loop(0, _HALVINGS, halve, (jnp.zeros(()), jnp.ones(())))
        there = [(s, self._heights(way, s)[0][root]) for s in (low, high)]
        lower = there[0][1] < there[1][1]
        return jnp.where(lower, low, high), jnp.minimum(there[0][1], there[1][1])

    # ---- the search

    def _first(self, ways: np.ndarray, joined: bool) -> Passed | None:
        sizes = np.max(np.abs(ways[:, 0]), axis=1, initial=0.0)
        lengths = np.max(np.abs(ways[:, 1:]), axis=(1, 2), initial=0.0)
        hairs = np.maximum(_HAIR, 32 * _EPS * sizes / np.where(lengths > 0, lengths, np.inf))
        hairs = np.where(lengths > 0, hairs, np.inf)
        kept = np.flatnonzero((hairs <= _SHORT) & np.isfinite(ways).all(axis=(1, 2)))
        candidates = list(self._zeros(ways, kept, hairs)) if self.gated.singular_lines else []
        if self.gated.sites and len(kept):
            # Corners are looked at by themselves; a way by itself has its ends.
            ends = hairs[kept, None] if joined else -hairs[kept, None]
            nodes = np.broadcast_to(_NODES, (len(kept), len(_NODES)))
            shares = np.concatenate([ends, nodes, 1 - ends], axis=1)
            patterns = np.asarray(self._patterns_at(ways[kept], shares))
            for place, k in enumerate(kept):
                hair = float(hairs[k])
                at_zero = [zero for zero in candidates if zero.way == k]
                turned = self._on_way(ways, int(k), hair, shares[place], patterns[place])
                both = [found for found in (*at_zero, turned) if found is not None]
                if both:
                    return min(both, key=lambda found: found.share)
                if joined and place + 1 < len(kept):
                    after = int(kept[place + 1])
                    found = self._at_corner(ways, int(k), after, hairs, patterns[place:])
                    if found is not None:
                        return found
            return None
        return min(candidates, key=lambda found: (found.way, found.share), default=None)

    def _on_way(
        self, ways: np.ndarray, k: int, hair: float, shares: np.ndarray, patterns: np.ndarray
    ) -> Passed | None:
        way = ways[k]
        for i in np.flatnonzero(np.any(patterns[1:] != patterns[:-1], axis=1)):
            low, before = float(shares[i]), patterns[i]
            while low < shares[i + 1] and not np.array_equal(before, patterns[i + 1]):
                found = self._turn_of(way, low, shares[i + 1], before, hair)
                share, after = float(found[0]), np.asarray(found[1])
                self._count()
                turned = _named(self.gated, np.flatnonzero(after & ~before))
                kink = self._kink(k, share, way, *_arms(way, share), hair, turned)
                if kink is not None:
                    return kink
                low, before = share + hair, after
        return None

    def _at_corner(
        self, ways: np.ndarray, k: int, after: int, hairs: np.ndarray, patterns: np.ndarray
    ) -> Passed | None:
        """Choices that turn just where one way ends and the next begins."""
        before, behind = patterns[0][-1], patterns[1][0]
        if np.array_equal(before, behind):
            return None
        self._count()
        hair = float(max(hairs[k], hairs[after]))
        arms = (lambda d: _at(ways[k], 1 - d)), (lambda d: _at(ways[after], d))
        turned = _named(self.gated, np.flatnonzero(behind & ~before))
        return self._kink(k, 1.0, ways[k], *arms, hair, turned)

    def _zeros(self, ways: np.ndarray, kept: np.ndarray, hairs: np.ndarray) -> Iterator[Passed]:
        """Norms and roots that come to zero on a way, where a derivative jumps."""
        if not len(kept):
            return
        heights, rates = (np.asarray(a) for a in self._roots_at(ways[kept]))
        # Where the tangents from both ends reach zero before the other, the root is looked at.
        falls = (heights[:, 0] + rates[:, 0] <= self.nearest) | (heights[:, 0] <= self.nearest)
        rises = (heights[:, 1] - rates[:, 1] <= self.nearest) | (heights[:, 1] <= self.nearest)
        for place, root in np.argwhere(falls & rises):
            k = int(kept[place])
            # At zero itself there is none.
            rate = float(np.max(np.nan_to_num(np.abs(rates[place, :, root]))))
            share, lowest, resolved = self._least(ways[k], int(root), rate)
            if not lowest <= self.nearest + resolved:
                continue
            self._count()
            hair = max(float(hairs[k]), 32 * lowest / rate if rate > 0 else 0.0)
            words = f"a root, or a norm, is at zero: {self.gated.singular_lines[root]}"
            arms = _arms(ways[k], share)
            found = self._kink(k, share, ways[k], *arms, hair, words)
            if found is not None:
                yield found

    def _least(self, way: np.ndarray, root: int, rate: float) -> tuple[float, float, float]:
        """(where a root is lowest on a way, how high it is there, how far that may be off).

        A way may be so long that its shares cannot tell a small root from zero: it is cut to ever
        shorter ones.
        """
        share, lowest = (float(a) for a in self._lowest_at(way, root))
        x = _at(way, share)
        slope = way[1] + share * (2 * way[2] + share * 3 * way[3])
        width = 1.0
        for _ in range(_CUTS):
            width *= _CUT
            part = straight(np.array([x - width * slope, x + width * slope]))[0]
            s, lower = (float(a) for a in self._lowest_at(part, root))
            if not lower <= lowest:
                break
            x, lowest = _at(part, s), lower
        off = _EPS * _largest(x) / max(_largest(slope), 1e-300) + 2.0**-_HALVINGS * width
        return share, lowest, 64 * off * rate

    def _kink(
        self, k: int, share: float, way: np.ndarray, left: Arm, right: Arm, hair: float, what: str
    ) -> Passed | None:
        for order, derivative in enumerate(self._derivatives):
            change = _leap(derivative, left, right, hair, self.growth if order else _JUMP)
            if change > 0:
                return Passed(k, share, _at(way, share), change, order, what)
        return None

    def _count(self) -> None:
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise TooManyTurns


def _at(way: Any, s: Any) -> Any:
    return way[0] + s * (way[1] + s * (way[2] + s * way[3]))


def _arms(way: np.ndarray, share: float) -> tuple[Arm, Arm]:
    """A way before and behind a share of it."""
    return (lambda d: _at(way, share - d)), (lambda d: _at(way, share + d))


def _leap(
    of: Callable[[np.ndarray], np.ndarray], left: Arm, right: Arm, hair: float, growth: float
) -> float:
    """By how much a function of points (n, d) jumps where two arms meet.

    0.0 where the change from the one arm to the other, or along one of them, is `growth` times as
    large over 256 hairs as that between the arms over two; or where that is rounding, by the third
    differences on either side (random errors are as large in them, what is smooth is not).
    """
    rows = lambda *points: np.asarray(of(np.array(points)), np.float64).reshape(len(points), -1)
    apart = lambda a, b: float(np.linalg.norm(a - b))
    a, b = rows(left(hair), right(hair))
    near, size = apart(a, b), max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    if not near > _ROUNDING * size:
        return 0.0  # as nearly everywhere
    both = [rows(*[arm(_WIDER * hair + i * hair) for i in range(4)]) for arm in (left, right)]
    far = max(apart(both[0][0], both[1][0]), apart(a, both[0][0]), apart(b, both[1][0]))
    rounding = max(apart(r[3] - r[0], 3 * (r[2] - r[1])) for r in both)
    return near if near > 8 * rounding and growth * near > far else 0.0


def _largest(x: np.ndarray) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def _named(gated: Gated, candidates: Any) -> str:
    """The choices at some places in the flat vector of weights, with the user's lines."""
    found = []
    for k in candidates:
        for site in gated.sites:
            if site.start <= k < site.start + site.size:
                found.append(Kink(site.line, site.name, int((k - site.start) % site.places)))
    kinks = list(dict.fromkeys(found))
    return "; ".join(map(str, kinks[:3])) + (f" and {len(kinks) - 3} more" * (len(kinks) > 3))
