"""What ties along a polygonal solution: the places, their weights, and what hangs together.

Places that tie and see the same variables are one *component*; the least-norm element of ∂f(x) is
taken component by component.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from steepest.flow._incidence import Incidence, distinct
from steepest.flow._least_slope import LeastSlope, least_slope
from steepest.flow._simple_ties import Component, by_closed_form

_TIE = 8 * float(np.finfo(np.float64).eps)
_ROUNDING = 1e-15  # a tie that is missed by less is not mended
_ZERO = 1e-13  # a slope below this share of its terms is zero
_DENSE = 100_000  # candidates × variables of a component, up to which its rows are kept dense


class Ties:
    """At each place the candidates that are taken: one, or several that tie.

    Attributes:
        tied: for each candidate, whether it is.
        weights: of the candidates in the element of ∂f that the state follows.
        number: of tied candidates at each place.
        slot: of each variable, its position in the component that is being decided.
        before: place → the candidates taken before the present instant, where they changed.
    """

    def __init__(self, incidence: Incidence, start: np.ndarray):
        inc = self.inc = incidence
        rows, constants = inc.program.rows, inc.program.constants
        keys = rows @ start + constants
        sizes = abs(rows) @ np.abs(start) + np.abs(constants)
        largest = np.zeros(0)
        if inc.places:
            largest = np.maximum.reduceat(keys, inc.first[:-1])
        gaps = largest[inc.place] - keys
        near = np.zeros(0) if not inc.places else np.maximum.reduceat(sizes, inc.first[:-1])
        self.tied = gaps <= _TIE * near[inc.place]
        self.number = np.bincount(inc.place[self.tied], minlength=inc.places)
        self.weights = np.where(self.tied, 1.0 / np.maximum(self.number, 1)[inc.place], 0.0)
        own = np.flatnonzero(gaps == 0)
        own = own[np.append(True, np.diff(inc.place[own]) > 0)] if len(own) else own
        self.before: dict[int, tuple[int, ...]]
        self.before = {int(p): (int(own[p]),) for p in np.flatnonzero(self.number > 1)}
        self._component = np.full(inc.dimension, -1)
        self._components: dict[int, Component] = {}
        self._made = 0
        self.slot = np.zeros(inc.dimension, int)
        for component in self._split(np.flatnonzero(self.number > 1)):
            self.enter(component)

    @property
    def components(self) -> list[Component]:
        return list(self._components.values())

    def at(self, place: int) -> tuple[int, ...]:
        """The candidates taken at a place."""
        begin, end = self.inc.first[place], self.inc.first[place + 1]
        return tuple((self.tied[begin:end].nonzero()[0] + begin).tolist())

    def is_open(self, places: np.ndarray) -> np.ndarray:
        """Whether a candidate could still catch up."""
        return self.number[places] < self.inc.first[places + 1] - self.inc.first[places]

    def join(self, place: int, hits: np.ndarray) -> int:
        """Let some candidates of a place tie, too; a variable of the component that they are in."""
        self.before.setdefault(place, self.at(place))
        alone = self.number[place] == 1
        self.tied[hits] = True
        candidates = np.asarray(self.at(place))
        self.number[place] = len(candidates)
        seen = distinct(self.inc.entries(candidates)[1])
        of = self._component[seen]
        parts = [self._components.pop(k) for k in {*of[of >= 0].tolist()}]
        variables = np.sort(np.concatenate([seen[of < 0], *(part.variables for part in parts)]))
        own = np.array([place] if alone else [], int)
        places = np.sort(np.concatenate([own, *(part.places for part in parts)]))
        self.enter(Component(variables, places))
        return int(seen[0])

    def components_of(self, variables: list[int]) -> list[Component]:
        """The components that some variables are in, each once."""
        return [self._components[k] for k in {*self._component[variables].tolist()}]

    def decide(self, component: Component, x: np.ndarray, hits: Any = ()) -> tuple[Any, Any]:
        """(the slope, the state put on its ties) of a component's variables.

        The candidates' weights and what ties from here on are kept.

        Args:
            component: one of those at present.
            x: the state of its variables.
            hits: candidates that have just come to tie.

        Raises:
            NoEnd: no least-norm element was found.
        """
        inc, (variables, places) = self.inc, component
        self._components.pop(int(self._component[variables[0]]))
        self.slot[variables] = np.arange(len(variables))
        known = by_closed_form(self, component, x)
        if known is not None:
            return known
        candidates = inc.candidates(places)
        candidates = candidates[self.tied[candidates]]
        of = inc.place[candidates]
        starts = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
        rows = self._rows(candidates, variables)
        weights = self.weights[candidates]
        free = weights > 0
        if len(candidates) - len(places) < len(variables):  # perhaps all can be held
            free[:] = True
        elif len(hits):
            free |= np.isin(candidates, hits)
        self.weights[candidates] = 0.0
        fixed = inc.slope(variables, self.weights)
        noise = np.maximum.reduceat(inc.noise[candidates], starts)
        room = np.repeat(noise, np.diff(np.append(starts, len(candidates))))
        found = least_slope(rows, starts, weights, fixed, free, room)
        for place in distinct(of[~found.tied]).tolist():
            self.before.setdefault(place, self.at(place))
        self.weights[candidates], self.tied[candidates] = found.weights, found.tied
        groups = self._regroup(component, of[found.tied])
        slope, x = self._mended(component, groups, candidates, found, x)
        return self.rounded(variables, slope), x

    def leave(self, variables: np.ndarray) -> None:
        """These are in no component any more."""
        self._component[variables] = -1

    def enter(self, component: Component) -> None:
        """These are one component from here on."""
        self._components[self._made] = component
        self._component[component.variables] = self._made
        self._made += 1

    def rounded(self, variables: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """A slope of some variables, with 0 for what is rounding of its terms."""
        return np.where(np.abs(slope) <= _ZERO * self.inc.size[variables], 0.0, slope)

    def _regroup(self, component: Component, of: np.ndarray) -> np.ndarray:
        """Make components of what still ties (`of`: the places, once for each tied candidate).

        Returns for each of the variables the number of its group.
        """
        variables, places = component
        before = self.number[places]
        self.number[places] = 0
        np.add.at(self.number, of, 1)
        if np.array_equal(self.number[places], before):
            self.enter(component)
            return np.zeros(len(variables), int)
        self.leave(variables)
        parts = self._split(places[self.number[places] > 1])
        groups = len(parts) + np.arange(len(variables))
        for k, part in enumerate(parts):
            self.enter(part)
            groups[self.slot[part.variables]] = k
        return groups

    def _split(self, places: np.ndarray) -> list[Component]:
        """Places that tie as components."""
        if not len(places):
            return []
        candidates = self.inc.candidates(places)
        candidates = candidates[self.tied[candidates]]
        which, seen, _ = self.inc.entries(candidates)
        variables, seen = np.unique(seen, return_inverse=True)
        of = np.searchsorted(places, self.inc.place[candidates[which]])
        count = len(places) + len(variables)
        graph = sp.coo_array((np.ones(len(of)), (of, len(places) + seen)), shape=(count, count))
        from scipy.sparse.csgraph import connected_components  # here, since it is slow to import

        number, label = connected_components(graph, directed=False)
        cut = lambda items, label: np.split(
            items[np.argsort(label, kind="stable")], np.cumsum(np.bincount(label, minlength=number))
        )[:-1]
        of_variables = cut(variables, label[len(places) :])
        of_places = cut(places, label[: len(places)])
        return [Component(*both) for both in zip(of_variables, of_places, strict=True)]

    def _rows(self, candidates: np.ndarray, variables: np.ndarray) -> Any:
        """The candidates' rows on these variables."""
        which, seen, entries = self.inc.entries(candidates)
        shape = (len(candidates), len(variables))
        if shape[0] * shape[1] > _DENSE:
            return sp.csr_array((entries, (which, self.slot[seen])), shape=shape)
        rows = np.zeros(shape)
        rows[which, self.slot[seen]] = entries
        return rows

    def _mended(
        self,
        component: Component,
        groups: np.ndarray,
        candidates: np.ndarray,
        found: LeastSlope,
        x: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slope and state without the rounding that would let ties drift apart.

        Where all ties hold two variables equal, or one at zero, each group of variables held
        together has one slope and one state, exactly.
        """
        inc = self.inc
        places = component.places[self.number[component.places] > 1]
        if np.all(inc.equates[places] | inc.single[places]):
            sizes = np.maximum(np.bincount(groups), 1)
            mean = lambda v: (np.bincount(groups, v) / sizes)[groups]
            grounded = np.zeros(len(sizes), bool)
            single = inc.first[places[inc.single[places]]] + 1
            grounded[groups[self.slot[inc.entries(single)[1]]]] = True
            zero = grounded[groups]
            return np.where(zero, 0.0, mean(found.slope)), np.where(zero, 0.0, mean(x))
        if found.face is not None:
            constants = inc.program.constants[candidates]
            gaps = found.face.rows @ x + constants[found.held] - constants[found.base]
            size = abs(found.face.rows) @ np.abs(x) + np.abs(constants[found.held])
            if np.any(np.abs(gaps) > _ROUNDING * size):
                x = x + found.face.correction(gaps)
        return found.slope, x
