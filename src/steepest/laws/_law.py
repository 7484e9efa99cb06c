"""A conservation law in closed form: a sum of terms, each a linear or quadratic form of params."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from steepest.errors import ArgumentError
from steepest.inputs import as_point

Index = tuple[int | slice, ...]
Rate = tuple[np.ndarray, np.ndarray]
_LONGEST = 12  # terms that are written out


class Part(NamedTuple):
    """Some entries of a leaf, by NumPy's basic indexing: all of it, a slice, or one entry."""

    leaf: int
    place: Index = ()

    def of(self, leaves: Sequence[Any]) -> Any:
        return leaves[self.leaf][self.place]

    def of_each(self, stacks: Sequence[np.ndarray]) -> np.ndarray:
        """From leaves with one leading axis, as rows."""
        part = stacks[self.leaf][(slice(None), *self.place)]
        return part.reshape(len(part), -1)


@dataclass(frozen=True)
class Term:
    """coefficient · ⟨left, right⟩, or coefficient · Σ left where there is no right.

    The two parts have one shape.
    """

    coefficient: Fraction
    left: Part
    right: Part | None = None

    def value(self, leaves: Sequence[Any]) -> Any:
        a = self.left.of(leaves)
        if self.right is None:
            total = jnp.sum(a)
        elif self.right == self.left:
            total = jnp.sum(jax.lax.square(a))
        else:
            total = jnp.sum(a * self.right.of(leaves))
        return float(self.coefficient) * total

    def rate(self, points: Sequence[np.ndarray], moves: Sequence[np.ndarray]) -> Rate:
        """Its derivative at each point along each move, and Σ of the sizes of what is summed."""
        c = float(self.coefficient)
        pieces = [self.left.of_each(moves)]
        if self.right is not None:
            pieces = [
                self.right.of_each(points) * self.left.of_each(moves),
                self.left.of_each(points) * self.right.of_each(moves),
            ]
        total = np.sum([piece.sum(1) for piece in pieces], 0)
        return c * total, abs(c) * np.sum([np.abs(piece).sum(1) for piece in pieces], 0)

    def add_gradient(self, leaves: Sequence[np.ndarray], gradient: Sequence[np.ndarray]) -> None:
        c = float(self.coefficient)
        if self.right is None:
            gradient[self.left.leaf][self.left.place] += c
            return
        gradient[self.left.leaf][self.left.place] += c * self.right.of(leaves)
        gradient[self.right.leaf][self.right.place] += c * self.left.of(leaves)


@dataclass(frozen=True, eq=False)  # hashed as the object that it is, as jit does
class Law:
    """A number that gradient flow keeps: `law(params)`, a scalar, under jit and as a monitor.

    `str(law)` is its closed form.

    Attributes:
        terms: what it is the sum of.
        evidence: what says that it is conserved.
        everywhere: whether it is for all parameters, or only for those near the given ones.
    """

    terms: tuple[Term, ...]
    evidence: str
    everywhere: bool
    names: tuple[str, ...] = field(repr=False)
    shapes: tuple[tuple[int, ...], ...] = field(repr=False)

    def __call__(self, params: PyTree) -> Float[Array, ""]:
        """The conserved number, summed in float32 at least.

        Raises:
            ArgumentError: params do not have the shapes that the law was found for.
        """
        leaves = [
            jnp.asarray(leaf) for leaf in as_point(params, name="params", finite=False).leaves
        ]
        shapes = tuple(leaf.shape for leaf in leaves)
        if shapes != self.shapes:
            raise ArgumentError(
                f"params has leaves of shapes {list(shapes)}; the law is for {list(self.shapes)}."
            )
        wide = jnp.promote_types(jnp.result_type(*leaves), jnp.float32)
        leaves = [leaf.astype(wide) for leaf in leaves]
        return jnp.sum(jnp.stack([term.value(leaves) for term in self.terms]))

    def __str__(self) -> str:
        return _as_products(self) or _joined(self._written())

    def _written(self) -> Iterator[tuple[Fraction, str]]:
        for term in self.terms:
            yield term.coefficient, _written(term, self.names, self.shapes)

    def rate(self, points: Sequence[np.ndarray], moves: Sequence[np.ndarray]) -> Rate:
        rates = [term.rate(points, moves) for term in self.terms]
        return np.sum([r for r, _ in rates], 0), np.sum([m for _, m in rates], 0)

    def gradient(self, leaves: Sequence[np.ndarray]) -> np.ndarray:
        """∇ of the law as one vector."""
        total = [np.zeros(np.shape(leaf)) for leaf in leaves]
        for term in self.terms:
            term.add_gradient(leaves, total)
        return np.concatenate([t.ravel() for t in total])


def short_name(name: str) -> str:
    """`params['layer'][0].W` as `layer[0].W`; what begins with a number keeps `params`."""
    name = re.sub(r"\['([^\W\d]\w*)'\]", r".\1", name).removeprefix("params")
    return name[1:] if name.startswith(".") else f"params{name}"


def along(leaf: int, shape: Sequence[int], axis: int | None, index: int | None) -> Part:
    """One index along one axis; the whole leaf where the axis is None."""
    if axis is None or index is None:
        return Part(leaf)
    place: list[int | slice] = [slice(None)] * len(shape)
    place[axis] = index
    return Part(leaf, tuple(place))


def in_whole_numbers(coefficients: Sequence[Fraction]) -> list[Fraction]:
    """The same up to a factor, whole and without a common divisor, the first one positive."""
    denominator = np.lcm.reduce([c.denominator for c in coefficients])
    whole = [int(c * int(denominator)) for c in coefficients]
    factor = int(np.gcd.reduce(whole)) * (1 if whole[0] > 0 else -1)
    return [Fraction(w, factor) for w in whole]


def positive_first(terms: Sequence[Term]) -> tuple[Term, ...]:
    """The same terms, those that are subtracted last."""
    return tuple(sorted(terms, key=lambda term: term.coefficient < 0))


# ---- in words


def _place(part: Part, names: Sequence[str]) -> str:
    if not part.place:
        return names[part.leaf]
    marks = ",".join(":" if isinstance(i, slice) else str(i) for i in part.place)
    return f"{names[part.leaf]}[{marks}]"


def _written(term: Term, names: Sequence[str], shapes: Sequence[Any]) -> str:
    left = _place(term.left, names)
    one = _is_number(term.left, shapes)
    if term.right is None:
        return left if one else f"Σ{left}"
    if term.right == term.left:
        return f"{left}²" if one else f"‖{left}‖²"
    right = _place(term.right, names)
    return f"{left}·{right}" if one else f"⟨{left}, {right}⟩"


def _is_number(part: Part, shapes: Sequence[Any]) -> bool:
    rank = len(shapes[part.leaf])
    return len(part.place) == rank and not any(isinstance(i, slice) for i in part.place)


def _as_products(law: Law) -> str | None:
    """`(W1 W1ᵀ − W2ᵀ W2)[0,1]`: where every term is one entry of a matrix by its transpose."""
    products: list[tuple[Fraction, str]] = []
    places: set[tuple[int, int]] = set()
    for term in law.terms:
        pair = None if term.right is None else (term.left, term.right)
        if pair is None or pair[0] == pair[1] or pair[0].leaf != pair[1].leaf:
            return None
        rank, name = len(law.shapes[pair[0].leaf]), law.names[pair[0].leaf]
        axes = [[k for k, i in enumerate(p.place) if not isinstance(i, slice)] for p in pair]
        if rank not in (1, 2) or axes[0] != axes[1] or len(axes[0]) != 1:
            return None
        (axis,) = axes[0]
        a, b = (p.place[axis] for p in pair)
        places.add((int(a), int(b)))  # pyright: ignore[reportArgumentType]
        products.append((term.coefficient, f"{name}ᵀ {name}" if axis else f"{name} {name}ᵀ"))
    if len(places) != 1:
        return None
    ((a, b),) = places
    return f"({_joined(iter(products))})[{a},{b}]"


def _joined(terms: Iterator[tuple[Fraction, str]]) -> str:
    words = ""
    listed = list(terms)
    for k, (coefficient, what) in enumerate(listed[:_LONGEST]):
        sign = "−" if coefficient < 0 else "+"
        size = "" if abs(coefficient) == 1 else f"{abs(coefficient)} "
        words += f" {sign} {size}{what}" if k else f"{'−' if coefficient < 0 else ''}{size}{what}"
    if len(listed) > _LONGEST:
        words += f" + … ({len(listed)} terms)"
    return words
