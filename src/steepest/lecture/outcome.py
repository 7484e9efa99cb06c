"""What became of a claim, and the record of it in `claims.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from steepest.lecture.claim import Claim
from steepest.report import short, strict_number
from steepest.theorems.certificate import Certificate

Status = Literal["holds", "fails", "error"]


@dataclass(frozen=True)
class Outcome:
    """A claim that has ended.

    Attributes:
        claim: what was run.
        seed: from which seed.
        seconds: how long the claim ran, its drawing apart.
        certificate: what it returned, or None where it raised.
        error: the exception in one line, where the status is "error".
        traceback: where that came from.
        svg: its figure.
        alt: what the figure shows, in words.
    """

    claim: Claim
    seed: int
    seconds: float
    certificate: Certificate | None = None
    error: str | None = None
    traceback: str | None = None
    svg: bytes | None = field(default=None, repr=False)
    alt: str = ""

    @property
    def status(self) -> Status:
        """ "holds", "fails" (also where nothing could be compared), or "error" where it raised."""
        if self.error is not None or self.certificate is None:
            return "error"
        return "holds" if self.certificate.holds else "fails"

    @property
    def measured(self) -> float | None:
        """The left side where the ratio is worst."""
        return self._at_worst("measured")

    @property
    def bound(self) -> float | None:
        """The right side where the ratio is worst."""
        return self._at_worst("bound")

    @property
    def allowance(self) -> float:
        """The rounding allowed to the right side, there."""
        return self._at_worst("allowance") or 0.0

    @property
    def right_side(self) -> str:
        """The bound for tables, with the rounding allowed where that decides the verdict."""
        bound, measured = self.bound, self.measured
        if bound is not None and measured is not None and measured > bound and self.allowance:
            return f"{short(bound)}+{self.allowance:.0e}"
        return short(bound)

    @property
    def slack(self) -> float | None:
        """The worst ratio of left to right: at most 1 where the claim holds."""
        return None if self.certificate is None else self.certificate.slack

    @property
    def figure(self) -> str | None:
        """The figure's path, from the folder that holds `claims.json`."""
        return None if self.svg is None else f"figures/{self.claim.id}.svg"

    def _at_worst(self, side: Literal["measured", "bound", "allowance"]) -> float | None:
        if self.certificate is None or self.certificate.worst is None:
            return None
        return float(getattr(self.certificate, side)[self.certificate.worst])

    def record(self) -> dict[str, str | int | float | None]:
        """The claim's entry in `claims.json`; what JSON cannot hold (NaN, infinities) is None."""
        return {
            "id": self.claim.id,
            "title": self.claim.title,
            "source": self.claim.source,
            "status": self.status,
            "measured": strict_number(self.measured),
            "bound": strict_number(self.bound),
            "slack": strict_number(self.slack),
            "seconds": round(self.seconds, 6),
            "seed": self.seed,
            "figure": self.figure,
        }


def to_json(outcomes: Sequence[Outcome]) -> str:
    """The text of `claims.json`."""
    records = [outcome.record() for outcome in outcomes]
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
