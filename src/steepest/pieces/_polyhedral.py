"""Convex piecewise-linear programs, read as f(x) = b + c·x + Σ_i max_k (a_ik·x + b_ik).

A choice among affine numbers is a *term*; what the program then does with it must be linear, and
add it with the sign that keeps it convex. Any other program is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jax
import numpy as np
import scipy.sparse as sp
from jax.extend import core as jex_core

from steepest.errors import UnsupportedPrimitiveError
from steepest.pieces._affine import OPERATIONS, Affine, NotAffine, constant, labelled, moved
from steepest.pieces._choices import CHOICES
from steepest.pieces._concrete import evaluate, widened
from steepest.pieces._double import IDENTITIES, called_jaxpr
from steepest.pieces._interpret import interpret
from steepest.pieces._program import Program
from steepest.pieces._smooth import STRUCTURAL
from steepest.pieces._source import defined_by_jax, user_line

_SAME = 1e-14  # forms of one place whose difference is a smaller share of them are one


@dataclass(frozen=True)
class Polyhedral:
    """b + c·x + Σ_i max_k (a_ik·x + b_ik), whose places i are numbered through all choices.

    Attributes:
        linear, offset: c, b.
        rows, constants: a (a CSR matrix) and b of all candidates, place after place. The first
            candidate of each place is 0: it went into c and b.
        first: where the candidates of each place begin, and at last how many there are.
        places: (line, primitive, element) of each place.
    """

    linear: np.ndarray
    offset: float
    rows: Any
    constants: np.ndarray
    first: np.ndarray
    places: list[tuple[str, str, int]]

    def __call__(self, x: np.ndarray) -> float:
        keys = self.rows @ x + self.constants
        largest = np.maximum.reduceat(keys, self.first[:-1]) if len(self.places) else keys
        return float(self.offset + self.linear @ x + np.sum(largest))


def read_polyhedral(program: Program) -> Polyhedral | None:
    """The program in that form, or None where it is not known to have it.

    Nothing is rounded but what the program's own arithmetic in float64 would round.

    Example:
        >>> import jax.numpy as jnp
        >>> from steepest.pieces import trace
        >>> f = lambda x: 2 * x[0] + jnp.sum(jnp.abs(x)) + jnp.max(x)
        >>> read = read_polyhedral(trace(f, jnp.array([1.0, -2.0])))
        >>> len(read.places), read(np.array([-3.0, 0.5]))
        (3, -2.0)
        >>> read_polyhedral(trace(lambda x: -jnp.abs(x), 1.0))
    """
    reader = _Reader(program)
    try:
        with jax.enable_x64(True):
            return reader.read()
    except (NotAffine, UnsupportedPrimitiveError):
        return None


@dataclass
class _Term:
    """A choosing equation: keys of shape (m, *shape), and the column of its first output."""

    name: str
    line: str
    sign: float
    keys: Affine
    column: int

    @property
    def size(self) -> int:
        return int(np.prod(self.keys.shape[1:], dtype=int))


class _Reader:
    """One interpretation: what depends on x is `Affine` in (x, outputs of the terms so far)."""

    def __init__(self, program: Program):
        self.program = program
        self.dimension = sum(leaf.size for leaf in program.start)
        self.width = self.dimension
        self.terms: list[_Term] = []
        self.call: Any = None

    def read(self) -> Polyhedral:
        every: Any = sp.eye_array(self.dimension, format="csr")
        inputs, at = [], 0
        for leaf in self.program.start:
            rows = sp.csr_array(every[at : at + leaf.size])
            inputs.append(Affine(leaf.shape, rows, np.zeros(leaf.size)))
            at += leaf.size
        (out,) = self.jaxpr(self.program.closed, inputs)
        if not isinstance(out, Affine):
            out = constant(out, self.width)
        return self.assembled(out.widened(self.width))

    def jaxpr(self, closed: jex_core.ClosedJaxpr, args: list[Any]) -> list[Any]:
        given = lambda value, dtype: widened(value)
        return interpret(closed, args, given, lambda eqn, values, _: self.equation(eqn, values))

    def equation(self, eqn: Any, values: list[Any]) -> list[Any]:
        name = eqn.primitive.name
        if not any(isinstance(value, Affine) for value in values):
            return evaluate(eqn, values)
        inner = called_jaxpr(eqn)
        if inner is not None:
            outermost = self.call is None and defined_by_jax(inner.jaxpr)
            if outermost:
                self.call = eqn
            outs = self.jaxpr(inner, values)
            if outermost:
                self.call = None
            return outs
        if name in IDENTITIES:
            return values
        if name == "cond" and not isinstance(values[0], Affine):
            branches = eqn.params["branches"]
            return self.jaxpr(branches[int(np.clip(values[0], 0, len(branches) - 1))], values[1:])
        if name == "convert_element_type":
            if not jax.numpy.issubdtype(eqn.params["new_dtype"], np.floating):
                raise NotAffine
            return values
        if name in STRUCTURAL or name in ("pad", "select_n"):
            if name == "select_n" and isinstance(values[0], Affine):
                raise NotAffine
            return list(moved(eqn, values))
        if name in OPERATIONS:
            return [OPERATIONS[name](eqn, values)]
        if name in CHOICES and CHOICES[name].continuous:
            return [self.choice(name, eqn, values)]
        raise NotAffine

    def choice(self, name: str, eqn: Any, values: list[Any]) -> Affine:
        """A term's output: a new symbol for each place."""
        row = CHOICES[name]
        forms, labels = labelled(values)
        # A key is one of the operands' numbers or minus it, and so is its label.
        labels = np.asarray(row.keys(labels, eqn.params, None))
        keys = forms.taken(np.abs(labels).astype(int) - 1).scaled(np.sign(labels))
        if keys.rows.nnz and int(keys.rows.indices.max()) >= self.dimension:
            raise NotAffine  # a choice among choices
        term = _Term(name, user_line(self.call or eqn), row.sign, keys, self.width)
        self.terms.append(term)
        self.width += term.size
        at = np.arange(term.size + 1)
        symbols = sp.csr_array(
            (np.ones(term.size), term.column + at[:-1], at), shape=(term.size, self.width)
        )
        return Affine(keys.shape[1:], symbols, np.zeros(term.size))

    def assembled(self, out: Affine) -> Polyhedral:
        coefficients = out.rows.toarray().reshape(-1)
        rows, constants, sizes, places = [], [], [np.zeros(0, int)], []
        for term in self.terms:
            weights = term.sign * coefficients[term.column : term.column + term.size]
            if np.any(weights < 0):
                raise NotAffine
            kept = np.flatnonzero(weights)
            m = term.keys.shape[0]
            # (place, candidate), place after place.
            order = term.keys.positions.reshape(m, -1).T[kept]
            forms = term.keys.taken(order).scaled(weights[kept, None])
            rows.append(sp.csr_array(forms.rows[:, : self.dimension]))
            constants.append(forms.constants)
            sizes.append(np.full(len(kept), m))
            places += [(term.line, term.name, int(place)) for place in kept]
        empty = sp.csr_array((0, self.dimension))
        return _simplified(
            coefficients[: self.dimension],
            float(out.constants[0]),
            sp.csr_array(sp.vstack([empty, *rows], format="csr")),
            np.concatenate([np.zeros(0), *constants]),
            np.concatenate(sizes),
            places,
        )


def _simplified(
    linear: np.ndarray,
    offset: float,
    rows: Any,
    constants: np.ndarray,
    sizes: np.ndarray,
    places: list[tuple[str, str, int]],
) -> Polyhedral:
    """Without candidates that never count; what the first of a place has goes into c and b."""
    place = np.repeat(np.arange(len(sizes)), sizes)
    masked = constants == -np.inf
    if not np.all(np.isfinite(constants[~masked])) or not np.all(np.isfinite(rows.data)):
        raise NotAffine
    kept = ~masked
    # Forms with the same slope: the one with the largest constant counts.
    probe = np.random.default_rng(0).standard_normal(len(linear))
    slopes, scale = rows @ probe, abs(rows) @ np.abs(probe)
    order = np.lexsort((-constants, slopes, place))
    before, after = order[:-1], order[1:]
    same = (place[before] == place[after]) & (
        np.abs(slopes[before] - slopes[after]) <= _SAME * (scale[before] + scale[after])
    )
    # Rounding may order equal slopes by their constants in any way: keep each run's largest.
    run = np.cumsum(np.concatenate([[True], ~same])) if len(order) else np.zeros(0, int)
    best = order[np.lexsort((-constants[order], run))]
    run = np.sort(run)
    kept[best[1:][run[1:] == run[:-1]]] = False
    counts = np.bincount(place[kept], minlength=len(sizes))
    if np.any(counts == 0):
        raise NotAffine
    rows, constants, place = sp.csr_array(rows[kept]), constants[kept], place[kept]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    reference = rows[first[:-1]]
    linear = linear + reference.sum(axis=0)
    offset = offset + float(constants[first[:-1]].sum())
    rows = sp.csr_array(rows - reference[place])
    constants = constants - constants[first[:-1]][place]
    # Places with one candidate are no choices.
    real = (counts > 1)[place]
    rows = sp.csr_array(rows[real])
    rows.sum_duplicates()
    rows.eliminate_zeros()
    counts = counts[counts > 1]
    return Polyhedral(
        linear,
        offset,
        rows,
        constants[real],
        np.concatenate([[0], np.cumsum(counts)]).astype(int),
        [p for p, (a, b) in zip(places, pairwise(first), strict=True) if b - a > 1],
    )
