"""Identities between margins, tested at random points at distances O(1): probability one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.clarke._component import Margin
from steepest.pieces import Program, Tape
from steepest.pieces._compile import compiled

_IDENTICAL = 1e-12  # what a sum may differ from zero, relative to its terms, and be zero
_FEW = 6  # patterns evaluated one by one rather than compiled


class Identities:
    """Tests Σ λ (κ_i − κ_j) ≡ 0 for the frozen program of a pattern at random points."""

    def __init__(self, program: Program, tape: Tape, rng: np.random.Generator):
        self.program, self.tape, self.rng = program, tape, rng
        self.tests = 0

    def vanish(self, questions: list[tuple[dict[int, int], list[tuple[float, int, int]]]]) -> list:
        """For each (outcomes by switch, [(λ, i, j)]): whether the sum is identically zero.

        It must hold whatever the switches do whose outcomes are not given.
        """
        if not questions:
            return []
        self.tests += len(questions)
        good = np.ones(len(questions), bool)
        padded = 1 << (len(questions) - 1).bit_length()
        told = [outcomes for outcomes, _ in questions]
        told += [{}] * (padded - len(questions))
        for radius in (0.4, 0.1, 0.02):
            keys = self.keys(self.points(padded, radius), *self.patterns(told))
            for row, (_, terms) in enumerate(questions):
                total = sum(w * (keys[row, i] - keys[row, j]) for w, i, j in terms)
                size = sum(w * (abs(keys[row, i]) + abs(keys[row, j])) for w, i, j in terms)
                # Not `>`: what is not finite decides nothing.
                good[row] &= bool(abs(total) <= _IDENTICAL * size)
        return list(good)

    def margins(self, outcomes: dict[int, int], pairs: list[Margin], count: int) -> np.ndarray:
        """The margins κ_i − κ_j of a pattern at random points, shape (count, pairs)."""
        keys = self.keys(self.points(count, 0.3), *self.patterns([outcomes] * count))
        first, second = (np.array([p[k] for p in pairs]) for k in (0, 1))
        return keys[:, first] - keys[:, second]

    def points(self, count: int, radius: float) -> list[np.ndarray]:
        return [
            leaf + radius * (1 + np.abs(leaf)) * self.rng.standard_normal((count, *leaf.shape))
            for leaf in self.program.start
        ]

    def patterns(self, told: list[dict[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Outcomes of all switches, and what stands at the exits of those that are not told.

        A switch that is not told may do anything: its exits hold random numbers, so that what is
        found holds for all its outcomes. (Drawing outcomes would not do: of relu(u)·relu(v) three
        outcomes in four are zero.)
        """
        counts = np.array([len(s.outcomes) for s in self.tape.switches])
        sigma = self.rng.integers(0, counts, size=(len(told), len(counts)))
        known = np.zeros(sigma.shape, bool)
        for s in self.tape.switches:
            if s.forced is not None:
                sigma[:, s.index], known[:, s.index] = s.forced, True
        for row, outcomes in enumerate(told):
            for t, outcome in outcomes.items():
                sigma[row, t], known[row, t] = outcome, True
        exits = self.tape.exits
        owners = np.array([e.switch for e in exits], dtype=int)
        base = np.array([e.base for e in exits])
        moved = base + 0.3 * (1 + np.abs(base)) * self.rng.standard_normal((len(told), len(exits)))
        return sigma, np.where(known[:, owners], np.nan, moved)

    def keys(self, leaves: list[np.ndarray], sigma: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """Keys of all switches, one row for each (point, pattern)."""
        arrays = [jnp.asarray(leaf) for leaf in leaves]
        if len(sigma) > _FEW:
            return np.asarray(self.mapped(arrays, jnp.asarray(sigma), jnp.asarray(moved)))
        return np.stack(
            [
                np.asarray(self.tape.frozen([a[i] for a in arrays], sigma[i], moved[i])[1])
                for i in range(len(sigma))
            ]
        )

    @cached_property
    def mapped(self) -> Any:
        return compiled(jax.vmap(lambda *pattern: self.tape.frozen(*pattern)[1]))
