"""The vector fields ∂_θ ⟨model(θ, x), v⟩ that gradient flow moves along, and their brackets.

A bracket [X, Y] = DY·X − DX·Y is had by forward derivatives of the fields, nested as the brackets
are. All numbers are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core as jex_core

from steepest.laws._gates import Mixture
from steepest.laws._model import Model, flattened
from steepest.laws._ranges import Path

_AT_ONCE = 4_000_000  # numbers in a batch of fields


class Fields:
    """Fields at random inputs and covectors, of the model or of its mixture (see `_gates`).

    Args:
        fixed: None for the model itself; for the mixture, the gates that are no choice.

    Attributes:
        gates: of a mixture, how many choices it mixes.

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
        self._compiled: dict[int, Callable[..., Any]] = {}
        self._numbers = 0
        if self.mixture is not None:
            x, v, _ = self._drawn((1,))
            with jax.enable_x64(True):
                one = lambda c, t, x, v: self._field(c, x, v, None)(t)
                first = [a[0] for a in x]
                jax.eval_shape(one, model.closed.consts, model.start(), first, v[0])
        self.gates = 0 if self.mixture is None else self.mixture.count
        self._numbers = self.mixture.drawn if self.mixture is not None else 0

    def at(self, points: np.ndarray) -> np.ndarray:
        """A field at each point (S, D): a random input and covector each, brought to size 1.

        A row is NaN where the model is not finite.
        """
        return self.brackets(points, 1)

    def brackets(self, points: np.ndarray, depth: int) -> np.ndarray:
        """A random bracket [X₁, [X₂, … X_depth]] at each point (S, D), of such a size that what is
        smaller than 1e-14 is rounding."""
        size = max(
            1,
            min(
                32 if depth > 1 or len(points) < 100 else 256,
                _AT_ONCE // (self.model.dimension * 2**depth),
            ),
        )
        if depth not in self._compiled:
            one = lambda c, t, x, v, g, u: self._bracket(depth, c, t, x, v, g, u)
            self._compiled[depth] = jax.jit(jax.vmap(one, (None, 0, 0, 0, 0, 0)))
        run, rows = self._compiled[depth], []
        with jax.enable_x64(True):
            for start in range(0, len(points), size):
                batch = points[start : start + size]
                full = np.resize(batch, (size, batch.shape[1]))
                x, v, gates = self._drawn((size, depth))
                probe = self.rng.standard_normal(full.shape)
                found, scale = run(self.model.closed.consts, full, x, v, gates, probe)
                found, scale = np.asarray(found)[: len(batch)], np.asarray(scale)[: len(batch)]
                with np.errstate(all="ignore"):
                    row = found / np.where(scale == 0, 1.0, scale)[:, None]
                good = np.isfinite(row).all(1) & np.isfinite(scale)
                rows.append(np.where(good[:, None], row, np.nan))
        return np.concatenate(rows)

    def _drawn(self, lead: tuple[int, ...]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        count = int(np.prod(lead))
        x = [a.reshape(*lead, *a.shape[1:]) for a in self.model.draw(self.rng, count)]
        v = self.rng.standard_normal((*lead, self.model.outputs))
        return x, v, self.rng.uniform(size=(*lead, self._numbers))

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
