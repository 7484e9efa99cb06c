"""A mode of a flow: which candidate of each choice is taken, and which are held tied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from steepest.pieces._gated import Gated
from steepest.pieces._sites import Site


class Arguments(NamedTuple):
    """A mode as arrays of fixed shapes: what the compiled functions are handed.

    Attributes:
        weights: of all candidates.
        active: which candidates are taken or held.
        base, other: pairs of candidates whose keys are held equal and, after them, the pairs that
            go with these; padded.
        held: which of the pairs are held for themselves.
        leads: for each pair, the place of the one that it goes with, its own for those held.
        moves: which of the pairs are held, or go with one.
        implied: which stay tied with those that are held.
    """

    weights: np.ndarray
    active: np.ndarray
    base: np.ndarray
    other: np.ndarray
    held: np.ndarray
    leads: np.ndarray
    moves: np.ndarray
    implied: np.ndarray


@dataclass(frozen=True)
class Mode:
    """See the module. A place with several active candidates slides on their tie.

    Attributes:
        gated: the program.
        weights, active: see `Arguments`.
        joined: choices that turn together, on one surface: the candidates on its one side and
            those on the other, first those of the choice that stands for all.
        implied: pairs that stay tied with the others, since their gradients depend on those of the
            others. They are not held for themselves: in the states within a step, off the ties,
            their gradients would seem to hold more.
    """

    gated: Gated
    weights: np.ndarray
    active: np.ndarray
    joined: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    implied: frozenset[tuple[int, int]] = frozenset()

    def together(self, candidate: int) -> tuple[int, ...]:
        """A candidate, and those that go with it."""
        for sides in self.joined:
            for side in sides:
                if candidate == side[0]:
                    return side
        return (candidate,)

    @cached_property
    def led(self) -> frozenset[int]:
        """The candidates that go with others."""
        return frozenset(k for sides in self.joined for side in sides for k in side[1:])

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """(base, other) of every place that slides for itself, among all candidates."""
        found: list[tuple[int, int]] = []
        for site in self.gated.sites:
            table = self.table(self.active, site)
            for place in np.flatnonzero(table.sum(axis=0) > 1):
                candidates = np.flatnonzero(table[:, place])
                base, *others = (int(site.start + k * site.places + place) for k in candidates)
                if base not in self.led:
                    found += [(base, other) for other in others]
        for norm in self.gated.norms:
            for place in np.flatnonzero(~self.active[norm.gates]):
                gate = norm.gates.start + place
                entries = range(norm.start + place, norm.gates.start, norm.places)
                found += [(int(entry), int(gate)) for entry in entries if self.active[entry]]
        return found

    @cached_property
    def choices(self) -> list[int]:
        """The candidates that are held tied, norms apart."""
        return sorted({k for pair in self.pairs for k in pair if self.gated.is_choice[k]})

    @property
    def norms(self) -> list[tuple[int, list[int]]]:
        """(gate, entries) of every norm that is held at zero."""
        found: dict[int, list[int]] = {}
        for entry, gate in self.pairs:
            if not self.gated.is_choice[gate]:
                found.setdefault(gate, []).append(entry)
        return list(found.items())

    def open_norms(self, keys: np.ndarray) -> dict[int, np.ndarray]:
        """What each norm that is not held is taken of, by its gate."""
        found = {}
        for norm in self.gated.norms:
            entries = keys[norm.start : norm.gates.start].reshape(norm.candidates, -1)
            for place in np.flatnonzero(self.active[norm.gates]):
                found[int(norm.gates.start + place)] = entries[:, place]
        return found

    @staticmethod
    def table(array: np.ndarray, site: Site) -> np.ndarray:
        """An array over all candidates, those of one site: (m, places)."""
        return array[site.start : site.start + site.size].reshape(site.candidates, site.places)

    @cached_property
    def arguments(self) -> Arguments:
        """Padded to 4, 16 or 64 pairs, or more, so that one or two sizes are ever compiled."""
        alone = [pair for pair in self.pairs if pair not in self.implied]
        led = [
            (i, *pair)
            for i, (base, other) in enumerate(alone)
            for pair in zip(self.together(base)[1:], self.together(other)[1:], strict=False)
        ]
        moving, count = len(alone) + len(led), len(self.pairs) + len(led)
        room = 4 ** int(np.ceil(np.log(max(count, 4)) / np.log(4) - 1e-12))
        room = max(room, min(self.gated.most_held, 64)) if self.gated.most_held else 0
        padded, places = np.zeros((2, room), int), np.arange(room)
        leads = places.copy()
        if count:
            padded[:, :count] = np.array([*alone, *(pair for _, *pair in led), *self.implied]).T
            leads[len(alone) : moving] = [leader for leader, *_ in led]
        return Arguments(
            weights=self.weights,
            active=self.active,
            base=padded[0],
            other=padded[1],
            held=places < len(alone),
            leads=leads,
            moves=places < moving,
            implied=(places >= moving) & (places < count),
        )

    def replaced(self, weights: np.ndarray, active: np.ndarray) -> Mode:
        """With other weights and candidates, all else as it is."""
        return replace(self, weights=weights, active=active)

    def with_weights(self, weights: np.ndarray) -> Mode:
        return replace(self, weights=weights)

    def mixing(self, weights: np.ndarray) -> Mode:
        """With weights, and what is out of their bounds or sums by rounding taken away."""
        found = np.where(self.active, weights, 0.0)
        for site in self.gated.sites:
            mine = self.table(found, site)
            np.clip(mine, 0, 1, out=mine)
            mine /= mine.sum(axis=0)
        return self.with_weights(found)

    def explicit(self) -> Mode:
        """The mode in which every pair is held for itself."""
        return replace(self, implied=frozenset()) if self.implied else self

    def crossed(self, winner: int, other: int) -> Mode:
        """`other` taken in place of `winner`."""
        weights, active = self.weights.copy(), self.active.copy()
        for before, after in zip(self.together(winner), self.together(other), strict=True):
            weights[after], active[after] = weights[before], True
            weights[before], active[before] = 0.0, False
        return self._turned(weights, active)

    def sliding(self, other: int) -> Mode:
        """`other` held beside what is active at its place."""
        active = self.active.copy()
        active[list(self.together(other))] = True
        return self._turned(self.weights, active)

    def shifted(self, weights: np.ndarray, base: int, other: int, by: float) -> None:
        """Move so much of the weight of `base` to `other`, in place."""
        weights[list(self.together(base))] -= by
        if self.gated.is_choice[other]:
            weights[list(self.together(other))] += by

    def apart(self) -> Mode:
        """The mode in which only choices that are held turn together."""
        kept = [sides for sides in self.joined if all(self.active[side[0]] for side in sides)]
        return replace(self, joined=tuple(kept))

    def released(self, candidate: int) -> Mode:
        """`candidate` no longer held; its weight goes to the rest of its place."""
        weights, active = self.weights.copy(), self.active.copy()
        for each in self.together(candidate):
            active[each] = False
            rest = [k for k in self.members(each) if k != each]
            total = weights[rest].sum()
            weights[rest] = weights[rest] / total if total > 0 else 1 / len(rest)
            weights[each] = 0.0
        return self._turned(weights, active)

    def with_norm(self, gate: int, *, held: bool) -> Mode:
        """The norm of this gate held at zero, or not."""
        weights, active = self.weights.copy(), self.active.copy()
        entries = self.place_of(gate)[2][:-1]
        weights[entries], active[entries] = 0.0, held
        weights[gate], active[gate] = float(not held), not held
        return self._turned(weights, active)

    def without_norm(self, gate: int) -> Mode:
        """The norm of this gate taken as 0, and not held there."""
        mode = self.with_norm(gate, held=True)
        active = mode.active.copy()
        active[mode.place_of(gate)[2]] = False
        return replace(mode, active=active)

    def _turned(self, weights: np.ndarray, active: np.ndarray) -> Mode:
        """What is implied by other pairs is not known then."""
        return replace(self, weights=weights, active=active, implied=frozenset())

    def members(self, candidate: int) -> list[int]:
        """The active candidates at the place of this one."""
        return [k for k in self.place_of(candidate)[2] if self.active[k]]

    def place_of(self, candidate: int) -> tuple[Site, int, list[int]]:
        """The site and place of a candidate, and all candidates of the place, a gate the last."""
        for site in self.gated.all_sites:
            if site.start <= candidate < site.start + site.size:
                place = (candidate - site.start) % site.places
                return (
                    site,
                    place,
                    list(range(site.start + place, site.start + site.size, site.places)),
                )
        raise IndexError(candidate)


def own_mode(gated: Gated, weights: Any) -> Mode:
    """The mode that the program itself is in."""
    weights = np.array(weights, np.float64)
    return Mode(gated, weights, weights > 0)
