"""Positive homogeneity: f(αp) = α^L f(p) for every α > 0, proved from the program or refuted.

The degree L is inferred as a physicist infers units (Kennedy 1996): products add degrees, sums need
equal ones, exp needs degree 0. What the rules prove holds for all parameters; what they do not
prove is refuted by a point where it fails, or stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

import jax
import numpy as np
from jax.extend import core as jex_core
from jaxtyping import PyTree

from steepest.errors import ArgumentError, UnsupportedPrimitiveError
from steepest.homogeneity._degrees import Degrees
from steepest.homogeneity._evaluation import Evaluation
from steepest.homogeneity._form import Form, unknown
from steepest.homogeneity._interpretation import Interpretation
from steepest.homogeneity._refutation import Counterexample, refute
from steepest.homogeneity._requirement import Requirement, in_words
from steepest.homogeneity._value import Value
from steepest.inputs import Point, as_point, function
from steepest.pieces import is_double_enabled
from steepest.pieces._closed import detached

Status = Literal["proved", "refuted", "unknown"]


@dataclass(frozen=True)
class DegreeRecord:
    """What is known of a degree.

    Attributes:
        status: "proved" by the rules, for all parameters; "refuted" by the counterexample; or
            "unknown".
        degree: where proved, the degree; "any" where f is 0 whatever the parameters.
        reason: what the proof rests on, or the equation and the line that stopped it.
        counterexample: for "refuted", (alpha, params) with f(αp)² ≠ f(p) f(α²p) in some entry, or
            with entries of f that grow by different powers from p to αp: no degree allows either.
            α multiplies the leaves that were asked about.
    """

    status: Status
    degree: Fraction | Literal["any"] | None
    reason: str
    counterexample: Counterexample | None = field(default=None, repr=False)

    def __str__(self) -> str:
        if self.status == "proved":
            return f"homogeneous of {in_degree(self.degree)} (proved: {self.reason})"
        if self.status == "refuted":
            return f"not homogeneous (refuted: {self.reason})"
        return f"not known to be homogeneous ({self.reason})"


def in_degree(degree: Any) -> str:
    return "every degree" if degree == "any" else in_words(degree)


class Homogeneity(DegreeRecord):
    """The degree in all leaves together; see `DegreeRecord`, and:

    Attributes:
        leaves: a pytree like params, of such a record for each leaf alone.
        degrees: a pytree of the leaves' degrees: Fraction, "any", or None where not proved.
        rescalings: see `Rescaling`.
    """

    def __init__(self, record: DegreeRecord, analysis: Analysis):
        super().__init__(record.status, record.degree, record.reason, record.counterexample)
        object.__setattr__(self, "_analysis", analysis)

    _analysis: Analysis

    @cached_property
    def leaves(self) -> PyTree:
        analysis = self._analysis
        records = [analysis.record([i]) for i in range(len(analysis.point.leaves))]
        return analysis.point.restore(records)

    def alone(self, leaf: int) -> tuple[Fraction | Literal["any"] | None, str]:
        """The degree in one leaf (by its number) where proved, and why or why not."""
        return self._analysis.proved([leaf])

    @property
    def degrees(self) -> PyTree:
        analysis = self._analysis
        found = [analysis.proved([i])[0] for i in range(len(analysis.point.leaves))]
        return analysis.point.restore(found)

    @cached_property
    def rescalings(self) -> Any:
        from steepest.homogeneity._rescalings import find_rescalings

        return find_rescalings(self._analysis.closed, self._analysis.point)

    def __str__(self) -> str:
        analysis = self._analysis
        lines = [f"in all leaves together: {super().__str__()}"]
        for i, name in enumerate(analysis.point.names):
            degree, reason = analysis.proved([i])
            known = "not proved: " + reason if degree is None else in_degree(degree)
            lines.append(f"in {name} alone: {known}")
        return "\n".join(lines)


def homogeneity(f: Callable[[PyTree], PyTree]) -> Callable[[PyTree], Homogeneity]:
    """Whether f is positively homogeneous in its parameters: `homogeneity(f)(params)`.

    The params give shapes, and a point to start the search for a counterexample from; what is
    proved is proved for all parameters of these shapes, and all α > 0.

    Args:
        f: a function of one pytree; returns an array, or a pytree of arrays that are to have one
            degree together.

    Returns:
        A function of the params, any pytree of floats, that returns a `Homogeneity`. It raises
        ArgumentError: params is not a pytree of floats, or f returns no array.

    References: Lyu, Li 2020, Definition 2.1 (homogeneous networks); Kennedy 1996, "Programming
    languages and dimensions" (inference of units).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> def network(layers):
        ...     return layers[1] @ jax.nn.relu(layers[0] @ jnp.ones(3))
        >>> h = homogeneity(network)([jnp.ones((4, 3)), jnp.ones((1, 4))])
        >>> h.status, int(h.degree), [int(d) for d in h.degrees]
        ('proved', 2, [1, 1])
        >>> homogeneity(jnp.tanh)(0.5).status
        'refuted'
    """
    function(f, "f", "one pytree")

    def of_params(params: PyTree) -> Homogeneity:
        analysis = Analysis(f, as_point(params, name="params"))
        return Homogeneity(analysis.record(range(len(analysis.point.leaves))), analysis)

    return of_params


class Analysis:
    """f traced once and read once; each leaf has an unknown exponent of its own."""

    def __init__(self, f: Callable[[PyTree], PyTree], point: Point):
        self.point = point
        self.closed = traced(f, point)
        self.evaluation = Evaluation(f, self.closed, point, double=in_double(point))
        reading = Interpretation()
        with jax.enable_x64(True), np.errstate(all="ignore"):
            args = [Value(Degrees(unknown(i)), real=True) for i in range(len(point.leaves))]
            outs = reading.run(self.closed, args)
            ranks = [len(var.aval.shape) for var in self.closed.jaxpr.outvars]  # pyright: ignore
            self.degree: Form | None = reading.result(outs, ranks)
        self.runs_in_double = reading.runs_in_double
        self.requirements, self.notes = reading.requirements, tuple(reading.notes)

    def proved(self, which: Sequence[int]) -> tuple[Fraction | Literal["any"] | None, str]:
        """The degree in these leaves together (None where not proved), and why."""
        chosen = frozenset(which)
        broken = self._first_broken(chosen)
        if broken is not None:
            return None, broken.words(lambda form: form.at(chosen))
        reason = "; ".join(("by the rules", *self.notes))
        return ("any" if self.degree is None else Fraction(self.degree.at(chosen))), reason

    def _first_broken(self, chosen: frozenset[int]) -> Requirement | None:
        if len(chosen) == 1:
            (leaf,) = chosen
            return self._broken_alone.get(leaf)
        broken = (
            r for r in self.requirements if r.never or r.left.at(chosen) != r.right.at(chosen)
        )
        return next(broken, None)

    @cached_property
    def _broken_alone(self) -> dict[int, Requirement]:
        """The first requirement that each leaf breaks, scaled alone: all in one pass."""
        first: dict[int, Requirement] = {}
        for r in self.requirements:
            leaves = range(len(self.point.leaves)) if r.never else (r.left - r.right).terms
            for leaf in leaves:
                first.setdefault(leaf, r)
        return first

    def record(self, which: Sequence[int]) -> DegreeRecord:
        degree, reason = self.proved(which)
        if degree is not None:
            return DegreeRecord("proved", degree, reason)
        found = self.refuted(which)
        if found is not None:
            return DegreeRecord("refuted", None, reason, found)
        return DegreeRecord("unknown", None, reason)

    def refuted(self, which: Sequence[int]) -> Counterexample | None:
        if not self.runs_in_double:
            return None
        most = int(np.clip(20_000 / (1 + len(self.closed.jaxpr.eqns)), 60, 600))
        try:
            with np.errstate(all="ignore"):
                found = refute(self.evaluation, tuple(which), most)
        except UnsupportedPrimitiveError:  # f cannot be had in float64
            return None
        if found is None:
            return None
        alpha, leaves = found
        return Counterexample(alpha, self.point.restore(leaves))


def traced(f: Callable[[PyTree], PyTree], point: Point) -> jex_core.ClosedJaxpr:
    """f as a program of its leaves, in the caller's own precision."""
    with jax.enable_x64(in_double(point)):
        closed = jax.make_jaxpr(lambda leaves: f(point.restore(leaves)))(list(point.leaves))
    if not closed.out_avals:
        name = getattr(f, "__name__", type(f).__name__)
        raise ArgumentError(f"{name} returns nothing; it must return an array.")
    return detached(closed)


def in_double(point: Point) -> bool:
    """Whether f is to run with float64 switched on: asked for by JAX's flag, or by a leaf."""
    return is_double_enabled() or any(leaf.dtype == np.float64 for leaf in point.leaves)
