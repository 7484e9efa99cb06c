"""The list of laws in closed form, as it grows: only what is conserved, and independent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from steepest.laws._candidates import Sample, Terms
from steepest.laws._law import Law, short_name
from steepest.laws._model import Model
from steepest.laws._rank import independent

_TOLERANCE = 1e-12  # of the sizes of what is summed
_LARGEST = 50_000_000  # numbers in the gradients of all laws


class Explicit:
    """Laws with independent gradients at a generic point.

    Args:
        model: whose laws.
        point: generic, near the parameters.
        near, far: samples of points and fields near the parameters, and anywhere; None where there
            is no way to verify.
    """

    def __init__(self, model: Model, point: np.ndarray, near: Sample | None, far: Sample | None):
        self.laws: list[Law] = []
        self._leaves = model.leaves(point)
        self._names = tuple(map(short_name, model.point.names))
        self._shapes = tuple(np.shape(leaf) for leaf in model.point.leaves)
        self._basis = np.zeros((0, len(point)))
        self._near, self._far, self._count = near, far, model.enough

    def __len__(self) -> int:
        return len(self.laws)

    def add_proved(self, candidates: Iterable[Terms], evidence: str) -> None:
        """Laws of which a rule says that they are conserved whatever the parameters.

        They must be independent of each other: where there are too many parameters to look at
        gradients, that is relied upon.
        """
        laws = [self._law(terms, evidence, True) for terms in candidates]
        if self._fits(laws):
            self._add(laws)
        elif not self.laws:
            self.laws += laws

    def add_tested(
        self, candidates: Iterable[Terms], evidence: str, *, unused: bool = False
    ) -> None:
        """Candidates, of which those stay that are conserved at fresh random points and inputs.

        unused: what they are made of does not move at all; of others that is no test.
        """
        laws = [self._law(terms, evidence, False) for terms in candidates]
        if not self._fits(laws):
            return
        near = self._hold(laws, self._near, unused)
        laws = self._add([law for law, holds in zip(laws, near, strict=True) if holds])
        far = self._far is self._near
        kept = [True] * len(laws) if far else self._hold(laws, self._far, unused)
        self.laws[len(self.laws) - len(laws) :] = [
            self._law(law.terms, law.evidence, everywhere)
            for law, everywhere in zip(laws, kept, strict=True)
        ]

    def _law(self, terms: Terms, evidence: str, everywhere: bool) -> Law:
        return Law(terms, evidence, everywhere, self._names, self._shapes)

    def _hold(self, laws: Sequence[Law], sample: Sample | None, unused: bool) -> list[bool]:
        if sample is None or not laws:
            return [False] * len(laws)
        points, moves = sample(self._count)
        if len(points[0]) < self._count:
            return [False] * len(laws)
        found = []
        for law in laws:
            rate, size = law.rate(points, moves)
            tested = unused or bool(np.any(size > 0))
            found.append(tested and bool(np.all(np.abs(rate) <= _TOLERANCE * size)))
        return found

    def _fits(self, laws: Sequence[Law]) -> bool:
        count = len(laws) + max(len(self.laws), len(self._basis))
        return count * self._basis.shape[1] <= _LARGEST

    def _add(self, laws: list[Law]) -> list[Law]:
        """Those of the laws that are independent of what is there, added."""
        known = {repr(law.terms) for law in self.laws}
        laws = [law for law in laws if repr(law.terms) not in known]
        if not laws:
            return []
        more = np.stack([law.gradient(self._leaves) for law in laws])
        chosen, self._basis = independent(self._basis, more)
        added = [laws[i] for i in chosen]
        self.laws += added
        return added
