"""The Clarke differential as an object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from steepest.convex import ConvexSet, Empty
from steepest.errors import ArgumentError, NotExactError
from steepest.inputs import Point

_ONE = 1e-12  # how far apart gradients of one piece may be by rounding


@dataclass(frozen=True)
class Piece:
    """A smooth piece that touches x.

    Attributes:
        pattern: what each tied choice does on it, by "primitive at line [place]".
        direction: a direction from x into the piece (pytree like x): f is smooth on x + t·direction
            for small t > 0, and the gradients there converge to `gradient`.
        gradient: the piece's gradient at x, shape (d,).
    """

    pattern: tuple[tuple[str, int], ...]
    direction: PyTree
    gradient: Float[np.ndarray, " d"]


@dataclass(frozen=True)
class ClarkeDifferential:
    """∂f(x) = conv{lim ∇f(x_k) : x_k → x, f differentiable at x_k} (Clarke 1983).

    Attributes:
        inner, outer: convex sets with inner ⊆ ∂f(x) ⊆ outer; the same set where `exact`. `inner`
            holds gradients of proved pieces only and may be empty, `outer` may be all of R^d.
        exact: whether the set is proved.
        evidence: what the proof rests on, or why there is none.
        sampled: the hull of sampled gradients, where sampling was asked for or had to do; neither
            inner nor outer.
        value: f(x).
        lines: the lines of the program that are tied at x.
        stats: counts: ties, linear programs, walks.
    """

    inner: ConvexSet
    outer: ConvexSet
    exact: bool
    evidence: str
    point: Point = field(repr=False)
    value: float = 0.0
    lines: tuple[str, ...] = ()
    sampled: ConvexSet | None = None
    stats: dict[str, int] = field(default_factory=dict)
    _list_pieces: Callable[[], tuple[Piece, ...]] = field(default=tuple, repr=False)

    @property
    def set(self) -> ConvexSet:
        """The set itself.

        Raises:
            NotExactError: it is only bracketed.
        """
        if not self.exact:
            raise NotExactError(
                f"this Clarke differential is not exact ({self.evidence}); ask its `inner` and "
                "`outer`, which bracket it, or `contains` and `is_stationary`, which may answer "
                "None."
            )
        return self.inner

    @property
    def vertices(self) -> Float[np.ndarray, "k d"]:
        """Extreme points, flattened like x in the order of `ravel_pytree`.

        They are told apart to 1e-11 of the set's size, and so are the directions in which it
        extends: one that is shorter than that beside the longest is left out.

        Raises:
            NotExactError: the set is only bracketed.
            TooManyPiecesError: the set is round, or its extreme points are too many to list.
        """
        return self.set.vertices

    def min_norm(self) -> PyTree:
        """The element of least norm, a pytree like x; minus it is the steepest descent direction.

        Raises:
            NotExactError: the set is only bracketed.
        """
        return unflatten(self.point, self.set.min_norm())

    def support(self, direction: PyTree) -> float:
        """max ⟨s, direction⟩ over s ∈ ∂f(x), the generalised directional derivative f°(x; d).

        Raises:
            NotExactError: the set is only bracketed.
        """
        return self.set.support(flatten(self.point, direction, "direction"))

    def contains(self, s: PyTree, tol: float = 1e-8) -> bool | None:
        """Whether s is a subgradient, up to `tol` (1 + ‖s‖), or 8 eps (1 + ‖s‖) where s is in a
        precision with an eps as large; None where the bracket does not tell.

        `distance` has no tolerance.
        """
        flat = flatten(self.point, s, "s")
        dtypes = [getattr(leaf, "dtype", np.float64) for leaf in jax.tree.leaves(s)]
        floats = [d for d in dtypes if jnp.issubdtype(d, np.floating)]
        tol = max([tol, *(8 * float(jnp.finfo(d).eps) for d in floats)])
        if self.inner.contains(flat, tol):
            return True
        return None if not self.exact and self.outer.contains(flat, tol) else False

    def distance(self, s: PyTree) -> float:
        """The distance of s from ∂f(x); of a bracketed set, from its outer bound."""
        return self.outer.distance(flatten(self.point, s, "s"))

    def is_stationary(self, tol: float = 1e-8) -> bool | None:
        """Whether 0 ∈ ∂f(x), up to `tol`; None where the bracket does not tell."""
        return self.contains(np.zeros(self.point.dimension), tol)

    @property
    def is_singleton(self) -> bool | None:
        """Whether f is strictly differentiable at x: one subgradient, up to rounding (1e-12 of its
        length, or of 1). None: not known."""
        if self.exact:
            return self.inner.is_singleton(_ONE)
        if self.outer.is_singleton(_ONE):
            return True
        return None if isinstance(self.inner, Empty) or self.inner.is_singleton(_ONE) else False

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The proved pieces, each with a witness direction along which anyone can check it.

        Raises:
            TooManyPiecesError: more than can be listed; a norm at zero has infinitely many.
        """
        return self._list_pieces()

    def __repr__(self) -> str:
        d = self.point.dimension
        where = f" from {len(self.lines)} tied lines" if len(self.lines) > 1 else ""
        if len(self.lines) == 1:
            where = f" from {self.lines[0]}"
        if not self.exact:
            return (
                f"ClarkeDifferential(in R^{d}, not exact: {self.evidence}; "
                f"inner={self.inner!r}, outer={self.outer!r}{where})"
            )
        if self.is_singleton:
            body = "{" + _vector(self.set.min_norm()) + "}"
        elif d == 1:
            (low,), (high,) = self.set.bounding_box()
            digits = 6 if f"{low:.6g}" != f"{high:.6g}" else 15
            body = f"[{low:.{digits}g}, {high:.{digits}g}]"
        else:
            body = repr(self.set)
        return f"ClarkeDifferential({body}, exact: {self.evidence}{where})"


def _vector(values: np.ndarray) -> str:
    if values.size == 1:
        return f"{values[0]:.6g}"
    shown = ", ".join(f"{v:.4g}" for v in values[:6])
    return f"({shown}{', …' if values.size > 6 else ''})"


def unflatten(point: Point, flat: np.ndarray) -> PyTree:
    """A vector of R^d as a pytree like x, its leaves NumPy float64."""
    leaves, place = [], 0
    for leaf in point.leaves:
        shape = np.shape(leaf)
        size = int(np.prod(shape))
        part = flat[place : place + size].reshape(shape)
        leaves.append(part if shape else np.float64(part))
        place += size
    return point.restore(leaves)


def flatten(point: Point, tree: Any, name: str) -> Float[np.ndarray, " d"]:
    """A pytree like x, or a flat vector, as a vector of R^d.

    Raises:
        ArgumentError: it is neither.
    """
    d = point.dimension
    if isinstance(tree, (np.ndarray, jax.Array, float, int)) and np.size(tree) == d:
        return np.asarray(tree, dtype=np.float64).reshape(d)
    leaves = [
        np.asarray(leaf, dtype=np.float64)
        for leaf in jax.tree.leaves(tree)
        if hasattr(leaf, "dtype") or isinstance(leaf, (float, int))
    ]
    if [leaf.shape for leaf in leaves] != [np.shape(leaf) for leaf in point.leaves]:
        raise ArgumentError(
            f"{name} must be a pytree like x, or a flat vector of {d} numbers; its leaves have "
            f"shapes {[leaf.shape for leaf in leaves]}."
        )
    return np.concatenate([leaf.reshape(-1) for leaf in leaves])
