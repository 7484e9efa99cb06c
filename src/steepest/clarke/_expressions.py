"""First-order algebra of a tape: gradients of everything, in the variables and in symbols.

One Jacobian of `Tape.cut` writes each key, each candidate and the value as a row over (x, δ). The
exits δ are then replaced by *symbols*, as few as there can be:

- switches whose margins are proportional (as functions, tested at random points) are one *class*:
  relu(x) and relu(−x), the halves of softplus, the same kink twice;
- an exit of a two-way class with margin z whose candidates differ by a multiple of z is written
  y = c₁ + α ρ, with ρ = max(z, 0): the abs-normal form of Griewank (2013). What cancels in the
  program then cancels here;
- any other exit is a symbol of its own, with one candidate row for each outcome (minus the exit
  where the choice is a minimum, so that every such symbol is a maximum).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke._sparse import Sparse, beside, coo, csr, diagonal, stacked
from steepest.pieces import Program, Tape

_RADII = (0.3, 0.5, 0.1, 0.2, 0.05)  # of the random points of identity tests
_CHUNK = 256
_DENSE = 4_000_000  # entries of a Jacobian that is computed at once
_CLOSE = 1e-12
_ROUNDING = 2e-14


@dataclass
class Class:
    """Switches that decide alike.

    Attributes:
        members: (switch, flipped) for each; a flipped two-way switch takes the other outcome.
        base: the number of its first key on the tape; the others follow.
        count: number of outcomes.
        allowed: outcomes that can be taken.
        trivial: the keys agree identically, so there is nothing to decide.
        forced: told from outside; its margins are constraints even where nothing else hangs on it.
        jumps: one of its switches jumps.
        spread: rows over (x, symbols) of κ_k − κ_0, k = 1 … (count − 1, d + S).
        ball: rows of the vector whose norm is taken, or None.
    """

    members: list[tuple[int, bool]]
    base: int
    count: int
    allowed: list[int]
    trivial: bool
    forced: bool
    jumps: bool
    at_equality: int
    spread: Sparse
    ball: Sparse | None = None

    @property
    def rows(self) -> Sparse:
        """What its decision hangs on."""
        return self.spread if self.ball is None else self.ball


@dataclass
class Symbol:
    """One number whose gradient depends on the outcome of its class.

    `candidates` has a row over (x, symbols) for each outcome. `maximum`: the symbol is the
    largest of its candidates, identically; `whole`: no identity says that it is continuous.
    """

    owner: int
    candidates: Sparse
    maximum: bool


@dataclass
class Expressions:
    """The value and all symbols as rows over (x, symbols), strictly triangular in the symbols."""

    dimension: int
    value: Sparse
    symbols: list[Symbol]
    classes: list[Class]
    # Exits of jumps that no identity shows to be continuous.
    unproved_exits: list[int] = field(default_factory=list)


def expressions(program: Program, tape: Tape, rng: np.random.Generator) -> Expressions:
    """See the module. Call inside `jax.enable_x64(True)`."""
    return _Builder(program, tape, rng).build()


def key_starts(tape: Tape) -> np.ndarray:
    """Where the keys of each switch begin in the outputs of the tape."""
    return np.cumsum([0, *[len(s.outcomes) for s in tape.switches]])


class _Builder:
    def __init__(self, program: Program, tape: Tape, rng: np.random.Generator):
        self.program, self.tape, self.rng = program, tape, rng
        self.d = program.point.dimension
        self.E = len(tape.exits)
        self.starts = key_starts(tape)
        counts = [
            len(tape.switches[e.switch].outcomes) if tape.computed(e.index) else 0
            for e in tape.exits
        ]
        self.candidate_starts = self.starts[-1] + np.cumsum([0, *counts])
        rows, self.values = self.evaluated()
        self.rows = _without_rounding(rows, self.d)
        self.scale: dict[int, float] = {}  # a switch's margin over the one of its class

    # ---- the raw rows

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
            [*[leaf.reshape(-1) for leaf in self.program.start], np.zeros(self.E)]
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
        rows = int(self.candidate_starts[-1]) + 1
        if rows * center.size > _DENSE:
            J, values = self.large_jacobian(rows, np.stack(points))
            return J, self.usable(values)
        jacobian = jax.jacfwd if center.size <= rows else jax.jacrev

        def both(at: jax.Array, many: jax.Array) -> tuple[jax.Array, jax.Array]:
            return jacobian(self.outputs)(at), jax.vmap(self.outputs)(many)

        J, values = jax.jit(both)(jnp.asarray(center), jnp.asarray(np.stack(points)))
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

        def compiled(many: jax.Array, along: jax.Array) -> tuple[jax.Array, ...]:
            push = lambda v: jax.jvp(self.outputs, (at,), (v,))[1]
            last = jax.grad(lambda y: self.outputs(y)[-1])(at)
            return jax.vmap(self.outputs)(many), jax.vmap(push)(along), last

        values, pushed, last = (
            np.asarray(a) for a in jax.jit(compiled)(jnp.asarray(points), jnp.asarray(probes))
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

        compiled = jax.jit(some)
        chunk = min(_CHUNK, len(wanted))
        blocks = []
        for start in range(0, len(wanted), chunk):
            part = wanted[start : start + chunk]
            eye = np.zeros((chunk, rows))
            eye[np.arange(len(part)), part] = 1.0
            blocks.append(csr(np.asarray(compiled(jnp.asarray(eye)))[: len(part)]))
        found = coo(stacked(blocks))
        where = (wanted[found.coords[0]], found.coords[1])
        return csr((found.data, where), shape=(rows, at.size))

    # ---- classes

    def build(self) -> Expressions:
        classes, owner = self.classes()
        symbols, exits, mix, candidates, unproved = self.symbols(classes, owner)
        spreads = _Selection()
        for c in classes:
            if self.tape.switches[c.members[0][0]].ball:
                for k in range(c.count):
                    spreads.add([(1.0, c.base + k)])
            elif not c.trivial:
                for k in range(1, c.count):
                    spreads.add([(1.0, c.base + k), (-1.0, c.base)])
        to_symbols = self.substituted(exits.of(self.rows), mix, len(symbols))
        rows = to_symbols(spreads.of(self.rows))
        start = 0
        for c in classes:
            is_ball = self.tape.switches[c.members[0][0]].ball
            count = c.count if is_ball else 0 if c.trivial else c.count - 1
            block = rows[start : start + count]
            start += count
            c.spread, c.ball = (block[:0], block) if is_ball else (block, None)
        listed = to_symbols(candidates.of(self.rows))
        done, start = [], 0
        for c, maximum, count in symbols:
            done.append(Symbol(c, listed[start : start + count], maximum))
            start += count
        return Expressions(self.d, to_symbols(self.rows[[-1]]), done, classes, unproved)

    def key_rows(self, t: int) -> np.ndarray:
        return np.arange(self.starts[t], self.starts[t + 1])

    def classes(self) -> tuple[list[Class], dict[int, tuple[int, bool]]]:
        switches = self.tape.switches
        two_way = [
            s.index for s in switches if len(s.outcomes) == 2 and not s.ball and s.forced is None
        ]
        leader = self.proportional(two_way)
        classes: list[Class] = []
        owner: dict[int, tuple[int, bool]] = {}
        number: dict[int, int] = {}
        for s in switches:
            first, flipped = leader.get(s.index, (s.index, False))
            if first in number:
                c = number[first]
                classes[c].members.append((s.index, flipped))
                classes[c].jumps |= s.jumps
                owner[s.index] = (c, flipped)
                continue
            number[first] = len(classes)
            owner[s.index] = (len(classes), False)
            base, m = int(self.starts[s.index]), len(s.outcomes)
            allowed = list(range(m)) if s.forced is None else [s.forced]
            trivial = not s.ball and self.identically_zero(base, m)
            if trivial and s.forced is None:
                allowed = [s.at_equality]
            elif trivial and s.jumps and s.forced != s.at_equality:
                allowed = []
            classes.append(
                Class(
                    [(s.index, False)],
                    base,
                    m,
                    allowed,
                    trivial,
                    s.forced is not None,
                    s.jumps,
                    s.at_equality,
                    csr((0, self.d)),
                )
            )
        return classes, owner

    def identically_zero(self, base: int, m: int) -> bool:
        block = self.values[base : base + m]
        # Not `>`: where no random value is finite, nothing is known to be zero.
        if not np.abs(block - block[:1]).max() <= 1e-12 * np.abs(block).max():
            return False
        rows = self.rows[base : base + m].toarray()
        return bool(np.all(np.abs(rows - rows[:1]) <= 1e-12))

    def proportional(self, two_way: list[int]) -> dict[int, tuple[int, bool]]:
        """switch → (first switch of its class, whether its margin has the opposite sign)."""
        if not two_way:
            return {}
        base = self.starts[np.array(two_way)]
        gradient = csr(self.rows[base] - self.rows[base + 1])
        values = self.values[base] - self.values[base + 1]
        joint = beside([gradient, csr(np.nan_to_num(values))])
        length = np.sqrt(np.asarray(joint.multiply(joint).sum(axis=1)).ravel())
        # What is not defined at the random points is compared with nothing.
        good = (length > 0) & np.all(np.isfinite(values), axis=1)
        unit = csr(diagonal(1 / np.where(good, length, 1.0)) @ joint)
        probe = unit @ self.rng.standard_normal(joint.shape[1])
        order = np.argsort(np.abs(probe))
        result: dict[int, tuple[int, bool]] = {}
        run: list[int] = []
        for position, i in enumerate(order):
            if not good[i]:
                continue
            previous = order[position - 1] if position else i
            if abs(abs(probe[i]) - abs(probe[previous])) > _CLOSE:
                self.split(run, unit, length, probe, two_way, result)
                run = []
            run.append(int(i))
        self.split(run, unit, length, probe, two_way, result)
        return result

    def split(self, run, unit, length, probe, two_way, result) -> None:
        """Within a run of equal probes, compare in full."""
        waiting = sorted(run)
        while waiting:
            first, *rest = waiting
            waiting = []
            result[two_way[first]] = (two_way[first], False)
            self.scale[two_way[first]] = 1.0
            for i in rest:
                sign = 1.0 if probe[first] * probe[i] > 0 else -1.0
                gap = unit[[first]] - sign * unit[[i]]
                if np.abs(gap.data).max(initial=0.0) <= _CLOSE:
                    result[two_way[i]] = (two_way[first], sign < 0)
                    self.scale[two_way[i]] = sign * float(length[i] / length[first])
                else:
                    waiting.append(i)

    # ---- symbols

    def candidate_numbers(self, e: int) -> np.ndarray:
        """Which rows are the candidates of an exit, outcome by outcome, up to its sign."""
        exit_ = self.tape.exits[e]
        if exit_.sign is not None:
            return self.key_rows(exit_.switch)
        m = len(self.tape.switches[exit_.switch].outcomes)
        return np.arange(self.candidate_starts[e], self.candidate_starts[e] + m)

    def symbols(self, classes: list[Class], owner: dict[int, tuple[int, bool]]):
        """Symbols as (class, maximum, candidates), and what they and the exits are made of.

        Exit e is row e of the selection `exits` plus row e of `mix` times the symbols.
        """
        exits_of = np.zeros(len(classes), dtype=int)
        for e in self.tape.exits:
            exits_of[owner[e.switch][0]] += 1
        nested = np.diff(csr(self.rows[:, self.d :]).indptr) > 0
        symbols: list[tuple[int, bool, int]] = []
        exits, candidates = _Selection(), _Selection()
        rho: dict[int, int] = {}
        triples: list[tuple[int, int, float]] = []
        unproved: list[int] = []
        for e in self.tape.exits:
            switch = self.tape.switches[e.switch]
            number, flipped = owner[e.switch]
            c = classes[number]
            if switch.ball:
                candidates.add([])
                exits.add([])
                triples.append((e.index, len(symbols), 1.0))
                symbols.append((number, False, 1))
                continue
            rows, sign = self.candidate_numbers(e.index), e.sign or 1.0
            m = len(rows)
            if c.trivial and not c.forced:
                exits.add([(sign, rows[c.allowed[0]])])  # candidates agree identically
                continue
            alpha = None
            if m == 2 and not c.forced:
                alpha = self.multiple(c, e.switch, e.sign, rows)
            alone = e.sign is not None and exits_of[number] == 1 and bool(nested[rows].any())
            if alpha is not None and not alone:
                if number not in rho:
                    rho[number] = len(symbols)
                    symbols.append((number, True, 2))
                    candidates.add([(1.0, c.base), (-1.0, c.base + 1)])
                    candidates.add([])
                exits.add([(sign, rows[0 if flipped else 1])])
                triples.append((e.index, rho[number], -alpha if flipped else alpha))
                continue
            if alpha is None and e.sign is None:
                unproved.append(e.index)
            for k in reversed(range(m)) if flipped else range(m):
                candidates.add([(1.0, rows[k])])  # minus the exit, where it is a minimum
            exits.add([])
            triples.append((e.index, len(symbols), sign))
            symbols.append((number, e.sign is not None, m))
        where = np.array(triples).reshape(-1, 3)
        mix = csr(
            (where[:, 2], (where[:, 0].astype(int), where[:, 1].astype(int))),
            shape=(self.E, len(symbols)),
        )
        return symbols, exits, mix, candidates, unproved

    def multiple(self, c: Class, t: int, sign: float | None, rows: np.ndarray) -> float | None:
        """α with candidate₀ − candidate₁ = α · margin of the class, identically."""
        if sign is not None:
            return sign * self.scale.get(t, 1.0)
        i, j = c.base, c.base + 1
        margin = np.append(
            _entries(self.rows[[i]] - self.rows[[j]]), self.values[i] - self.values[j]
        )
        gap = np.append(
            _entries(self.rows[[rows[0]]] - self.rows[[rows[1]]]),
            self.values[rows[0]] - self.values[rows[1]],
        )
        if not np.all(np.isfinite(margin)) or not np.all(np.isfinite(gap)):
            return None
        square = float(margin @ margin)
        if square == 0.0:
            return None
        alpha = float(gap @ margin) / square
        if np.abs(gap - alpha * margin).max() > _CLOSE * max(np.abs(gap).max(), 1e-300):
            return 0.0 if not gap.any() else None
        return alpha

    def substituted(self, rows: Sparse, mix: Sparse, count: int) -> Callable[[Sparse], Sparse]:
        """Rows over (x, δ) → rows over (x, symbols), by the triangular system of the exits."""
        own = beside([rows[:, : self.d], mix])
        feeds = rows[:, self.d :]
        solved = own
        for _ in range(self.E):  # at most as often as exits feed each other
            following = csr(own + feeds @ solved)
            if not feeds.nnz or abs(following - solved).max() == 0.0:
                break
            solved = following

        def to_symbols(raw: Sparse) -> Sparse:
            raw = csr(raw)
            plain = beside([raw[:, : self.d], csr((raw.shape[0], count))])
            if not self.E:
                return plain
            delta = raw[:, self.d :]
            return _cleaned(plain + delta @ solved, abs(plain) + abs(delta) @ abs(solved))

        return to_symbols


class _Selection:
    """Rows that are combinations of given rows, put together at once."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, float]] = []
        self.count = 0

    def add(self, terms: list[tuple[float, Any]]) -> None:
        self.entries.extend((self.count, int(row), weight) for weight, row in terms)
        self.count += 1

    def of(self, rows: Sparse) -> Sparse:
        where = np.array(self.entries).reshape(-1, 3)
        pick = csr(
            (where[:, 2], (where[:, 0].astype(int), where[:, 1].astype(int))),
            shape=(self.count, rows.shape[0]),
        )
        picked = csr(pick @ rows)
        picked.eliminate_zeros()
        return picked


def _entries(row: Sparse) -> np.ndarray:
    """A row's entries; a long row's images under fixed irregular weights, a few numbers."""
    if row.shape[1] < 4096:
        return row.toarray().ravel()
    row = coo(row)
    columns = row.coords[1].astype(np.float64)
    return np.array([row.data @ np.cos(k * 0.7310585 * columns + k) for k in range(1, 9)])


def _without_rounding(rows: Sparse, d: int) -> Sparse:
    """Without the weights on exits that are rounding of the row: 1 − Σ softmax is not zero."""
    coordinates = coo(rows)
    largest = np.zeros(rows.shape[0])
    np.maximum.at(largest, coordinates.coords[0], np.abs(coordinates.data))
    tiny = np.abs(coordinates.data) <= _ROUNDING * largest[coordinates.coords[0]]
    keep = ~(tiny & (coordinates.coords[1] >= d))
    where = tuple(c[keep] for c in coordinates.coords)
    return csr((coordinates.data[keep], where), shape=rows.shape)


def _cleaned(rows: Sparse, sizes: Sparse) -> Sparse:
    """Without the entries that are rounding of what cancelled."""
    rows = csr(rows)
    floor = csr(sizes) * 1e-13
    keep = csr(abs(rows) > floor)
    cleaned = csr(rows.multiply(keep))
    cleaned.eliminate_zeros()
    return cleaned
