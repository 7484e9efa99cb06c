"""Degrees as linear forms in unknown exponents.

Scale each parameter (a leaf, or a slice of one) by its own factor c^u, with an unknown exponent u
for each. A quantity that then scales by c^e has the *degree* e, a linear form in the unknowns with
rational coefficients: the abelian group that units of measure form (Kennedy 1996). Setting all
unknowns to 1 gives the joint degree, one of them to 1 and the others to 0 the degree in a leaf
alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

Coefficient = int | Fraction


class Form:
    """An immutable linear form Σ coefficient · unknown, the unknowns numbered."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[int, Coefficient]):
        self.terms = terms
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Form) and self.terms == other.terms

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __bool__(self) -> bool:
        """Whether it is not the zero form."""
        return bool(self.terms)

    def __add__(self, other: Form) -> Form:
        if not other.terms:
            return self
        if not self.terms:
            return other
        return _sum(self.terms, other.terms, 1)

    def __sub__(self, other: Form) -> Form:
        return _sum(self.terms, other.terms, -1) if other.terms else self

    def __mul__(self, factor: Coefficient) -> Form:
        if factor == 1 or not self.terms:
            return self
        if factor == 0:
            return ZERO
        return Form({u: c * factor for u, c in self.terms.items()})

    def at(self, chosen: Collection[int]) -> Coefficient:
        """Its value where these unknowns are 1 and the others are 0."""
        return sum(c for u, c in self.terms.items() if u in chosen)

    def __repr__(self) -> str:
        return " + ".join(f"{c}·u{u}" for u, c in sorted(self.terms.items())) or "0"


def _sum(a: Mapping[int, Coefficient], b: Mapping[int, Coefficient], sign: int) -> Form:
    terms = dict(a)
    for unknown, c in b.items():
        left = terms.get(unknown, 0) + sign * c
        if left:
            terms[unknown] = left
        else:
            del terms[unknown]
    return Form(terms) if terms else ZERO


def unknown(number: int) -> Form:
    """The form that is this unknown."""
    return Form({number: 1})


ZERO = Form({})
