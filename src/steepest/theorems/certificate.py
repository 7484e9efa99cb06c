"""The one shape of a theorem's outcome: hypotheses with their evidence, and left ≤ right.

Every theorem is written as an inequality left ≤ right at each of some steps of a run. The
certificate keeps both sides as they were computed, the rounding allowed to the right side, and the
evidence for each hypothesis. It holds when no hypothesis is violated and the worst ratio
left / (right + allowance) is at most one. A NaN compares with nothing: by itself it neither
confirms nor violates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from jaxtyping import Bool, Float


class Evidence(StrEnum):
    """What a hypothesis rests on."""

    PROVED = "proved"  # read off the program
    GIVEN = "given"  # the user says so, and the run does not contradict it
    MEASURED = "measured"  # checked along this run only
    VIOLATED = "violated"  # contradicted, and the detail says where
    UNKNOWN = "unknown"  # neither shown nor contradicted: the certificate cannot hold on it


@dataclass(frozen=True)
class Hypothesis:
    """One assumption of a theorem, and why we believe it (or do not).

    Attributes:
        name: the assumption, in words.
        evidence: what it rests on.
        detail: what was looked at; for a violated one the point or step that contradicts it.
        value: the constant, where the hypothesis carries one.
    """

    name: str
    evidence: Evidence
    detail: str = ""
    value: float | None = None

    def __str__(self) -> str:
        tail = f" ({self.detail})" if self.detail else ""
        return f"{self.evidence}: {self.name}{tail}"


@dataclass(frozen=True)
class Statement:
    """What a theorem says and where it is proved.

    Attributes:
        name: the function's name in `steepest.theorems`.
        id: the lecture's id, such as "D1".
        left, right: the two sides in words or symbols, for tables.
        latex: the guarantee, as LaTeX between dollar signs and words.
        source: author, year, theorem.
    """

    name: str
    id: str
    left: str
    right: str
    latex: str
    source: str


@dataclass(frozen=True)
class Certificate:
    """The outcome of a theorem on a problem.

    Attributes:
        statement: what is claimed.
        hypotheses: each with its evidence.
        steps: the step numbers (or times) at which the two sides were compared.
        measured: left side at those steps.
        bound: right side at those steps.
        allowance: rounding allowed to the right side at those steps.
        trajectory: the run, where there was one.
        worst_case: what the worst function of the whole class does at `worst_case_step`, where
            that was asked for: a number to put beside measured and bound there.
        worst_case_step: the step (one of `steps`) that it belongs to.
        constants: the numbers of the class and of the method, such as "smoothness",
            "strong_convexity", "learning_rate" and "momentum"; "initial" is what the bound
            multiplies.
        figure: what `steepest.plot` draws, a panel each. Without any, the two sides are drawn
            against the steps.
        notes: what else a reader should know.
        parts: the certificates that this one is the conjunction of.
    """

    statement: Statement
    hypotheses: tuple[Hypothesis, ...]
    steps: Float[np.ndarray, " n"]
    measured: Float[np.ndarray, " n"]
    bound: Float[np.ndarray, " n"]
    allowance: Float[np.ndarray, " n"]
    trajectory: Any = None
    worst_case: float | None = None
    worst_case_step: float | None = None
    constants: dict[str, float] = field(default_factory=dict)
    figure: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    parts: tuple[Certificate, ...] = field(default=(), repr=False)

    @property
    def ratios(self) -> Float[np.ndarray, " n"]:
        """left / (right + allowance) at each step; 0/0 is 0, and ∞ where they do not compare."""
        right = self.bound + self.allowance
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(right > 0, self.measured / right, np.inf)
        ratio = np.where(np.isposinf(right) & np.isfinite(self.measured), 0.0, ratio)
        ratio = np.where((self.measured <= 0) & (right >= self.measured), 0.0, ratio)
        return np.where(self._incomparable | np.isnan(ratio), np.inf, ratio)

    @property
    def _incomparable(self) -> Bool[np.ndarray, " n"]:
        """Where a side is NaN or both are beyond float64: no order to be told there."""
        right = self.bound + self.allowance
        both = np.isposinf(self.measured) & np.isposinf(right)
        return np.isnan(self.measured) | np.isnan(right) | both

    @property
    def worst(self) -> int | None:
        """Index into `steps` of the worst ratio, or None where nothing was compared."""
        return int(np.argmax(self.ratios)) if len(self.steps) else None

    @property
    def slack(self) -> float | None:
        """The worst ratio over the run: at most 1 where the bound holds."""
        return None if self.worst is None else float(self.ratios[self.worst])

    @property
    def violated(self) -> tuple[Hypothesis, ...]:
        """The hypotheses that are contradicted."""
        return tuple(h for h in self.hypotheses if h.evidence is Evidence.VIOLATED)

    @property
    def holds(self) -> bool | None:
        """Whether the theorem is confirmed: every hypothesis stands and left ≤ right throughout.

        None where nothing speaks against it but a hypothesis is unknown, or nothing was compared,
        somewhere or at all: a side is NaN, or both are beyond float64.
        """
        if self.violated or any(part.holds is False for part in self.parts):
            return False
        if np.any(self.ratios[~self._incomparable] > 1.0):
            return False
        unknown = any(h.evidence is Evidence.UNKNOWN for h in self.hypotheses)
        unknown = unknown or any(part.holds is None for part in self.parts)
        unknown = unknown or bool(np.any(self._incomparable))
        return None if unknown or self.slack is None else True

    def __bool__(self) -> bool:
        return self.holds is True

    def with_bound(self, bound: Any, **changes: Any) -> Certificate:
        """The same run against another right side: how a slip of the pen is shown failing."""
        bound = np.broadcast_to(np.asarray(bound, np.float64), self.measured.shape)
        return replace(self, bound=bound, **changes)

    def __str__(self) -> str:
        verdict = {True: "holds", False: "FAILS", None: "not known"}[self.holds]
        lines = [f"{self.statement.id} {self.statement.name}: {verdict}"]
        lines.append(f"  {self.statement.left} ≤ {self.statement.right}")
        if self.worst is not None:
            lines.append(
                f"  worst at step {self.steps[self.worst]:g} of {len(self.steps)} compared: "
                f"{self.measured[self.worst]:.6g} ≤ {self.bound[self.worst]:.6g}, "
                f"slack {self.slack:.6g} "
                f"(rounding allowed: {self.allowance[self.worst]:.1e})"
            )
        lines += [f"  {hypothesis}" for hypothesis in self.hypotheses]
        lines += [f"  note: {note}" for note in self.notes]
        lines.append(f"  source: {self.statement.source}")
        return "\n".join(lines)


def nothing_compared(statement: Statement, hypotheses: Sequence[Hypothesis]) -> Certificate:
    """A certificate on hypotheses alone: what is to be compared cannot be had without them."""
    nothing = np.zeros(0)
    return Certificate(statement, tuple(hypotheses), nothing, nothing, nothing, nothing)


def all_of(
    statement: Statement, parts: Sequence[Certificate], *, figure: tuple[Any, ...] = ()
) -> Certificate:
    """The conjunction: holds when every part does; its two sides are those of the worst part."""

    def badness(part: Certificate) -> tuple[bool, float]:
        return part.holds is False, -1.0 if part.slack is None else part.slack

    worst = max(parts, key=badness)
    hypotheses = dict.fromkeys(h for part in parts for h in part.hypotheses)
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return replace(
        worst,
        statement=statement,
        hypotheses=tuple(hypotheses),
        notes=tuple(notes),
        figure=figure or tuple(panel for part in parts for panel in part.figure),
        parts=tuple(parts),
    )
