"""What an audit found, as facts; printed, and written, they are the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from steepest.audit._kinks import KinkLine
from steepest.audit._smoothness import Smoothness
from steepest.report import strict_number


@dataclass(frozen=True)
class LeafFacts:
    """One leaf of the parameters.

    Attributes:
        name, shape: the leaf.
        degree: of the predictions in this leaf alone, where proved; "any" where they are 0.
        reason: what breaks it, else what it rests on.
        squared_norm: ‖W‖².
    """

    name: str
    shape: tuple[int, ...]
    degree: Fraction | str | None
    reason: str
    squared_norm: float


@dataclass(frozen=True)
class HomogeneityFacts:
    """The predictions as a function of the parameters.

    Attributes:
        status, degree, reason: in all leaves together, as `homogeneity` says.
        rescalings: how many independent rescalings of slices are proved to change nothing; None
            where there are too many slices.
        consequences: what follows, in sentences.
    """

    status: str
    degree: Fraction | str | None
    reason: str
    rescalings: int | None
    consequences: tuple[str, ...]


@dataclass(frozen=True)
class KinkFacts:
    """The kinks met on the batch.

    Attributes:
        lines: by line and primitive.
        singular: lines where a step has no derivative, with how many numbers.
        autodiff: whether what jax.grad returns is a Clarke subgradient: True, False, or None where
            not known.
        autodiff_reason: why; the lines to blame.
    """

    lines: tuple[KinkLine, ...]
    singular: dict[str, int]
    autodiff: bool | None
    autodiff_reason: str

    @property
    def tied(self) -> int:
        return sum(line.tied for line in self.lines)

    @property
    def units(self) -> int:
        return sum(line.units or 0 for line in self.lines)

    @property
    def dead(self) -> int:
        return sum(line.dead for line in self.lines)


@dataclass(frozen=True)
class AuditReport:
    """Everything that was found. `print(report)` is a page of text.

    Attributes:
        parameters, examples: how many.
        called: how the model was called.
        loss: the mean loss on the batch, or None without one.
        homogeneity, leaves, differences, kinks, smoothness: see their types; `differences` are
            ‖W_i‖² − ‖W_{i+1}‖² of leaves that follow one another.
        unsaid: what could not be said, and why.
    """

    parameters: int
    examples: int
    called: str
    loss: float | None
    homogeneity: HomogeneityFacts
    leaves: tuple[LeafFacts, ...]
    differences: tuple[float, ...]
    kinks: KinkFacts
    smoothness: Smoothness | None
    unsaid: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain values: degrees as strings, what is not finite as None."""
        facts = asdict(self)
        facts["kinks"] |= {
            "tied": self.kinks.tied,
            "units": self.kinks.units,
            "dead": self.kinks.dead,
        }
        if self.smoothness is not None:
            facts["smoothness"] |= {
                "stable_step": self.smoothness.stable_step,
                "descending_step": self.smoothness.descending_step,
            }
        return _plain(facts)

    def to_json(self) -> str:
        """The facts as strict JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_html(self) -> str:
        """The facts as one page that needs no network.

        Raises:
            MissingExtraError: Jinja2 or latex2mathml is not installed.
        """
        from steepest.audit._page import page_of
        from steepest.report import render_page

        return render_page(page_of(self))

    def __str__(self) -> str:
        from steepest.audit._page import page_of
        from steepest.report import render_text

        return render_text(page_of(self))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Fraction):
        return str(value)
    return strict_number(value) if isinstance(value, float) else value
