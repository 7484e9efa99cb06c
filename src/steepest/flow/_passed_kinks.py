"""Kinks that a path passes between the points at which it is known.

A choice of the program that turns on the way, or a root that comes to zero, is a place at which a
derivative of f may jump; many do not make it jump (the square of a relu, the two sides of an elu).
So the place is located, and the derivatives are asked on both sides of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from steepest.flow._events import Kink
from steepest.flow._jumps import (
    EPS,
    ROUNDING,
    Arm,
    Derivatives,
    Jump,
    arms,
    at,
    hairs,
    largest,
)
from steepest.pieces import CHOICES
from steepest.pieces._compile import compiled
from steepest.pieces._gated import Gated

_SHORT = 1 / 16  # ways of which a hair is more than that are rounding
_NODES = np.array([0.25, 0.5, 0.75])  # at which choices are looked at, beside a way's ends
_AT_ONCE = 2**24  # numbers that are looked at together
_MOST_TURNS = 5_000
_FIT = 16.0  # units in the last place of the user's numbers
_HALVINGS = 50
_CUT, _CUTS = 2.0**-20, 3  # of a way, to find how near to zero a root comes


class Passed(NamedTuple):
    """A place at which f or its derivative jumps, or changes as good as that.

    Attributes:
        way: on which way.
        share: where on it, between 0 and 1.
        x: where.
        jump: which one, and by how much.
        what: the choices or the root, with the user's lines.
    """

    way: int
    share: float
    x: Float[np.ndarray, " d"]
    jump: Jump
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
        derivatives: of the program, those that are asked.
        nearest: at what distance from zero a norm, or a root, counts as passing through it.

    Raises:
        UnsupportedPrimitiveError: a primitive without a rule, with the line.
    """

    def __init__(self, derivatives: Derivatives, nearest: float = 0.0):
        self.program, self.nearest = derivatives.program, nearest
        self._derivatives = derivatives
        with jax.enable_x64(True):
            self.gated = Gated(self.program)
        self._looked_at = compiled(self._looked)
        self._turn_of = compiled(self._turn)
        self._lowest_at = compiled(self._lowest)
        self._roots_at = compiled(self._roots)
        self.turns = 0

    @property
    def watches(self) -> bool:
        """Whether there is anything that can turn, or come to zero."""
        return bool(self.gated.sites or self.gated.singular_lines)

    def first(self, ways: Float[np.ndarray, "n 4 d"], joined: bool = True) -> Passed | None:
        """The first kink on the ways: at the corners, too, where they are joined, else at the ends
        of each.

        Raises:
            TooManyTurns: after several thousand places where nothing jumps.
        """
        self.turns = 0
        if not self.watches or not len(ways):
            return None
        each = max(ways.shape[2] * 4, 4 * (len(_NODES) + 2) * self.gated.size, 1)
        count = max(1, _AT_ONCE // each)
        with jax.enable_x64(True), np.errstate(all="ignore"):
            for begin in range(0, len(ways), count):
                # One way before, for the corner between.
                some = ways[max(begin - 1, 0) if joined else begin : begin + count]
                found = self._first(some, joined)
                if found is not None:
                    return found._replace(way=found.way + begin - (joined and begin > 0))
        return None

    # ---- what is compiled

    def _pattern(self, way: Any, s: Any) -> Any:
        return self.gated.actual(self.program.leaves(at(way, s)))[2] > 0.5

    def _looked(self, ways: Any, shares: Any) -> tuple[Any, Any]:
        """(shares of each way, among them the given ones, and the pattern at each): between two of
        those that are given there is the one at which some choice is likeliest to turn and to turn
        back, by the cubics through how far each is ahead."""

        def along(pair: Any) -> tuple[Any, Any]:
            way, shares = pair

            def look(s: Any) -> Any:
                keys_at = lambda s: self.gated.actual(self.program.leaves(at(way, s)))[1:]
                keys, rates, taken = jax.jvp(keys_at, (s,), (jnp.ones_like(s),), has_aux=True)
                pattern = taken > 0.5
                return pattern, self._ahead(keys, pattern), self._ahead(rates, pattern)

            patterns, ahead, rates = lax.map(look, shares)
            nearest = jax.vmap(_dip)(shares, jnp.roll(shares, -1), *_pairs(ahead), *_pairs(rates))
            between = nearest[:-1]
            more = lax.map(lambda s: self._pattern(way, s), between)
            order = jnp.argsort(jnp.concatenate([shares, between]))
            joined = jnp.concatenate([patterns, more])[order]
            return jnp.concatenate([shares, between])[order], joined

        return lax.map(along, (ways, shares))

    def _ahead(self, keys: Any, pattern: Any) -> Any:
        """How far what is chosen at each place is ahead of each that is not; infinite for itself.

        Linear in the keys: of their rates it is its rate.
        """
        found = [jnp.zeros(0)]
        for site in self.gated.sites:
            mine = slice(site.start, site.start + site.size)
            key = jnp.reshape(keys[mine], (site.candidates, -1))
            chosen = jnp.reshape(pattern[mine], (site.candidates, -1))
            first = jnp.sum(jnp.where(chosen, key, 0.0), axis=0)
            found.append(jnp.where(chosen, jnp.inf, first - key).reshape(-1))
        return jnp.concatenate(found)

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
            leaves = self.program.leaves(at(way, s))
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
        hair_of = hairs(ways)
        kept = np.flatnonzero((hair_of <= _SHORT) & np.isfinite(ways).all(axis=(1, 2)))
        candidates = list(self._zeros(ways, kept, hair_of)) if self.gated.singular_lines else []
        if self.gated.sites and len(kept):
            # Corners are looked at by themselves; a way by itself has its ends.
            ends = hair_of[kept, None] if joined else -hair_of[kept, None]
            nodes = np.broadcast_to(_NODES, (len(kept), len(_NODES)))
            shares = np.concatenate([ends, nodes, 1 - ends], axis=1)
            shares, patterns = (np.asarray(a) for a in self._looked_at(ways[kept], shares))
            for place, k in enumerate(kept):
                hair = float(hair_of[k])
                at_zero = [zero for zero in candidates if zero.way == k]
                turned = self._on_way(ways, int(k), hair, shares[place], patterns[place])
                both = [found for found in (*at_zero, turned) if found is not None]
                if both:
                    return min(both, key=lambda found: found.share)
                if joined and place + 1 < len(kept):
                    after = int(kept[place + 1])
                    found = self._at_corner(ways, int(k), after, hair_of, patterns[place:])
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
                turned = self._turned(before, after)
                kink = self._kink(k, share, way, *arms(way, share), hair, *turned)
                if kink is not None:
                    return kink
                low, before = share + hair, after
        return None

    def _at_corner(
        self, ways: np.ndarray, k: int, after: int, hair_of: np.ndarray, patterns: np.ndarray
    ) -> Passed | None:
        """Choices that turn just where one way ends and the next begins."""
        before, behind = patterns[0][-1], patterns[1][0]
        if np.array_equal(before, behind):
            return None
        self._count()
        hair = float(max(hair_of[k], hair_of[after]))
        both = (lambda d: at(ways[k], 1 - d)), (lambda d: at(ways[after], d))
        return self._kink(k, 1.0, ways[k], *both, hair, *self._turned(before, behind))

    def _zeros(self, ways: np.ndarray, kept: np.ndarray, hair_of: np.ndarray) -> Iterator[Passed]:
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
            hair = max(float(hair_of[k]), 32 * lowest / rate if rate > 0 else 0.0)
            words = f"a root, or a norm, is at zero: {self.gated.singular_lines[root]}"
            # How near it comes was asked as near as can be: so it is no bend.
            jump = self._derivatives.jump(*arms(ways[k], share), hair)
            if jump is not None:
                yield Passed(k, share, at(ways[k], share), jump, words)

    def _least(self, way: np.ndarray, root: int, rate: float) -> tuple[float, float, float]:
        """(where a root is lowest on a way, how high it is there, how far that may be off).

        A way may be so long that its shares cannot tell a small root from zero: it is cut to ever
        shorter ones.
        """
        share, lowest = (float(a) for a in self._lowest_at(way, root))
        x = at(way, share)
        slope = way[1] + share * (2 * way[2] + share * 3 * way[3])
        width = 1.0
        for _ in range(_CUTS):
            width *= _CUT
            part = straight(np.array([x - width * slope, x + width * slope]))[0]
            s, lower = (float(a) for a in self._lowest_at(part, root))
            if not lower <= lowest:
                break
            x, lowest = at(part, s), lower
        off = EPS * largest(x) / max(largest(slope), 1e-300) + 2.0**-_HALVINGS * width
        return share, lowest, 64 * off * rate

    def _kink(
        self,
        k: int,
        share: float,
        way: np.ndarray,
        left: Arm,
        right: Arm,
        hair: float,
        what: str,
        least: float = ROUNDING,
    ) -> Passed | None:
        jump = self._derivatives.jump(left, right, hair, least)
        if jump is None or not self._derivatives.is_confirmed(jump, way, share, least):
            return None
        return Passed(k, share, at(way, share), jump, what)

    def _turned(self, before: np.ndarray, after: np.ndarray) -> tuple[str, float]:
        """(the choices that turned, below which share of a derivative its change is none).

        What is chosen by a comparison may be one function in two parts, which fit each other to the
        rounding of the user's numbers only; a maximum is continuous by itself.
        """
        kinks = []
        for k in np.flatnonzero(after & ~before):
            for site in self.gated.sites:
                if site.start <= k < site.start + site.size:
                    kinks.append(Kink(site.line, site.name, int((k - site.start) % site.places)))
        kinks = list(dict.fromkeys(kinks))
        words = "; ".join(map(str, kinks[:3]))
        words += f" and {len(kinks) - 3} more" * (len(kinks) > 3)
        rows = [CHOICES.get(kink.primitive) for kink in kinks]  # none for sort and the like
        parts = any(row is not None and not row.continuous for row in rows)
        return words, max(ROUNDING, _FIT * self.program.eps) if parts else ROUNDING

    def _count(self) -> None:
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise TooManyTurns


def _pairs(rows: Any) -> tuple[Any, Any]:
    """Each row and the next."""
    return rows, jnp.roll(rows, -1, axis=0)


def _dip(low: Any, high: Any, ahead: Any, then: Any, rate: Any, rate_then: Any) -> Any:
    """Where between two shares one of many numbers is likeliest to dip below zero, by the cubics
    with these values and rates at both; in the middle where none falls and rises again."""
    length = high - low
    fall, rise, change = rate * length, rate_then * length, then - ahead
    second, third = 3 * change - 2 * fall - rise, fall + rise - 2 * change
    root = jnp.sqrt(jnp.maximum(second**2 - 3 * third * fall, 0.0))
    s = -fall / (second + root)
    depth = ahead + s * (fall + s * (second + s * third))
    dips = (fall < 0) & (rise > 0) & (s > 0) & (s < 1)
    depth = jnp.where(dips, depth / jnp.maximum(ahead, then), jnp.inf)
    deepest = jnp.argmin(jnp.where(jnp.isnan(depth), jnp.inf, depth))
    s = jnp.where(jnp.isfinite(depth[deepest]), s[deepest], 0.5)
    return low + s * length
