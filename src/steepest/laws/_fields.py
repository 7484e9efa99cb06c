"""The vector fields ∂_θ ⟨model(θ, x), v⟩ that gradient flow moves along, and their brackets.

A bracket [X, Y] = DY·X − DX·Y is had by forward derivatives of the fields, nested as the brackets
are. All numbers are float64. What rounding makes of a field is measured: where a softmax saturates
its rates are tiny and all rounding, and brought to size 1 they would count as a direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.homogeneity import with_rounding
from steepest.laws._gates import Mixture
from steepest.laws._model import Model, flattened
from steepest.laws._ranges import Path

_AT_ONCE = 4_000_000  # numbers in a batch of fields
_CLEAN = 1e-13  # of a field's size: what rounding may make of it
# What inputs are multiplied by, in turn, where rounding spoils what they lead to.
_MILDER = (1.0, 1e-1, 1e-2, 1e-4)
_FAR = 1e100  # models of a size beyond this, or its inverse, are brought to size 1
_LOST = 1e9  # more than any number of leaves


class Drawn(NamedTuple):
    """Random fields at points: S of each.

    Attributes:
        moves: (S, D), the fields brought to size 1.
        rounding: (S, D), what rounding makes of each of these numbers.
        good: (S,), whether the model is finite there and the field is more than rounding.
        x, v, gates: where the fields are taken: inputs, covectors, and gates of the mixture.
    """

    moves: np.ndarray
    rounding: np.ndarray
    good: np.ndarray
    x: list[np.ndarray]
    v: np.ndarray
    gates: np.ndarray

    def put(self, at: np.ndarray, other: Drawn, which: np.ndarray) -> None:
        """Those of the other at these places."""
        for mine, others in zip(jax.tree.leaves(self), jax.tree.leaves(other), strict=True):
            mine[at] = others[which]


class Fields:
    """Fields at random inputs and covectors, of the model or of its mixture (see `_gates`).

    Args:
        fixed: None for the model itself; for the mixture, the gates that are no choice.

    Attributes:
        gates: of a mixture, how many choices it mixes.
        lost: whether a field was lost in rounding, at every input that was tried in its place.

    Raises:
        NotMixed: there is no mixture.
    """

    def __init__(
        self,
        model: Model,
        rng: np.random.Generator,
        fixed: Mapping[Path, np.ndarray] | None = None,
    ):
        self.model, self.rng = model, rng
        self.mixture = None if fixed is None else Mixture(fixed)
        self.lost = False
        self._unit = 1.0  # of covectors: a constant factor of the model changes no law
        self._compiled: dict[int, Callable[..., Any]] = {}
        self._numbers = 0
        if self.mixture is not None:
            x, v, _ = self._random(self.model.chosen(rng, 1), 1.0)
            with jax.enable_x64(True):
                one = lambda c, t, x, v: self._field(c, x, v, None)(t)
                first = [a[0] for a in x]
                jax.eval_shape(one, model.closed.consts, model.start(), first, v[0])
        self.gates = 0 if self.mixture is None else self.mixture.count
        self._numbers = self.mixture.drawn if self.mixture is not None else 0
        sizes = [int(np.prod(np.shape(leaf))) for leaf in model.point.leaves]
        self._starts = np.cumsum([0, *[n for n in sizes if n]])[:-1]

    def at(self, points: np.ndarray) -> Drawn:
        """A field at each point (S, D), at a random input and covector each.

        Where rounding spoils what it says of a leaf milder inputs are tried, and the best is kept.
        """
        chosen = self.model.chosen(self.rng, len(points))
        best, spoilt = self._tried(points, chosen, _MILDER[0])
        for mildness in _MILDER[1:] if self.model.draws_floats else ():
            left = np.flatnonzero(spoilt)
            if not len(left):
                break
            drawn, bad = self._tried(points[left], chosen[left], mildness)
            better = bad < spoilt[left]
            best.put(left[better], drawn, better)
            spoilt[left[better]] = bad[better]
        self.lost |= bool(np.any(spoilt == _LOST))
        return best

    def brackets(self, points: np.ndarray, depth: int) -> np.ndarray:
        """A random bracket [X₁, [X₂, … X_depth]] at each point (S, D), of such a size that what is
        smaller than 1e-14 is rounding; of depth 1, fields as above."""
        drawn = self.at(np.repeat(points, depth, 0))
        if depth == 1:
            return np.where(drawn.good[:, None], drawn.moves, np.nan)
        nested = lambda a: a.reshape(len(points), depth, *a.shape[1:])
        good = nested(drawn.good).all(1)
        x, v, gates = [nested(a) for a in drawn.x], nested(drawn.v), nested(drawn.gates)
        probe = self.rng.standard_normal(points.shape)
        one = lambda *args: self._bracket(depth, *args)
        with jax.enable_x64(True):
            found, scale = self._mapped(depth, one, points, x, v, gates, probe)
        row = found / np.where(scale == 0, 1.0, scale)[:, None]
        good &= np.isfinite(row).all(1) & np.isfinite(scale)
        return np.where(good[:, None], row, np.nan)

    def _tried(
        self, points: np.ndarray, chosen: np.ndarray, mildness: float
    ) -> tuple[Drawn, np.ndarray]:
        """Fields, and how many leaves of each are spoilt by rounding."""
        x, v, gates = self._random(chosen, mildness)

        def measured(c: Any, t: Any, x: Any, v: Any, g: Any) -> Any:
            return with_rounding(lambda c, t, x, v, g: self._field(c, x, v, g)(t), c, t, x, v, g)

        with jax.enable_x64(True):
            moves, rounding = self._mapped(1, measured, points, x, v, gates)
        if self._unit == 1.0 and self._is_out_of_scale(moves):
            self._unit = self._scale_of_values(points, x)
            if self._unit != 1.0:
                return self._tried(points, chosen, mildness)
        with np.errstate(all="ignore"):
            scale = np.linalg.norm(moves, axis=1, keepdims=True)
            moves, rounding = (a / np.where(scale == 0, 1.0, scale) for a in (moves, rounding))
            sizes, noises = (np.add.reduceat(a**2, self._starts, 1) for a in (moves, rounding))
            bad = np.sum(noises > _CLEAN**2 * sizes, 1).astype(float)
            bad[np.linalg.norm(rounding, axis=1) > _CLEAN] = _LOST
        bad[~np.isfinite(moves).all(1) | ~np.isfinite(rounding).all(1)] = np.inf
        return Drawn(moves, rounding, bad < _LOST, x, v, gates), bad

    @staticmethod
    def _is_out_of_scale(moves: np.ndarray) -> bool:
        size = float(np.median(np.max(np.abs(moves), axis=1, initial=0.0)))
        return size > 0 and not 1 / _FAR < size < _FAR

    def _scale_of_values(self, points: np.ndarray, x: list[np.ndarray]) -> float:
        """What brings the model to size 1, if it is far from that; its rates alone may be small."""
        value = jax.jit(jax.vmap(self.model.value, (None, 0, 0)))
        with jax.enable_x64(True):
            values = np.asarray(value(self.model.closed.consts, points, x))
        size = float(np.median(np.max(np.abs(values), axis=1, initial=0.0)))
        far = np.isfinite(size) and size > 0 and not 1 / _FAR < size < _FAR
        return float(2.0 ** -np.round(np.log2(size))) if far else 1.0

    def _mapped(
        self, depth: int, one: Callable[..., Any], points: np.ndarray, *args: Any
    ) -> list[np.ndarray]:
        """A function of (constants, point, …) at many, in batches of one size."""
        if depth not in self._compiled:
            self._compiled[depth] = jax.jit(jax.vmap(one, (None, *[0] * (1 + len(args)))))
        least = 32 if depth > 1 or len(points) < 100 else 256
        size = max(1, min(least, _AT_ONCE // (self.model.dimension * 2**depth)))
        found = []
        for start in range(0, len(points), size):
            cut = lambda a, k=start: np.resize(a[k : k + size], (size, *a.shape[1:]))
            batch = jax.tree.map(cut, (points, *args))
            outs = self._compiled[depth](self.model.closed.consts, *batch)
            found.append([np.asarray(out)[: len(points) - start] for out in outs])
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _random(
        self, chosen: np.ndarray, mildness: float
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        x = self.model.draw(self.rng, chosen, mildness)
        v = self._unit * self.rng.standard_normal((len(chosen), self.model.outputs))
        return x, v, self.rng.uniform(size=(len(chosen), self._numbers))

    def _field(self, consts: Any, x: Any, v: Any, gates: Any) -> Callable[[Any], Any]:
        def value(flat: Any) -> Any:
            if self.mixture is None:
                return jnp.vdot(v, self.model.value(consts, flat, x))
            filled = jex_core.ClosedJaxpr(self.model.closed.jaxpr, consts)
            args = [*self.model.leaves(flat), *map(jnp.asarray, x)]
            return jnp.vdot(v, flattened(self.mixture.run(filled, args, gates)))

        return jax.grad(value)

    def _bracket(
        self, depth: int, consts: Any, flat: Any, x: Any, v: Any, gates: Any, probe: Any
    ) -> tuple[Any, Any]:
        field = self._field(consts, [a[0] for a in x], v[0], gates[0])
        scale = jnp.linalg.norm(field(flat))
        for k in range(1, depth):
            other = self._field(consts, [a[k] for a in x], v[k], gates[k])
            outer = lambda t, f=field, g=other: jax.jvp(f, (t,), (g(t),))[1]
            inner = lambda t, f=field, g=other: jax.jvp(g, (t,), (f(t),))[1]
            # What rounding of the field so far becomes through the derivative of the other.
            spread = jnp.linalg.norm(jax.jvp(other, (flat,), (probe,))[1])
            terms = jnp.linalg.norm(outer(flat)) + jnp.linalg.norm(inner(flat)) + scale * spread
            # Derivatives may be rounding alone, as that of √(a²) twice: not below what two fields
            # that change over the length of the parameters would give.
            natural = scale * jnp.linalg.norm(other(flat)) / (jnp.linalg.norm(flat) + 1e-300)
            scale = jnp.maximum(terms, natural)
            field = lambda t, a=outer, b=inner: a(t) - b(t)
        return field(flat), scale
