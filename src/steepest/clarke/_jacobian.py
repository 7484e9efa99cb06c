"""The Jacobian of a tape: each key, each candidate and the value as a row over (x, δ)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke._sparse import Sparse, coo, csr, stacked
from steepest.errors import UnprovedError
from steepest.pieces import Program, Tape
from steepest.pieces._compile import compiled

_RADII = (0.3, 0.5, 0.1, 0.2, 0.05)  # of the random points of identity tests
_CHUNK = 256
_DENSE = 4_000_000  # entries of a Jacobian that is computed at once
_ROUNDING = 2e-14


@dataclass
class RawRows:
    """The outputs of `Tape.cut`: keys of all switches, computed candidates of exits, the value.

    Attributes:
        gradients: their rows over (x, δ) at (x, 0).
        values: the outputs at random points of (x, δ) at distances O(1), one column a point.
        key_starts, candidate_starts: where the keys of each switch, and the candidates of each
            exit, begin.
    """

    gradients: Sparse
    values: np.ndarray
    key_starts: np.ndarray
    candidate_starts: np.ndarray


def raw_rows(program: Program, tape: Tape, rng: np.random.Generator) -> RawRows:
    """See `RawRows`. Call inside `jax.enable_x64(True)`."""
    starts = key_starts(tape)
    counts = [
        len(tape.switches[e.switch].outcomes) if tape.computed(e.index) else 0 for e in tape.exits
    ]
    candidate_starts = starts[-1] + np.cumsum([0, *counts])
    evaluation = _Evaluation(program, tape, rng, int(candidate_starts[-1]) + 1)
    gradients, values = evaluation.evaluated()
    if not np.all(np.isfinite(gradients.data)):
        raise UnprovedError(
            "a derivative is not a finite number at x, though f is one: perhaps that of NaN in the "
            "data which f leaves out. Keep it out of what f computes by a `where` there."
        )
    gradients = _without_rounding(gradients, program.point.dimension)
    return RawRows(gradients, values, starts, candidate_starts)


def key_starts(tape: Tape) -> np.ndarray:
    """Where the keys of each switch begin in the outputs of the tape."""
    return np.cumsum([0, *[len(s.outcomes) for s in tape.switches]])


class _Evaluation:
    def __init__(self, program: Program, tape: Tape, rng: np.random.Generator, count: int):
        self.program, self.tape, self.rng, self.count = program, tape, rng, count

    def outputs(self, flat: jax.Array) -> jax.Array:
        leaves, place = [], 0
        for shape in self.tape.shapes:
            size = int(np.prod(shape))
            leaves.append(flat[place : place + size].reshape(shape))
            place += size
        keys, candidates, value = self.tape.cut(leaves, flat[place:])
        return jnp.concatenate([keys, candidates, jnp.reshape(value, (1,))])

    def point(self) -> np.ndarray:
        return np.concatenate(
            [*[leaf.reshape(-1) for leaf in self.program.start], np.zeros(len(self.tape.exits))]
        )

    def evaluated(self) -> tuple[Sparse, np.ndarray]:
        """The Jacobian at (x, 0), and all outputs at random (x, δ) at distances O(1).

        Compiled together: for small programs compiling is what costs.
        """
        center = self.point()
        points = [
            center + radius * (1 + np.abs(center)) * self.rng.standard_normal(center.size)
            for radius in _RADII
        ]
        points += [center + 0.05 * (p - center) for p in points]
        rows = self.count
        if rows * center.size > _DENSE:
            J, values = self.large_jacobian(rows, np.stack(points))
            return J, self.usable(values)
        jacobian = jax.jacfwd if center.size <= rows else jax.jacrev

        def both(at: jax.Array, many: jax.Array) -> tuple[jax.Array, jax.Array]:
            return jacobian(self.outputs)(at), jax.vmap(self.outputs)(many)

        J, values = compiled(both)(jnp.asarray(center), jnp.asarray(np.stack(points)))
        return csr(np.asarray(J)), self.usable(np.asarray(values))

    def usable(self, values: np.ndarray) -> np.ndarray:
        """One column a random point: the far one, or the near one where f is not defined there."""
        far, near = values[: len(_RADII)], values[len(_RADII) :]
        fine = np.all(np.isfinite(far), axis=1, keepdims=True)
        chosen = np.where(fine, far, near)
        return np.where(np.isfinite(chosen), chosen, np.nan).T

    def large_jacobian(self, rows: int, points: np.ndarray) -> tuple[Sparse, np.ndarray]:
        """A large Jacobian is mostly zeros, and most of its rows have a single entry.

        Three directional derivatives, along r, along r weighted by the column's number and along an
        independent r′, find such an entry and verify it. The other rows are computed one by one.
        """
        at = jnp.asarray(self.point())
        columns = at.size
        r, other = self.rng.uniform(0.5, 1.5, (2, columns))
        probes = np.stack([r, r * np.arange(1, columns + 1), other])

        def together(many: jax.Array, along: jax.Array) -> tuple[jax.Array, ...]:
            push = lambda v: jax.jvp(self.outputs, (at,), (v,))[1]
            last = jax.grad(lambda y: self.outputs(y)[-1])(at)
            return jax.vmap(self.outputs)(many), jax.vmap(push)(along), last

        values, pushed, last = (
            np.asarray(a) for a in compiled(together)(jnp.asarray(points), jnp.asarray(probes))
        )
        plain, weighted, checked = pushed
        with np.errstate(all="ignore"):
            guess = weighted / plain
        guess = np.where(np.isfinite(guess), guess, 0.0)
        column = np.clip(np.round(guess), 1, columns).astype(int) - 1
        entry = plain / r[column]
        single = np.abs(guess - column - 1) <= 1e-6
        single &= np.abs(checked - entry * other[column]) <= 1e-9 * np.abs(checked)
        single &= plain != 0
        single[-1] = False  # the value's row is at hand
        empty = (plain == 0) & (checked == 0) & (weighted == 0)
        here = np.flatnonzero(single)
        J = csr((entry[here], (here, column[here])), shape=(rows, columns))
        used = np.flatnonzero(last)
        J = J + csr((last[used], (np.full(len(used), rows - 1), used)), shape=(rows, columns))
        rest = np.flatnonzero(~single & ~empty)
        rest = rest[rest < rows - 1]
        return csr(J + self.rows_one_by_one(rest, rows) if len(rest) else J), values

    def rows_one_by_one(self, wanted: np.ndarray, rows: int) -> Sparse:
        at = jnp.asarray(self.point())

        def some(cotangents: jax.Array) -> jax.Array:
            _, pull = jax.vjp(self.outputs, at)
            return jax.vmap(lambda c: pull(c)[0])(cotangents)

        pulled = compiled(some)
        chunk = min(_CHUNK, len(wanted))
        blocks = []
        for start in range(0, len(wanted), chunk):
            part = wanted[start : start + chunk]
            eye = np.zeros((chunk, rows))
            eye[np.arange(len(part)), part] = 1.0
            blocks.append(csr(np.asarray(pulled(jnp.asarray(eye)))[: len(part)]))
        found = coo(stacked(blocks))
        where = (wanted[found.coords[0]], found.coords[1])
        return csr((found.data, where), shape=(rows, at.size))


def _without_rounding(rows: Sparse, d: int) -> Sparse:
    """Without the weights on exits that are rounding of the row: 1 − Σ softmax is not zero."""
    coordinates = coo(rows)
    largest = np.zeros(rows.shape[0])
    np.maximum.at(largest, coordinates.coords[0], np.abs(coordinates.data))
    tiny = np.abs(coordinates.data) <= _ROUNDING * largest[coordinates.coords[0]]
    keep = ~(tiny & (coordinates.coords[1] >= d))
    where = tuple(c[keep] for c in coordinates.coords)
    return csr((coordinates.data[keep], where), shape=rows.shape)
