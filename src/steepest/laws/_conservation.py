"""Conservation laws: what gradient flow on a model keeps, whatever the data and the loss.

h is conserved where ∇h(θ) is orthogonal to every ∂_θ⟨model(θ, x), v⟩. Near a generic θ there are as
many independent ones as D minus the dimension of the Lie algebra that these fields generate
(Marcotte, Gribonval, Peyré 2023, "Abide by the law and follow the flow", Theorem 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from steepest.errors import ArgumentError
from steepest.homogeneity import Rescaling, find_rescalings
from steepest.inputs import function, is_traced, whole_number
from steepest.laws._candidates import (
    Sample,
    Terms,
    all_products_of_entries,
    all_products_of_slices,
    linear_forms,
    products_of_slices,
)
from steepest.laws._closure import closure
from steepest.laws._explicit import Explicit
from steepest.laws._fields import Fields
from steepest.laws._gates import NotMixed
from steepest.laws._law import Law, Part, Term, along, in_whole_numbers, positive_first
from steepest.laws._model import MOST_GIVEN, Model, traced_model
from steepest.laws._ranges import decided
from steepest.pieces import has_choices

_PROVED = "a rescaling that the rules of homogeneity prove"
_TESTED = "an identity, tested at random points: probability one"
_UNUSED = "the model does not depend on it, tested at random points: probability one"
_MOST_SLICES = 20_000
_MOST_TESTED = 1_000_000  # parameters, for which fields are computed at all
_MOST_UNUSED = 10_000
_BOX = 0.1  # how far "near the parameters" goes, of each entry's size
_POINTS = 2
_FAINT = 1e-8  # of the others' rates: a parameter that moves the model so little may move it more
_TRIES = 4  # for fields, where the model is not finite everywhere


@dataclass(frozen=True)
class ConservationLaws:
    """What gradient flow on a model keeps; `str` is a report.

    Attributes:
        count: the number of independent laws near the parameters; None where it is not known.
        bounds: it is at least the first and at most the second.
        explicit: independent laws in closed form, each a function of params.
        complete: whether these are all; None where the count is not known.
        evidence: what the count rests on, or why it is not known.
        called: how the model was called on the inputs.
    """

    count: int | None
    bounds: tuple[int, int]
    explicit: tuple[Law, ...]
    evidence: str
    called: str
    dimension: int = field(repr=False)

    @property
    def complete(self) -> bool | None:
        if self.count is None:
            return None
        return len(self.explicit) == self.count

    def __str__(self) -> str:
        low, high = self.bounds
        number = f"between {low} and {high}" if self.count is None else str(self.count)
        lines = [
            f"conservation laws of gradient flow in {self.dimension} parameters: {number}",
            f"  {self.evidence}; {self.called}",
        ]
        shown = self.explicit[:_SHOWN]
        lines += [
            f"  {law}{'' if law.everywhere else '   (near these parameters)'}" for law in shown
        ]
        if len(self.explicit) > _SHOWN:
            lines.append(f"  … {len(self.explicit) - _SHOWN} more in closed form")
        if self.count is not None and not self.complete:
            lines.append(f"  {self.count - len(self.explicit)} without a closed form")
        return "\n".join(lines)


_SHOWN = 20


def conservation_laws(
    model: Callable[[PyTree, Any], Any],
    params: PyTree,
    inputs: PyTree,
    *,
    key: Any = None,
    limit: int = 1000,
) -> ConservationLaws:
    """The numbers that gradient flow keeps, whatever the data and the loss.

    Laws that the rules of homogeneity prove come first, then linear and quadratic forms of the
    parameters that stay constant, verified at random points and inputs. Each is true; the count is
    given where no more can exist, or where the Lie algebra of the fields was closed; both are
    statements about generic points, true with probability one up to float64's rounding. The object
    is the function: `stop_gradient` is the identity, and custom derivatives are ignored.

    Args:
        model: (params, x) → predictions, any pytree of floats; x is one input.
        params: a pytree of floats. Laws are sought near them: a unit that is dead or always on near
            params, whatever the input, has laws of its own. `law.everywhere` tells these from those
            that hold for all parameters.
        inputs: arrays with a leading axis of examples; a model that does not take one example is
            called on all at once. They say what an input is and where to look: floats are drawn
            anew, in all of R^n, while integers and truth values are taken from the examples (the
            first 500), and the laws are then those for data made of these.
        key: a JAX random key, by default `jax.random.key(0)`: same key, same answer.
        limit: with more parameters than this the count is None; laws are still found.

    Returns:
        A `ConservationLaws`.

    Raises:
        ArgumentError: model is no function of (params, x), or params no pytree of floats.
        DataError: inputs are not arrays of finite numbers.
        UnsupportedPrimitiveError: a step of the model has no rule, or cannot be differentiated.

    References: Marcotte, Gribonval, Peyré 2023, Theorem 3.3 and Propositions 4.2, 4.3; Du, Hu, Lee
    2018 (balance of layers and units); Kunin et al. 2021 (symmetries).

    Example:
        >>> import jax, jax.numpy as jnp
        >>> model = lambda p, x: p["W2"] @ jax.nn.relu(p["W1"] @ x)
        >>> params = {"W1": jax.random.normal(jax.random.key(1), (3, 4)), "W2": jnp.ones((2, 3))}
        >>> laws = conservation_laws(model, params, jnp.ones((1, 4)))
        >>> laws.count, laws.complete, str(laws.explicit[2])
        (3, True, '‖W1[2,:]‖² − ‖W2[:,2]‖²')
    """
    function(model, "model", "(params, x)")
    if is_traced((params, inputs)):
        raise ArgumentError(
            "conservation_laws looks at numbers, so params and inputs cannot be traced; call it "
            "outside jit, vmap and grad (the laws that it returns may be called inside)."
        )
    whole_number(limit, "limit", least=0)
    program = traced_model(model, params, inputs)
    seed = jax.random.key(0) if key is None else key
    rng = np.random.default_rng(int(jax.random.randint(seed, (), 0, 2**31 - 1)))
    return _Search(program, rng, limit).run()


class _Search:
    def __init__(self, model: Model, rng: np.random.Generator, limit: int):
        self.model, self.rng, self.limit = model, rng, limit
        self.start = model.start()
        self.branches = has_choices(model.closed.jaxpr)
        self.unmixed = ""
        self.faint = False
        self.mixture: Fields | None = None
        self.shapes = [np.shape(leaf) for leaf in model.point.leaves]
        # What an entry that is 0 is moved by: a part of its leaf's size, or of the whole's.
        sizes = [
            np.sqrt(np.mean(leaf**2)) if leaf.size else 0.0 for leaf in model.leaves(self.start)
        ]
        overall = float(np.sqrt(np.mean(self.start**2))) or 1.0
        self.sizes = np.concatenate(
            [
                np.full(int(np.prod(s)), n or overall)
                for s, n in zip(self.shapes, sizes, strict=True)
            ]
        )
        self.reach = _BOX * np.where(self.start == 0, self.sizes, np.abs(self.start))

    def run(self) -> ConservationLaws:
        near = far = None
        if self.model.dimension <= _MOST_TESTED:
            near, far = self._samples()
        if self.mixture is not None and not (len(self._kept(self.mixture, 1)) or self.mixture.lost):
            raise ArgumentError(
                "the model is not finite at random points near params and inputs like those given; "
                "give params and inputs at which it is."
            )
        self.near = near
        self.explicit = Explicit(self.model, self._points(1)[0], near, far)
        if self.mixture is not None:
            self._add_unused(self.mixture)
        if sum(map(sum, self.shapes)) <= _MOST_SLICES:
            data = len(self.model.rows)
            found = find_rescalings(self.model.closed, self.model.point, data=data)
            self.explicit.add_proved([self._of_rescaling(r) for r in found], _PROVED)
        return self._counted() if self.model.dimension <= self.limit else self._too_large()

    def _samples(self) -> tuple[Sample | None, Sample | None]:
        """Points and fields of the mixture for parameters near the given ones, and for all.

        They are the same where no choice is decided near the given parameters alone.
        """
        inputs = [row.shape[1:] for row in self.model.rows]
        cut, everything = self.model.leaves, np.full(len(self.start), np.inf)
        here = decided(
            self.model.closed, cut(self.start - self.reach), cut(self.start + self.reach), inputs
        )
        always = decided(self.model.closed, cut(-everything), cut(everything), inputs)
        try:
            far = Fields(self.model, self.rng, always)
        except NotMixed as reason:
            self.unmixed = str(reason)
            return None, None
        self.mixture, anywhere = far, self._sample(far)
        if all(np.array_equal(here[path], always[path], equal_nan=True) for path in here):
            return anywhere, anywhere
        # With these gates fixed, too, the mixture is analytic, and may be looked at anywhere.
        self.mixture = Fields(self.model, self.rng, here)
        return self._sample(self.mixture), anywhere

    # ---- points

    def _points(self, count: int) -> np.ndarray:
        """Generic points: in a box around the parameters, or further off where nothing branches."""
        if not self.branches:
            return self._far_points(count)
        return self.start + self.reach * self.rng.uniform(-1, 1, (count, len(self.start)))

    def _far_points(self, count: int) -> np.ndarray:
        """Around the parameters, and every other one of size 1: where units do not saturate."""
        noise = self.rng.standard_normal((count, len(self.start)))
        points = self.start + 0.5 * self.sizes * noise
        points[1::2] = noise[1::2]
        return points

    def _sample(self, fields: Fields) -> Sample:
        def sample(count: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
            kept = self._kept(fields, count)
            return self.model.leaves(kept[:, 0]), self.model.leaves(kept[:, 1])

        return sample

    def _kept(self, fields: Fields, count: int) -> np.ndarray:
        """(S, 3, D) with S ≤ count: points, fields there, and what rounding makes of these.

        Of given inputs that are not drawn anew none may be left out: what is lost in rounding stays
        as it is, and is kept by no law.
        """
        kept = np.zeros((0, 3, len(self.start)))
        for _ in range(_TRIES):
            if len(kept) < count:
                at = self._far_points(count)
                drawn = fields.at(at)
                rows, rounding, good = drawn.moves, drawn.rounding, drawn.good
                if not self.model.draws_all:
                    rows = np.where(rows == 0, rounding, rows)
                    good = np.isfinite(rows).all(1)
                kept = np.concatenate([kept, np.stack([at, rows, rounding], 1)[good]])
        return kept[:count]

    # ---- laws

    def _add_unused(self, mixture: Fields) -> None:
        _, rows, rounding = np.moveaxis(self._kept(mixture, self.model.enough), 1, 0)
        moved = (rows != 0) | (rounding != 0)  # or would, but for rounding
        unused = np.flatnonzero(~np.any(moved, 0))
        clear = np.where(np.abs(rows) > rounding, np.abs(rows), 0.0)
        most = np.max(clear, 0, initial=0.0)
        hardly = moved.any(0) & (most <= _FAINT * np.max(most, initial=0.0))
        self.faint = bool(np.any(hardly)) or (mixture.lost and len(rows) < self.model.enough)
        if len(rows) < self.model.enough or len(unused) > _MOST_UNUSED:
            return
        starts = np.cumsum([0, *(int(np.prod(s)) for s in self.shapes)])
        laws: list[Terms] = []
        for i in unused:
            leaf = int(np.searchsorted(starts, i, side="right")) - 1
            place = np.unravel_index(i - starts[leaf], self.shapes[leaf])
            laws.append((Term(Fraction(1), Part(leaf, tuple(map(int, place)))),))
        self.explicit.add_tested(laws, _UNUSED, unused=True)

    def _of_rescaling(self, found: Rescaling) -> Terms:
        slices = sorted(found.slices, key=lambda s: s.leaf)
        exponents = in_whole_numbers([s.exponent for s in slices])
        terms = []
        for s, exponent in zip(slices, exponents, strict=True):
            part = along(s.leaf, self.shapes[s.leaf], s.axis, s.index)
            terms.append(Term(exponent, part, part))
        return positive_first(terms)

    def _rows(self, sample: Sample, count: int) -> np.ndarray:
        _, moves = sample(count)
        return np.concatenate(
            [leaf.reshape(len(leaf), np.prod(leaf.shape[1:], dtype=int)) for leaf in moves], 1
        )

    def _add_forms(self) -> None:
        """Linear forms, and balances of slices."""
        if self.near is None:
            return
        rows = self._rows(self.near, self.model.dimension + self.model.enough)
        if len(rows) > self.model.dimension:
            self.explicit.add_tested(linear_forms(rows, self.shapes), _TESTED)
        self.explicit.add_tested(products_of_slices(self.near, self.shapes), _TESTED)

    def _add_all_forms(self, most: int) -> None:
        for forms in (all_products_of_slices, all_products_of_entries):
            if len(self.explicit) < most and self.near is not None:
                self.explicit.add_tested(forms(self.near, self.shapes), _TESTED)

    # ---- the count

    def _too_large(self) -> ConservationLaws:
        if self.near is not None:
            self.explicit.add_tested(products_of_slices(self.near, self.shapes), _TESTED)
        why = f"the count is not sought for more than {self.limit} parameters (`limit`)"
        return self._result(None, self.model.dimension, why)

    def _counted(self) -> ConservationLaws:
        if self.faint:
            why = "not known: at the inputs that were drawn some parameters hardly move the model"
            return self._result(None, self.model.dimension, why)
        fields, points = Fields(self.model, self.rng), self._points(_POINTS)
        d = self.model.dimension
        most, closed, tried = d, False, False
        wanted = lambda: d - len(self.explicit)
        for reached in closure(fields, points[0], wanted, branches=self.branches):
            most, closed = d - reached.least, reached.closed
            if most > len(self.explicit) and not tried:
                tried = True
                self._add_forms()
            if most <= len(self.explicit):
                break
        if most > len(self.explicit):
            self._add_all_forms(most)
        return self._judged(fields, points, most, closed)

    def _judged(
        self, fields: Fields, points: np.ndarray, most: int, closed: bool
    ) -> ConservationLaws:
        d, known = self.model.dimension, len(self.explicit)
        if most < known:  # cannot be, but for rounding
            why = "not known: the ranks of brackets are lost in rounding"
            return self._result(None, d, why, known)
        if most == known:
            least = known
        elif closed and not self.branches and self.mixture is not None:
            least = most
        else:
            least = max(known, self._laws_of_the_mixture())
        if most != least:
            return self._result(None, most, self._why_not(closed), least)
        for point in points[1:]:
            again = 0
            wanted = (lambda: d - most) if most == known else (lambda: d)
            for again, _ in closure(fields, point, wanted, branches=self.branches):
                if d - again < most + (most == known):
                    break
            if d - again != most:
                why = "not known: points near the parameters differ in how many laws there are"
                return self._result(None, max(most, d - again), why, known)
        if most == known:
            why = "the explicit ones; the rank at random points leaves room for no more"
        else:
            why = "dimension less that of the Lie algebra of the fields, at random points"
        return self._result(most, most, f"{why}: probability one", most)

    def _laws_of_the_mixture(self) -> int:
        """The laws of the mixture, which are some of the model's; 0 where that is not clear."""
        if self.mixture is None:
            return 0
        found = []
        d = self.model.dimension
        for point in self._far_points(_POINTS):
            *_, last = closure(self.mixture, point, lambda: d, branches=False)
            found.append(d - last.least if last.closed else 0)
        return min(found) if len(set(found)) == 1 else 0

    def _why_not(self, closed: bool) -> str:
        if self.mixture is None:
            return f"not known: no rule for the choices of `{self.unmixed}`, so laws may be missed"
        if self.mixture.gates and closed:
            return "not known: inputs that were not met may break what held for those that were"
        return "not known: the ranks of brackets show no clear end"

    def _result(self, count: int | None, most: int, why: str, least: int = 0) -> ConservationLaws:
        if not self.model.draws_all:
            given = len(self.model.rows[0])
            first = f"the first {MOST_GIVEN} of " if given == MOST_GIVEN else ""
            why += f"; for data made of {first}the given inputs"
        laws = tuple(self.explicit.laws)
        return ConservationLaws(
            count,
            (max(least, len(laws)), most),
            laws,
            why,
            self.model.called,
            self.model.dimension,
        )
