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
        moves: which of the pairs are real.
    """

    weights: np.ndarray
    active: np.ndarray
    base: np.ndarray
    other: np.ndarray
    held: np.ndarray
    leads: np.ndarray
    moves: np.ndarray


@dataclass(frozen=True)
class Mode:
    """See the module. A place with several active candidates slides on their tie.

    Attributes:
        gated: the program.
        weights, active: see `Arguments`.
        joined: choices that turn together, on one surface: the candidates on its one side and
            those on the other, first those of the choice that stands for all.
    """

    gated: Gated
    weights: np.ndarray
    active: np.ndarray
    joined: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()

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
                found += [(int(entry), int(gate)) for entry in entries]
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

    @staticmethod
    def table(array: np.ndarray, site: Site) -> np.ndarray:
        """An array over all candidates, those of one site: (m, places)."""
        return array[site.start : site.start + site.size].reshape(site.candidates, site.places)

    @cached_property
    def arguments(self) -> Arguments:
        """Padded to 4, 16 or 64 pairs, or more, so that one or two sizes are ever compiled."""
        led = [
            (i, *pair)
            for i, (base, other) in enumerate(self.pairs)
            for pair in zip(self.together(base)[1:], self.together(other)[1:], strict=False)
        ]
        count = len(self.pairs) + len(led)
        room = 4 ** int(np.ceil(np.log(max(count, 4)) / np.log(4) - 1e-12))
        room = max(room, min(self.gated.most_held, 64)) if self.gated.most_held else 0
        padded = np.zeros((2, room), int)
        leads = np.arange(room)
        if count:
            padded[:, :count] = np.array([*self.pairs, *(pair for _, *pair in led)]).T
            leads[len(self.pairs) : count] = [leader for leader, *_ in led]
        held, moves = np.arange(room) < len(self.pairs), np.arange(room) < count
        return Arguments(self.weights, self.active, padded[0], padded[1], held, leads, moves)

    def replaced(self, weights: np.ndarray, active: np.ndarray) -> Mode:
        """With other weights and candidates, all else as it is."""
        return replace(self, weights=weights, active=active)

    def with_weights(self, weights: np.ndarray) -> Mode:
        return replace(self, weights=weights)

    def crossed(self, winner: int, other: int) -> Mode:
        """`other` taken in place of `winner`."""
        weights, active = self.weights.copy(), self.active.copy()
        for before, after in zip(self.together(winner), self.together(other), strict=True):
            weights[after], active[after] = weights[before], True
            weights[before], active[before] = 0.0, False
        return replace(self, weights=weights, active=active)

    def sliding(self, other: int) -> Mode:
        """`other` held beside what is active at its place."""
        active = self.active.copy()
        active[list(self.together(other))] = True
        return replace(self, active=active)

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
        return replace(self, weights=weights, active=active)

    def with_norm(self, gate: int, *, held: bool) -> Mode:
        """The norm of this gate held at zero, or not."""
        weights, active = self.weights.copy(), self.active.copy()
        entries = self.place_of(gate)[2][:-1]
        weights[entries], active[entries] = 0.0, held
        weights[gate], active[gate] = float(not held), not held
        return replace(self, weights=weights, active=active)

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
